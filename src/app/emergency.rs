//! `ripcord rollback --release NAME | --deployment NAME`: back with no earlier run. The live history is read and shown,
//! a revision suggested and why; one destructive step leads there, and the history is read again to see that it did.

use std::path::Path;

use super::{Fault, clock, drive, open, prepare};
use crate::{
    cli::{self, Common},
    effects::kube::{
        baseline::{self, Revision},
        connect::{Cluster, ConnectOptions, connect},
    },
    headless::answers::Answers,
    runbook::{self, model::PickOf},
    visible,
};

pub fn rollback(common: &Common, args: &cli::Rollback) -> Result<u8, Fault> {
    if common.read_only {
        return Err(Fault::usage("the way back writes; give it without --read-only"));
    }
    let of = PickOf { helm_release: args.release.clone(), deployment: args.deployment.clone() };
    let Some(name) = of.helm_release.as_deref().or(of.deployment.as_deref()).filter(|name| is_name(name)) else {
        return Err(Fault::usage("the name of the release or deployment is no Kubernetes name"));
    };
    drive::can_be_driven(&args.headless)?;
    let answers = prepare::read_answers(args.headless.answers.as_deref())?;
    drive::runtime()?.block_on(async {
        let cluster = pinned(common).await?;
        let all = history(&cluster, &of).await?;
        let chosen = choose(&all, args.to_revision)?;
        let loaded = runbook::load_str("emergency-rollback.yaml", &book(&of, name, &cluster.namespace, chosen))
            .map_err(|_| Fault::failed("the book of an emergency rollback does not load (a bug)".to_owned()))?;
        let run =
            cli::Run { runbook: "emergency-rollback".into(), headless: args.headless.clone(), ..cli::Run::default() };
        let common = Common {
            context: Some(cluster.context.clone()),
            namespace: Some(cluster.namespace.clone()),
            ..common.clone()
        };
        let path = Path::new("emergency-rollback.yaml");
        let mut prepared = prepare::prepare_loaded(&common, &run, &Answers::default(), path, loaded)?;
        let policy = drive::policy(&prepared.opened, &args.headless, answers)?;
        let doors = drive::doors(&common, &args.headless);
        prepare::preflight(&mut prepared.opened, &doors).await?;
        let live = open::fresh(prepared, &doors)?;
        let code = drive::front(live, &common, &args.headless, policy, None).await?.code;
        if code != 0 {
            return Ok(code);
        }
        verified(&cluster, &of, chosen).await
    })
}

async fn pinned(common: &Common) -> Result<Cluster, Fault> {
    let options = ConnectOptions {
        kubeconfig: common.kubeconfig.clone(),
        context: common.context.clone(),
        namespace: common.namespace.clone(),
        in_cluster: false,
    };
    connect(options).await.map_err(|error| Fault::failed(format!("the cluster cannot be reached: {error:#}")))
}

async fn history(cluster: &Cluster, of: &PickOf) -> Result<Vec<Revision>, Fault> {
    baseline::revisions(cluster, of, clock::now().wall)
        .await
        .map_err(|error| Fault::failed(format!("the history cannot be read: {error:#}")))
}

/// The one asked for, else the one suggested; the whole history is shown first.
fn choose(all: &[Revision], asked: Option<i64>) -> Result<&Revision, Fault> {
    for one in all {
        let mark = match (one.current, &one.suggested) {
            (true, _) => "now",
            (false, Some(_)) => "->",
            (false, None) => "",
        };
        let lived = one.live_for.as_deref().map(|lived| format!("live for {lived}")).unwrap_or_default();
        let line = format!(
            "{mark:>3} {:>4}  {:<12} {:<40} {:>6} old  {lived}  {}",
            one.revision,
            one.status,
            one.images.join(","),
            one.age,
            one.by
        );
        outln!("{}", visible::line(line.trim_end()));
    }
    let found = match asked {
        Some(number) => all.iter().find(|one| one.revision == number || one.earlier.contains(&number)),
        None => all.iter().find(|one| one.suggested.is_some()),
    };
    let Some(found) = found else {
        return Err(Fault::failed(match asked {
            Some(number) => format!("there is no revision {number} in this history; nothing was changed"),
            None => "no revision of this history ran another image and was superseded while it was deployed; name one with --to-revision".to_owned(),
        }));
    };
    if found.current {
        return Err(Fault::failed(format!("revision {} is what runs now; nothing was changed", found.revision)));
    }
    let why = found.suggested.clone().unwrap_or_else(|| "you named it".to_owned());
    outln!("{}", visible::line(&format!("back to revision {}: {why}", found.revision)));
    Ok(found)
}

fn book(of: &PickOf, name: &str, namespace: &str, to: &Revision) -> String {
    let images = to.images.join(", ").replace(['\'', '$', '{', '}'], "");
    let revision = to.revision;
    let steps = match of.helm_release {
        Some(_) => format!(
            "- id: back\n  title: 'Back to revision {revision} ({images})'\n  helm: {{rollback: {{release: {name}, revision: {revision}, wait: true, timeout: 5m}}}}\n"
        ),
        None => format!(
            "- id: back\n  title: 'Back to revision {revision} ({images})'\n  kubernetes: {{rolloutUndo: {{kind: Deployment, name: {name}, toRevision: {revision}}}}}\n- id: settled\n  title: See that it runs\n  kubernetes: {{rolloutStatus: {{kind: Deployment, name: {name}, timeout: 5m}}}}\n"
        ),
    };
    format!(
        "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: emergency-rollback, title: 'Roll {name} back'}}\ntarget: {{namespace: {namespace}}}\nbaseline: {{none: this is the way back itself}}\nsteps:\n{steps}"
    )
}

/// What runs now has the images of the revision that was chosen; anything else is said and is no success.
async fn verified(cluster: &Cluster, of: &PickOf, chosen: &Revision) -> Result<u8, Fault> {
    let now = history(cluster, of).await?;
    let Some(current) = now.iter().find(|one| one.current) else {
        return Err(Fault::failed("nobody can say what runs now: the history names no current revision"));
    };
    if current.images == chosen.images {
        outln!(
            "{}",
            visible::line(&format!("verified: revision {} runs {}", current.revision, current.images.join(", ")))
        );
        return Ok(0);
    }
    Err(Fault::failed(format!(
        "rollback incomplete: revision {} runs {}, not {}",
        current.revision,
        current.images.join(", "),
        chosen.images.join(", ")
    )))
}

/// As the API server has it: letters, digits, `-` and `.`.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.len() <= 253 && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64, image: &str) -> Revision {
        Revision { revision: number, images: vec![image.into()], ..Revision::default() }
    }

    #[test]
    fn the_book_of_either_kind_passes_its_check() {
        let to = revision(12, "ghcr.io/x/y:v1.3.9");
        for of in [
            PickOf { helm_release: Some("ml-system".into()), deployment: None },
            PickOf { helm_release: None, deployment: Some("ml-api".into()) },
        ] {
            let text = book(&of, "ml-api", "ml", &to);
            if let Err(problems) = runbook::load_str("e.yaml", &text) {
                panic!("{}", problems.iter().map(|problem| problem.render()).collect::<String>());
            }
        }
    }

    #[test]
    fn only_another_revision_than_the_current_one_is_gone_back_to() {
        let now = Revision { current: true, ..revision(3, "b") };
        let good = Revision { suggested: Some("it ran another image".into()), ..revision(1, "a") };
        let all = [now, revision(2, "b"), good];
        assert_eq!(choose(&all, None).unwrap().revision, 1);
        assert_eq!(choose(&all, Some(2)).unwrap().revision, 2);
        assert!(choose(&all, Some(3)).unwrap_err().message.contains("runs now"));
        assert!(choose(&all, Some(9)).unwrap_err().message.contains("no revision 9"));
        assert!(choose(&all[..2], None).unwrap_err().message.contains("--to-revision"));
    }

    #[test]
    fn a_name_is_one_of_kubernetes() {
        assert!(is_name("ml-system.v2"));
        assert!(!is_name("a, revision: 1}") && !is_name("A") && !is_name(""));
    }
}
