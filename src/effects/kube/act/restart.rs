//! `rolloutRestart`: kubectl's own annotation on the pod template, so that both tools tell the same story.

use serde_json::json;

use super::{
    ActContext, Stop, Told,
    evidence::evidence,
    patch::find,
    rollout,
    wire::{Content, Write},
};
use crate::runbook::model::Rollout;

pub(super) async fn restart(cx: &ActContext<'_>, of: &Rollout) -> Result<Told, Stop> {
    let found = find(cx, &of.kind, &of.name, of.namespace.as_ref()).await?;
    rollout::must_roll(&found.resource)?;
    if found.object.pointer("/spec/paused") == Some(&json!(true)) {
        let message =
            format!("{} is paused and would not restart; resume it first (kubectl rollout resume)", found.name);
        return Err(Stop::failed("refused", message));
    }
    let at = cx.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let body = json!({
        "metadata": {"uid": found.uid(), "annotations": {"kubernetes.io/change-cause": cx.cause()}},
        "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at}}}},
    });
    let path = format!("{}?fieldManager=ripcord", found.path);
    let after = found.write(cx, &Write::patch(path, Content::Strategic, body)).await?;
    let line = format!("{} restarted", found.name);
    cx.say(&line);
    Ok(Told::wrote(line, Some(evidence(&found.object)), &after))
}
