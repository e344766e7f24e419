//! The verbs that drive a run: new ones, resumed ones, pulled ones; and words from another terminal.

use std::{
    io::IsTerminal as _,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Fault, anchor,
    console::waiting,
    exit::Ended,
    open,
    open::{For, Live},
    prepare::{self, Unfit},
    say, state, unattended,
};
use crate::{
    audit::{self, requests, requests::Request, runs},
    cli::{self, Common},
    engine::{
        Actor, Ask, Command, Input, Run,
        fact::{Opened, RunStatus},
        message::Via,
    },
    headless::{Policy, answers::Answers},
    observe::human,
    tui::theme::Theme,
};

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .and_then(|runtime| {
            // A file-size limit must come back as an error of the write, not end the process.
            const SIGXFSZ: i32 = 25;
            let _held = runtime.enter();
            let _handler = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ))?;
            drop(_held);
            Ok(runtime)
        })
        .map_err(|error| Fault::failed(format!("no runtime: {error}")))
}

pub fn run(common: &Common, args: &cli::Run) -> Result<u8, Fault> {
    let answers = prepare::read_answers(args.headless.answers.as_deref())?;
    let mut prepared = prepare::prepare(common, args, &answers)?;
    if let Some(text) = prepare::warnings(&prepared.loaded) {
        say(text.trim_end());
    }
    if args.dry_run {
        return super::dry_run::print(common, prepared);
    }
    can_be_driven(&args.headless)?;
    let policy = policy(&prepared.opened, &args.headless, answers)?;
    anchor::what_was_left(&prepared.state_dir);
    let doors = doors(common, &args.headless);
    driven(common, async {
        match prepare::preflight(&mut prepared.opened, &doors).await {
            Ok(()) => {}
            Err(Unfit::Away(why)) if !args.headless.headless => {
                let theme = Theme::new(common.no_color, common.ascii);
                prepared.opened = waiting::until_fit(&prepared, &doors, theme, why).await?;
            }
            Err(unfit) => return Err(unfit.into()),
        }
        let mut live = open::fresh(prepared, &doors)?;
        live.pod.clone_from(&args.pod);
        front(live, common, &args.headless, policy, None).await
    })
}

pub fn resume(common: &Common, args: &cli::Resume) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common)?.value;
    let answers = prepare::read_answers(args.headless.answers.as_deref())?;
    anchor::what_was_left(&state_dir);
    let run = match &args.run {
        Some(run) => state::find_run(&state_dir, run)?,
        None => only_unfinished(&state_dir)?,
    };
    super::demo::is_over(&state_dir, &run)?;
    can_be_driven(&args.headless)?;
    let began = opened(&state_dir, &run)?;
    let policy = policy(&began, &args.headless, answers.clone())?;
    let doors = doors(common, &args.headless);
    driven(common, async {
        let what = if common.read_only { For::Looking } else { For::GoingOn };
        prepare::is_same_target(&began, &doors).await?;
        let live = open::resume(&state_dir, &run, &answers, &doors, what)?;
        front(live, common, &args.headless, policy, None).await
    })
}

pub(super) fn doors(common: &Common, flags: &cli::Headless) -> open::Doors {
    open::Doors {
        terminal: !flags.headless,
        kubeconfig: common.kubeconfig.clone(),
        take_lock: flags.take_lock.clone(),
        ..open::Doors::default()
    }
}

/// Demos whose process is gone do not count: nothing goes on with them.
fn only_unfinished(state_dir: &Path) -> Result<String, Fault> {
    let open =
        runs::unfinished(state_dir).into_iter().filter(|run| !run.live && !super::demo::is_one(state_dir, &run.run));
    let open: Vec<_> = open.collect();
    match open.as_slice() {
        [one] => Ok(one.run.clone()),
        [] => Err(Fault::usage("there is no unfinished run here; `ripcord runs` lists them all")),
        many => {
            let now = super::clock::now().wall;
            let line = |run: &runs::RunSummary| {
                let (since, at) =
                    (human::since(now, run.started.parse().ok()), run.at.as_deref().unwrap_or("its start"));
                format!("\n         ripcord resume {}   {since} old, at {at}", run.run)
            };
            Err(Fault::usage(format!("which one?{}", many.iter().map(line).collect::<String>())))
        }
    }
}

pub fn has_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

/// By a console on a terminal, or headless.
pub fn can_be_driven(flags: &cli::Headless) -> Result<(), Fault> {
    if flags.headless || has_terminal() {
        Ok(())
    } else {
        Err(Fault::usage("there is no terminal here; give --headless, with --answers or --yes-to"))
    }
}

/// Drives a live run with the frontend that the flags ask for.
pub(super) async fn front(
    live: Live,
    common: &Common,
    flags: &cli::Headless,
    policy: Policy,
    command: Option<Command>,
) -> Result<Ended, Fault> {
    let theme = Theme::new(common.no_color, common.ascii);
    if !flags.headless {
        return super::console::drive(live, theme, command).await;
    }
    let code = unattended::drive(live, policy, flags, command).await?;
    Ok(Ended { code, then: None })
}

/// Drives, and opens what the run was left for, once nothing of it is held any more.
pub(super) fn driven(common: &Common, ends: impl Future<Output = Result<Ended, Fault>>) -> Result<u8, Fault> {
    then(common, &runtime()?.block_on(ends)?)
}

fn then(common: &Common, ended: &Ended) -> Result<u8, Fault> {
    ended.then.as_ref().map_or(Ok(ended.code), |then| run(common, then))
}

fn opened(state_dir: &Path, run: &str) -> Result<Opened, Fault> {
    runs::opened(state_dir, run)
        .ok_or_else(|| Fault::trail(format!("{run} cannot be read; `ripcord trail verify {run}` says why")))
}

/// What flags and answers will say. Every answer that fits nothing is told before anything is made.
pub(super) fn policy(opened: &Opened, flags: &cli::Headless, answers: Answers) -> Result<Policy, Fault> {
    let run = Run::open(opened.started_at, opened.clone());
    let mut problems = answers.problems(&run);
    let known = |id: &&String| run.rows().iter().all(|row| row.id.as_str() != **id);
    problems.extend(flags.approve.iter().filter(known).map(|id| format!("--approve {id}: there is no such step")));
    if !problems.is_empty() {
        return Err(Fault::usage(problems.join("\n         ")));
    }
    let refuses_way_back = answers.rollback.as_ref().is_some_and(|rollback| !rollback.confirm);
    if refuses_way_back && flags.on_prompt == cli::OnPrompt::Rollback {
        return Err(Fault::usage(
            "--on-prompt rollback asks for the way back, and `rollback: {confirm: false}` refuses it",
        ));
    }
    let hash = crate::effects::evidence::hash_file;
    let workdir = opened.workdir.clone().into();
    Policy::new(&state::operator()?.value, &flags.yes_to, &flags.approve, answers, workdir, hash).map_err(Fault::usage)
}

/// Pulls the ripcord of a run: through the console that holds it, or by itself.
pub fn rollback(common: &Common, args: &cli::Rollback) -> Result<u8, Fault> {
    let Some(given) = &args.run else { return super::emergency::rollback(common, args) };
    let state_dir = state::state_dir(common)?.value;
    let run = state::find_run(&state_dir, given)?;
    let dir = state_dir.join("runs").join(&run);
    let mut flags = args.headless.clone();
    flags.headless |= !has_terminal();
    let answers = prepare::read_answers(flags.answers.as_deref())?;
    if common.read_only {
        return Err(Fault::usage("the way back writes; give it without --read-only"));
    }
    if answers.rollback.as_ref().is_some_and(|rollback| !rollback.confirm) {
        return Err(Fault::usage("the answers refuse the way back: `rollback: {confirm: false}`"));
    }
    let began = opened(&state_dir, &run)?;
    let policy = policy(&began, &flags, answers.clone())?;
    let runtime = runtime()?; // from here on a limit on files ends nothing
    if audit::is_held(&dir) {
        let command = Command::Rollback { why: args.why.clone() };
        if let Ok(told) = told(&dir) {
            would_be_heard(&told, &command)?;
        }
        let before = audit::read_records(&dir).map_or(0, |(records, _)| records.len());
        if is_taken_by_holder(&dir, &run, command, args.take_over)? {
            say(&format!("the console that holds {run} has taken it"));
            return super::trail::look_on(&state_dir, &run, flags.output, before);
        }
    }
    anchor::what_was_left(&state_dir);
    super::demo::is_over(&state_dir, &run)?;
    let status = runs::summary(&state_dir, &run).status;
    let doors = doors(common, &flags);
    let ended = runtime.block_on(async {
        prepare::is_same_target(&began, &doors).await?;
        let live = match status {
            RunStatus::Open => open::resume(&state_dir, &run, &answers, &doors, For::GoingBack)?,
            _ => open::way_back(&state_dir, &run, &answers, &doors)?,
        };
        front(live, common, &flags, policy, Some(Command::Rollback { why: args.why.clone() })).await
    })?;
    then(common, &ended)
}

fn me() -> Result<Actor, Fault> {
    Ok(Actor::system(format!("{}@{}", state::user(), state::host()), Via::Request))
}

/// The console that holds the run is asked. False once it was ended because it did not answer and `take_over` allows.
fn is_taken_by_holder(dir: &Path, run: &str, command: Command, take_over: bool) -> Result<bool, Fault> {
    let left = requests::leave(dir, &Request { by: me()?, command });
    let silent = match &left {
        Ok(left) if taken(left) => return Ok(true),
        Ok(left) => {
            left.withdraw();
            "it does not answer".to_owned()
        }
        Err(error) => format!("the request cannot be left: {error}"),
    };
    if take_over {
        return end_holder(dir).map(|()| false);
    }
    let holder = audit::holder(dir);
    let message = format!(
        "{run} is held by process {} of {} on {} since {}, and {silent}; --take-over ends that process first",
        holder.pid, holder.user, holder.host, holder.since
    );
    Err(Fault { exit: 3, message })
}

/// Two seconds for the console that holds the run to take a request.
fn taken(left: &requests::Left) -> bool {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        if left.is_taken() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Ends the process that holds a run: only of the same user, only of this boot, only if it is what it says.
fn end_holder(dir: &Path) -> Result<(), Fault> {
    let holder = audit::holder(dir);
    if holder.boot_id != super::clock::boot_id() || holder.host != state::host() {
        return Err(Fault::failed(format!(
            "the holder is on {} or of another boot; it cannot be ended from here",
            holder.host
        )));
    }
    let pid = i32::try_from(holder.pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| Fault::failed("the holder left no process id"))?;
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        rustix::process::kill_process(pid, signal)
            .map_err(|error| Fault::failed(format!("process {} cannot be ended: {error}", holder.pid)))?;
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            if !audit::is_held(dir) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Err(Fault::failed(format!("process {} does not let go of the run", holder.pid)))
}

pub fn approve(common: &Common, args: &cli::Approve) -> Result<u8, Fault> {
    let command = Command::Approve { step: args.step.as_str().into(), note: args.note.clone() };
    word(common, &args.run, &args.step, command)
}

pub fn refuse(common: &Common, args: &cli::Refuse) -> Result<u8, Fault> {
    let command = Command::Refuse { step: args.step.as_str().into(), why: args.why.clone() };
    word(common, &args.run, &args.step, command)
}

/// A second person's word, under the name that the system gives them.
fn word(common: &Common, run: &str, step: &str, command: Command) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common)?.value;
    let run = state::find_run(&state_dir, run)?;
    let dir = state_dir.join("runs").join(&run);
    let told = told(&dir)?;
    let asked = told.asks(None).iter().any(|ask| matches!(ask, Ask::Approval { step: at } if at.as_str() == step));
    if !asked {
        return Err(Fault::usage(format!("{run} does not wait for an approval of {step}")));
    }
    would_be_heard(&told, &command)?;
    let left = requests::leave(&dir, &Request { by: me()?, command })
        .map_err(|error| Fault::failed(format!("it cannot be left: {error}")))?;
    if audit::is_held(&dir) && taken(&left) {
        say(&format!("{run} has taken it"));
    } else {
        say(&format!("left for {run}; it is taken as soon as the run goes on (`ripcord resume {run}`)"));
    }
    Ok(0)
}

/// The run as its trail tells it so far.
fn told(dir: &Path) -> Result<Run, Fault> {
    let facts = audit::read_facts(dir).map_err(|error| Fault::trail(error.to_string()))?;
    Run::replay(&facts).map_err(|corrupt| Fault::trail(corrupt.to_string()))
}

/// A word that will be refused is told to the one who says it, not only to the console.
fn would_be_heard(told: &Run, command: &Command) -> Result<(), Fault> {
    let input = Input::Command { by: me()?, command: command.clone() };
    let heard = told.decide(super::clock::now().wall, &input);
    heard.map(|_| ()).map_err(|refusal| Fault::failed(refusal.to_string()))
}
