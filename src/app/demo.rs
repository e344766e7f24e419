//! `ripcord demo`: the shipped runbook on the embedded cluster. An ordinary run, with an ordinary trail, that says what
//! it is: its target is `embedded://demo`.

use std::{path::Path, time::Duration};

use super::{
    Fault, anchor, clock, drive,
    open::{self, Doors},
    prepare, say,
};
use crate::{
    audit::{self, runs},
    cli::{self, Common, OnPrompt},
    demo::{self, Beginning},
    engine::{Actor, Command, Input, fact::RunStatus, message::Via},
    headless::answers::{self, Answers},
    pace,
    runbook::{self, Loaded, Problem},
};

/// How long what is in flight may take to say how it ended, when the demo is left.
const LAST_WORD: Duration = Duration::from_secs(15);

/// Which names its pods get; the same for everybody, so that a screen can be talked about.
const SEED: u64 = 0x0072_6970_636f_7264;

pub fn play(common: &Common, args: &cli::Demo) -> Result<u8, Fault> {
    drive::can_be_driven(&args.headless)?;
    let headless = args.headless.headless;
    if !(1.0..=pace::FASTEST).contains(&args.speed) {
        return Err(Fault::usage(format!("--speed {}: from 1 to {}", args.speed, pace::FASTEST)));
    }
    let answers = answers_of(args, headless)?;
    // What the command line says of a real cluster means nothing here.
    let common = Common {
        context: Some(demo::CONTEXT.into()),
        namespace: None,
        kubeconfig: None,
        fallback: cli::Fallback::default(),
        ..common.clone()
    };
    let mut flags = args.headless.clone();
    if flags.on_prompt == OnPrompt::Stop {
        flags.on_prompt = OnPrompt::Abort; // nobody could take it up again
    }
    let (name, loaded) = book(args)?;
    let own = args.runbook.is_none().then(|| format!("image_tag={}", args.scenario.tag()));
    let run = cli::Run {
        runbook: name.clone(),
        param: own.into_iter().chain(args.param.clone()).collect(),
        headless: flags.clone(),
        ..cli::Run::default()
    };
    let mut prepared = prepare::prepare_loaded(&common, &run, &answers, Path::new(&name), loaded)?;
    let target = &mut prepared.opened.target;
    if target.namespace.is_empty() {
        target.namespace = demo::NAMESPACE.to_owned();
    }
    let namespace = target.namespace.clone();
    let brings_its_own = prepared.loaded.book.params.contains_key("image_tag");
    let beginning = match (&args.runbook, &args.canary) {
        (None, None) => Beginning::Quiet,
        (_, Some(tag)) => Beginning::InTrouble { namespace, tag: tag.clone() },
        (Some(_), None) if brings_its_own => Beginning::ToDeploy { namespace },
        (Some(_), None) => Beginning::InTrouble { namespace, tag: args.scenario.tag().to_owned() },
    };
    let policy = drive::policy(&prepared.opened, &flags, answers)?;
    anchor::what_was_left(&prepared.state_dir);
    drive::runtime()?.block_on(async {
        let cluster = demo::cluster(args.scenario, beginning, SEED, pace::now);
        pace::set(args.speed); // not before: what is slow here is none of the demo's time
        let doors = Doors { terminal: !headless, cluster: Some(cluster), ..Doors::default() };
        prepare::preflight(&mut prepared.opened, &doors).await?;
        let live = open::fresh(prepared, &doors)?;
        let (state_dir, run) = (live.state_dir.clone(), live.run_id());
        let code = drive::front(live, &common, &flags, policy, None).await?.code;
        close(&state_dir, &run, &doors).await?;
        Ok(code)
    })
}

/// The demo's own runbook, or another; and how the trail names it.
fn book(args: &cli::Demo) -> Result<(String, Loaded), Fault> {
    if let Some(path) = &args.runbook {
        return Ok((path.display().to_string(), prepare::load(path)?));
    }
    let name = format!("{}/{}.yaml", demo::SERVER, args.scenario.name());
    let loaded = runbook::load_str(&name, demo::BOOK).map_err(|problems| {
        let all: String = problems.iter().map(Problem::render).collect();
        Fault::usage(format!("the demo's own runbook is not fit to run (a bug)\n{all}"))
    })?;
    Ok((name, loaded))
}

/// A demo that was left is closed: its cluster ends with this process.
async fn close(state_dir: &Path, run: &str, doors: &Doors) -> Result<(), Fault> {
    if runs::summary(state_dir, run).status != RunStatus::Open {
        return Ok(());
    }
    let mut live = open::resume(state_dir, run, &Answers::default(), doors, open::For::GoingBack)?;
    let by = Actor::system(live.operator.clone(), Via::Console);
    let abort = Command::Abort { why: "the demo was left, and its cluster ended with it".into() };
    let mut next = Some(Input::Command { by, command: abort });
    while let Some(input) = next.take() {
        live.session.handle(clock::now(), &input).map_err(|error| Fault::trail(error.to_string()))?;
        if !live.session.run().is_closed() {
            let heard = tokio::time::timeout(LAST_WORD, live.ends.reports.recv()).await;
            next = heard.ok().flatten().map(|(ticket, report)| Input::Report { ticket, report });
        }
    }
    live.anchor()?;
    say("the demo was left; its run is closed as aborted, and its cluster is gone");
    Ok(())
}

/// Headless, the scenario answers for the person in its own runbook, unless a file does.
fn answers_of(args: &cli::Demo, headless: bool) -> Result<Answers, Fault> {
    if args.headless.answers.is_some() || args.runbook.is_some() || !headless {
        return prepare::read_answers(args.headless.answers.as_deref());
    }
    let bug = |error: String| Fault::usage(format!("the demo's own answers are wrong (a bug): {error}"));
    answers::parse(runbook::data::read(args.scenario.answers()).map_err(bug)?)
        .map_err(|problems| bug(problems.join("; ")))
}

/// It was played on the embedded cluster.
pub fn is_one(state_dir: &Path, run: &str) -> bool {
    runs::opened(state_dir, run).is_some_and(|opened| opened.target.server == demo::SERVER)
}

/// A demo's world ends with its process; nothing can be taken up on it.
pub fn is_over(state_dir: &Path, run: &str) -> Result<(), Fault> {
    if !is_one(state_dir, run) {
        return Ok(());
    }
    Err(Fault::usage(if audit::is_held(&state_dir.join("runs").join(run)) {
        format!("{run} is a demo that another terminal drives; `ripcord attach {run}` looks on")
    } else {
        format!("{run} was a demo, and its cluster ended with it; `ripcord demo` plays another")
    }))
}
