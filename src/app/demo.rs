//! `ripcord demo`: the shipped runbook on the embedded cluster. An ordinary run, with an ordinary trail, that says what
//! it is: its target is `embedded://demo`.

use std::path::Path;

use super::{
    Fault, anchor, drive,
    open::{self, Doors},
    prepare,
};
use crate::{
    cli::{self, Common},
    demo,
    engine::fact::Opened,
    headless::answers::{self, Answers},
    pace,
    runbook::{self, Problem},
};

/// Which names its pods get; the same for everybody, so that a screen can be talked about.
const SEED: u64 = 0x0072_6970_636f_7264;

pub fn play(common: &Common, args: &cli::Demo) -> Result<u8, Fault> {
    let headless = drive::wants_headless(&args.headless)?;
    if !(1.0..=pace::FASTEST).contains(&args.speed) {
        return Err(Fault::usage(format!("--speed {}: from 1 to {}", args.speed, pace::FASTEST)));
    }
    let answers = answers_of(args, headless)?;
    // What the command line says of a real cluster means nothing here.
    let common = Common {
        context: None,
        namespace: None,
        kubeconfig: None,
        fallback: cli::Fallback::default(),
        ..common.clone()
    };
    let run = cli::Run {
        runbook: demo::CONTEXT.into(),
        param: vec![format!("image_tag={}", args.scenario.tag())],
        params: None,
        dry_run: false,
        headless: args.headless.clone(),
    };
    let name = format!("{}/{}.yaml", demo::SERVER, args.scenario.name());
    let loaded = runbook::load_str(&name, demo::BOOK).map_err(|problems| {
        let all: String = problems.iter().map(Problem::render).collect();
        Fault::usage(format!("the demo's own runbook is not fit to run (a bug)\n{all}"))
    })?;
    let mut prepared = prepare::prepare_loaded(&common, &run, &answers, Path::new(&name), loaded)?;
    let policy = drive::policy(&prepared.opened, &args.headless, answers)?;
    anchor::what_was_left(&prepared.state_dir);
    drive::runtime()?.block_on(async {
        let cluster = demo::cluster(args.scenario, SEED, pace::now);
        pace::set(args.speed); // not before: what is slow here is none of the demo's time
        prepare::preflight(&mut prepared.opened, None, Some(cluster.clone())).await?;
        let doors = Doors { terminal: !headless, kubeconfig: None, cluster: Some(cluster) };
        let live = open::fresh(prepared, &doors)?;
        drive::front(live, &common, &args.headless, policy, None).await
    })
}

/// Headless, the scenario answers for the person, unless a file does.
fn answers_of(args: &cli::Demo, headless: bool) -> Result<Answers, Fault> {
    if args.headless.answers.is_some() || !headless {
        return prepare::read_answers(args.headless.answers.as_deref());
    }
    let bug = |error: String| Fault::usage(format!("the demo's own answers are wrong (a bug): {error}"));
    answers::parse(runbook::data::read(args.scenario.answers()).map_err(bug)?)
        .map_err(|problems| bug(problems.join("; ")))
}

/// A demo's world ends with its process; nothing can be taken up on it.
pub fn is_over(opened: &Opened) -> Result<(), Fault> {
    if opened.target.server != demo::SERVER {
        return Ok(());
    }
    Err(Fault::usage(format!("{} was a demo, and its cluster ended with it; `ripcord demo` plays another", opened.run)))
}
