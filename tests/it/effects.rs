//! The adapters, against real processes and local servers.

mod hands;
mod http;
mod looks;
mod scripts;
mod secrecy;

use ripcord::{
    effects::{evidence, output::OutputSink},
    engine::message::Ticket,
    observe::Observation,
};
use tokio::sync::mpsc;

#[test]
fn output_is_kept_whole_and_the_screen_gets_what_fits() {
    let dir = tempfile::tempdir().unwrap();
    let (screen, mut seen) = mpsc::channel(2);
    let mut sink = OutputSink::create(dir.path(), &Ticket::new("parent/child", 3), &Default::default(), screen);
    for n in 0..4 {
        sink.line(&format!("line {n}"));
    }
    let kept = sink.finish().unwrap();
    assert_eq!(kept.file, "output/parent.child.3.log");
    assert_eq!(kept.bytes, 28);
    assert_eq!(kept.sha256, evidence::hash_file(&dir.path().join(&kept.file)).unwrap());
    let Ok(Observation::Output(first)) = seen.try_recv() else { panic!("a line is there") };
    assert_eq!(
        (first.step.as_str(), first.attempt, first.text.as_str(), first.missed),
        ("parent/child", 3, "line 0", 0)
    );
    assert!(seen.try_recv().is_ok());
    assert!(seen.try_recv().is_err(), "the channel was full: the rest is only in the file");
}

#[test]
fn an_output_is_private_and_never_overwrites_one() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let ticket = Ticket::new("look", 1);
    let names: Vec<_> = (0..2)
        .map(|_| {
            OutputSink::create(dir.path(), &ticket, &Default::default(), mpsc::channel(1).0).finish().unwrap().file
        })
        .collect();
    assert_eq!(names, ["output/look.1.log", "output/look.1-2.log"]);
    let mode = |path: &str| dir.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("output"), mode(&names[0])), (0o700, 0o600));
}

#[test]
fn evidence_is_a_regular_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    std::fs::write(&file, "abc").unwrap();
    assert_eq!(evidence::hash_file(&file).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(evidence::hash_file(dir.path()).is_err());
    assert!(evidence::hash_file(std::path::Path::new("/dev/zero")).is_err(), "it would never end");
}
