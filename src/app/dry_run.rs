//! `ripcord run RUNBOOK --dry-run`: every step with its exact command or request, and what the server says to a dry
//! run of those that write. Opens no run and changes nothing.

use super::{Fault, clock, drive, open, prepare, say};
use crate::{
    cli::Common,
    effects::{
        World,
        kube::{baseline, identity},
    },
    engine::{Run, fact::Opened, state::Lane},
    runbook::model::{BaselineSpec, Risk},
    visible,
};

pub fn print(common: &Common, prepared: prepare::Prepared) -> Result<u8, Fault> {
    prepared.missing.iter().for_each(|missing| say(&format!("a run would be refused: {missing}")));
    let dir = prepared.dir();
    let mut opened = prepared.opened;
    let doors = open::Doors { kubeconfig: common.kubeconfig.clone(), ..open::Doors::default() };
    drive::runtime()?.block_on(async {
        let (world, _ends) = open::wire(&dir, &opened, prepared.secrets, &prepared.redactor, &doors)?;
        let answers = prepare::needs_cluster(&opened.runbook) && is_there(&world, &mut opened).await;
        let run = Run::open(opened.started_at, opened);
        for row in run.rows() {
            let lane = if row.lane == Lane::Rollback { "R" } else { " " };
            let risk = format!("{:?}", row.step.risk()).to_lowercase();
            let (indent, id, title) = (
                row.depth * 2,
                row.id.to_string(),
                visible::line(&run.text_for(&row.id, row.step.title())).into_owned(),
            );
            outln!("{lane} {:indent$}{id:<24} {risk:<11} {title}", "");
            let intent = match run.intent_for(&row.id, None) {
                Ok(intent) => intent,
                Err(why) => {
                    outln!("      (not known yet: {})", visible::line(&why.to_string()));
                    continue;
                }
            };
            intent.command.lines().for_each(|line| outln!("      {}", visible::line(line)));
            if answers && intent.risk > Risk::Read {
                let said = world.preview(&row.id, &intent.action).await;
                said.iter().for_each(|line| outln!("        {line}"));
            }
        }
        Ok(0)
    })
}

/// Whether the cluster answers; then its names, and the baseline that the lane goes back to, are taken from it.
async fn is_there(world: &World, opened: &mut Opened) -> bool {
    let found = async {
        let cluster = world.cluster().await?;
        identity::identify(&cluster).await.map(|_| cluster)
    };
    let cluster = match found.await {
        Ok(cluster) => cluster,
        Err(error) => {
            say(&format!("the server's own dry run is left out, the cluster cannot be asked: {error:#}"));
            return false;
        }
    };
    opened.target.context.clone_from(&cluster.context);
    opened.target.namespace.clone_from(&cluster.namespace);
    if let Some(spec) = opened.runbook.baseline.as_ref().filter(|spec| !matches!(spec, BaselineSpec::None(_))) {
        match baseline::capture(&cluster, spec, clock::now().wall).await {
            Ok(baseline) => opened.baseline = Some(baseline),
            Err(error) => say(&format!("a run would be refused: there is no baseline to lead back to: {error:#}")),
        }
    }
    true
}
