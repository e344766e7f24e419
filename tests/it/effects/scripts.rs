//! `run:` with real processes: how they end, what they print, what they leave behind.

use std::time::Duration;

use ripcord::{
    effects::{evidence, loan::Loan},
    engine::message::{Effect, Report, Ticket},
    runbook::model::{Action, Run},
    runner::status::{self, Phase},
};
use tokio::sync::mpsc;

use super::hands::{Hands, argv, done, failure, fifo, heard, kill, script, unknown};

#[tokio::test]
async fn a_script_is_started_once_told_and_kept() {
    let mut hands = Hands::new();
    let ticket = Ticket::new("parent/child", 2);
    let action = script("echo \"hello $WHO\"; echo oops >&2; echo commit=abc >> \"$RIPCORD_OUTPUT\"");
    hands.perform_with(&ticket, action, &[("WHO", "you; $(id)")], None);
    let started = hands.started().await;
    assert!(started.pid.is_some() && started.start_time.is_some() && started.boot_id == status::boot_id());
    let done = done(hands.end().await);
    assert_eq!(hands.output(&done), b"hello you; $(id)\noops\n", "a value is never shell text");
    let kept = done.output.as_ref().unwrap();
    assert_eq!(kept.file, "output/parent.child.2.log");
    assert_eq!(kept.bytes, 22);
    assert_eq!(kept.sha256, evidence::hash_file(&hands.run_dir().join(&kept.file)).unwrap());
    assert_eq!(done.outputs["commit"], "abc");
    assert_eq!(done.exit_code, Some(0));
    assert!(done.summary.starts_with("exit 0 in "), "{}", done.summary);
    assert_eq!(hands.lines(), ["hello you; $(id)", "oops"]);
}

#[tokio::test]
async fn one_ticket_runs_once_however_often_it_is_asked_for() {
    let mut hands = Hands::new();
    for _ in 0..3 {
        done(hands.script("echo ran >> ran").await);
    }
    assert_eq!(std::fs::read_to_string(hands.path("ran")).unwrap(), "ran\n");
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_to_do() {
    let mut hands = Hands::new();
    let failed = failure(hands.script("no-such-tool --please").await);
    assert_eq!((failed.reason.as_str(), failed.done.exit_code), ("exit", Some(127)));
    assert!(failed.message.contains("no-such-tool") && failed.message.contains("requires.tools"), "{}", failed.message);

    std::fs::write(hands.path("plain"), "no program").unwrap();
    let plain = hands.path("plain").display().to_string();
    let elsewhere = Run { argv: Some(vec!["true".into()]), workdir: Some("nowhere".into()), ..Run::default() };
    let cases = [
        (argv(&["no-such-tool"]), "notFound", "no-such-tool"),
        (argv(&[]), "notFound", "argv"),
        (argv(&[&plain]), "refused", "mode"),
        (Action::Run(elsewhere), "notFound", "nowhere"),
    ];
    for (attempt, (action, reason, word)) in (1..).zip(cases) {
        hands.perform(&Ticket::new("argv", attempt), action, None);
        let failed = failure(hands.end().await);
        assert_eq!(failed.reason, reason, "{}", failed.message);
        assert!(failed.message.contains(word), "{}", failed.message);
    }
}

#[tokio::test]
async fn every_bad_end_has_its_reason() {
    let mut hands = Hands::new();
    let cases = [
        ("echo first; echo the last word; exit 3", "exit", "exit 3; it last said: the last word"),
        ("false | cat", "exit", "exit 1"),
        ("echo $UNSET_NAME", "exit", "UNSET_NAME"),
        ("kill -SEGV $$", "signal", "signal 11 (SEGV)"),
        ("echo not an output >> \"$RIPCORD_OUTPUT\"", "outputs", "KEY=value"),
    ];
    for (attempt, (text, reason, word)) in (1..).zip(cases) {
        hands.perform(&Ticket::new("bad", attempt), script(text), None);
        let failed = failure(hands.end().await);
        assert_eq!(failed.reason, reason, "{}", failed.message);
        assert!(failed.message.contains(word), "{}", failed.message);
    }
}

#[tokio::test]
async fn a_child_that_asks_gets_no_answer_and_does_not_hang() {
    let mut hands = Hands::new();
    let text = "cat; echo read; if (: < /dev/tty) 2> /dev/null; then echo terminal; else echo none; fi";
    let done = done(hands.script(text).await);
    assert_eq!(hands.output(&done), b"read\nnone\n");
}

#[tokio::test]
async fn past_its_limit_the_whole_group_is_stopped() {
    let mut hands = Hands::new();
    let text = "sleep 1000 & echo \"inner=$!\"; wait";
    hands.perform(&Ticket::new("slow", 1), script(text), Some(Duration::from_millis(300)));
    let failed = failure(hands.end().await);
    assert_eq!(failed.reason, "timeout");
    assert!(failed.message.contains("limit of 300ms") && failed.message.contains("TERM"), "{}", failed.message);
    let printed = String::from_utf8(hands.output(&failed.done)).unwrap();
    let inner: u32 = printed.trim().strip_prefix("inner=").unwrap().parse().unwrap();
    assert_eq!(status::start_time(inner), None, "the grandchild is gone too");
}

#[tokio::test]
async fn output_without_end_is_stopped_on_request_and_the_record_fits() {
    let mut hands = Hands::new();
    let ticket = Ticket::new("endless", 1);
    hands.perform(&ticket, argv(&["yes", "no end"]), None);
    hands.started().await;
    assert!(hands.seen.recv().await.is_some(), "it prints");
    hands.start(Effect::Cancel { ticket });
    let failed = failure(hands.end().await);
    assert_eq!(failed.reason, "cancelled");
    let kept = failed.done.output.unwrap();
    let path = hands.run_dir().join(&kept.file);
    assert_eq!(kept.bytes, path.metadata().unwrap().len());
    assert_eq!(kept.sha256, evidence::hash_file(&path).unwrap());
}

#[tokio::test]
async fn raw_bytes_stay_in_the_file_and_off_the_screen() {
    let mut hands = Hands::new();
    let done = done(hands.script(r"printf '\033[31mred\033[0m \377 \007bell\n\033]0;title\007after\n'").await);
    assert_eq!(hands.output(&done), b"\x1b[31mred\x1b[0m \xff \x07bell\n\x1b]0;title\x07after\n");
    assert_eq!(hands.lines(), ["red \u{fffd} \\u{7}bell", "after"]);
}

#[tokio::test]
async fn what_a_step_leaves_running_in_its_group_is_ended_and_said() {
    for secrets in [&[][..], &[("token", "not-printed")]] {
        let mut hands = Hands::with(secrets, None);
        let done = done(hands.script("sleep 1000 & echo \"left=$!\"").await);
        assert!(done.summary.contains("setsid"), "{}", done.summary);
        let printed = String::from_utf8(hands.output(&done)).unwrap();
        let left: u32 = printed.trim().strip_prefix("left=").unwrap().parse().unwrap();
        assert_eq!(status::start_time(left), None);
    }
}

#[tokio::test]
async fn a_service_in_its_own_session_stays_and_the_record_no_longer_grows() {
    for secrets in [&[][..], &[("token", "not-printed")]] {
        let mut hands = Hands::with(secrets, None);
        let said = fifo(&hands.path("said"));
        let go = fifo(&hands.path("go"));
        let text = "echo the record; setsid bash -c 'trap \"\" PIPE; read x < go; echo late; echo $$ > said' &\n\
                    echo \"service=$!\" >> \"$RIPCORD_OUTPUT\"";
        let done = done(hands.script(text).await);
        let service: u32 = done.outputs["service"].as_str().unwrap().parse().unwrap();
        assert!(status::start_time(service).is_some(), "it outlives the step");
        tokio::fs::write(go, "go\n").await.unwrap();
        heard(said).await;
        assert_eq!(hands.output(&done), b"the record\n", "what it prints later is not in the record");
        kill(service);
    }
}

#[tokio::test]
async fn other_interpreters_and_long_scripts_go_through_a_file_that_does_not_stay() {
    let mut hands = Hands::new();
    let python =
        Run { shell: Some("python3 -u".into()), script: Some("print('from', 'python')".into()), ..Run::default() };
    hands.perform(&Ticket::new("python", 1), Action::Run(python), None);
    let report = done(hands.end().await);
    assert_eq!(hands.output(&report), b"from python\n");

    let long = format!("# {}\necho long; exit 4", "x".repeat(200 * 1024));
    hands.perform(&Ticket::new("long", 1), script(&long), None);
    let failed = failure(hands.end().await);
    assert_eq!(failed.done.exit_code, Some(4));
    assert_eq!(hands.output(&failed.done), b"long\n");
    let left: Vec<_> = std::fs::read_dir(hands.run_dir().join("output"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".script") || name.ends_with(".outputs"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_script_starts_in_the_directory_of_the_run_without_what_is_ours() {
    let mut hands = Hands::new();
    std::fs::create_dir(hands.path("ops")).unwrap();
    let run = Run {
        script: Some("pwd; env | grep ^RIPCORD_ | cut -d= -f1".into()),
        workdir: Some("ops".into()),
        ..Run::default()
    };
    hands.perform(&Ticket::new("where", 1), Action::Run(run), None);
    let report = done(hands.end().await);
    let expected = format!("{}\nRIPCORD_OUTPUT\n", hands.path("ops").canonicalize().unwrap().display());
    assert_eq!(String::from_utf8(hands.output(&report)).unwrap(), expected);
}

fn interactive(text: &str) -> Action {
    Action::Run(Run { script: Some(text.into()), interactive: true, ..Run::default() })
}

#[tokio::test]
async fn an_interactive_step_needs_a_terminal() {
    let mut hands = Hands::new();
    hands.perform(&Ticket::new("talk", 1), interactive("touch ran"), None);
    let failed = failure(hands.end().await);
    assert_eq!(failed.reason, "refused");
    assert!(failed.message.contains("terminal"), "{}", failed.message);
    assert!(!hands.path("ran").exists());
}

#[tokio::test]
async fn the_terminal_is_asked_for_and_given_back() {
    let (ask, mut asked) = mpsc::channel::<Loan>(1);
    let mut hands = Hands::with(&[], Some(ask));
    hands.perform(&Ticket::new("talk", 1), interactive("echo done=yes >> \"$RIPCORD_OUTPUT\"; exit 0"), None);
    let mut loan = asked.recv().await.unwrap();
    assert!(loan.returned.try_recv().is_err(), "it waits for the grant");
    loan.granted.send(()).unwrap();
    let done = done(hands.end().await);
    assert_eq!(done.outputs["done"], "yes");
    assert!(loan.returned.await.is_err(), "given back by letting go");
}

#[tokio::test]
async fn an_interactive_step_obeys_its_limit() {
    let (ask, mut asked) = mpsc::channel::<Loan>(1);
    let mut hands = Hands::with(&[], Some(ask));
    hands.perform(&Ticket::new("talk", 1), interactive("exec sleep 1000"), Some(Duration::from_millis(100)));
    asked.recv().await.unwrap().granted.send(()).unwrap();
    assert_eq!(failure(hands.end().await).reason, "timeout");
}

#[tokio::test]
async fn what_is_nobodys_act_says_so() {
    let mut hands = Hands::new();
    hands.perform(&Ticket::new("gate", 1), Action::Analysis(Default::default()), None);
    let report = hands.end().await;
    assert!(
        matches!(&report, Report::Failed(failure) if failure.reason == "unsupported" && failure.message.contains("analysis")),
        "{report:?}"
    );
}

/// The console was gone before there was a runner: its note of the job stands alone, and nobody holds it.
#[tokio::test]
async fn a_step_whose_runner_never_came_is_known_never_to_have_begun() {
    let mut hands = Hands::new();
    let ticket = Ticket::new("step", 1);
    let folder = hands.run_dir().join("output");
    std::fs::create_dir_all(&folder).unwrap();
    let mut status = std::fs::File::create(folder.join("step.1.status")).unwrap();
    let accepted = Phase::Accepted { boot_id: status::boot_id() };
    status::append(&mut status, &accepted, true).unwrap();
    let again = || Effect::Reattach {
        ticket: ticket.clone(),
        action: Box::new(script("touch done")),
        started: None,
        since: None,
    };
    hands.start(again());
    assert!(matches!(hands.end().await, Report::NeverBegan { .. }));
    assert!(!hands.path("done").exists());

    // The same words of another boot say nothing: what followed them may have been lost with the power.
    std::fs::remove_file(folder.join("step.1.status")).unwrap();
    let mut status = std::fs::File::create(folder.join("step.1.status")).unwrap();
    status::append(&mut status, &Phase::Accepted { boot_id: Some("before".into()) }, true).unwrap();
    hands.start(again());
    unknown(hands.end().await);
}
