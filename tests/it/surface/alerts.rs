//! `ripcord for`: what answers an alert.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use super::super::desk::Desk;

fn library() -> Desk {
    let desk = Desk::new();
    fs::create_dir(desk.path("runbooks")).unwrap();
    let book = |name: &str, rest: &str| {
        let text = format!("apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: {name}, {rest}");
        fs::write(desk.path("runbooks").join(format!("{name}.yaml")), text).unwrap();
    };
    book(
        "crash",
        "alerts: [{name: PodCrash, params: {pod: '${{ labels.pod }}'}}, Both]}\nparams: {pod: {type: string, required: true}}\nsteps: [{id: a, confirm: none, run: 'echo \"$POD\" > seen'}]\n",
    );
    book("other", "alerts: [Both]}\nsteps: [{id: a, run: 'true'}]\n");
    book("broken", "alerts: [PodCrash]}\nsteps: [{id: a, rnu: 'true'}]\n");
    desk
}

fn piped(mut command: Command, body: &str) -> (i32, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn one_runbook_is_opened_with_the_alerts_labels() {
    let desk = library();
    let (exit, out) = desk.ripcord(&["for", "PodCrash", "--label", "pod=p-1", "--headless"]);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(fs::read_to_string(desk.path("seen")).unwrap(), "p-1\n");
    assert!(out.contains("broken.yaml does not pass"), "{out}");
}

#[test]
fn a_param_given_by_hand_wins_over_a_label() {
    let desk = library();
    let (exit, out) = desk.ripcord(&["for", "PodCrash", "--label", "pod=p-1", "-p", "pod=p-2", "--headless"]);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(fs::read_to_string(desk.path("seen")).unwrap(), "p-2\n");
}

#[test]
fn several_are_listed_and_none_is_said() {
    let desk = library();
    let (exit, out) = desk.ripcord(&["for", "Both", "--headless"]);
    assert!(exit == 2 && out.contains("crash") && out.contains("other") && out.contains("which one"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["for", "Nothing"]);
    assert!(exit == 2 && out.contains("no runbook answers Nothing"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["for"]);
    assert!(exit == 2 && out.contains("Usage"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["for", "PodCrash", "--label", "pod=p-1"]);
    assert!(exit == 2 && out.contains("crash") && out.contains("pod=p-1"), "without a terminal it is listed: {out}");
}

#[test]
fn a_webhook_body_is_read_from_standard_input() {
    let desk = library();
    let body = r#"{"version":"4","status":"firing","alerts":[
        {"status":"firing","labels":{"alertname":"PodCrash","pod":"p-7"}},
        {"status":"resolved","labels":{"alertname":"Both"}}]}"#;
    let (exit, out) = piped(desk.command(&["for", "--stdin", "--headless"]), body);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(fs::read_to_string(desk.path("seen")).unwrap(), "p-7\n");
    for (body, says) in
        [("nonsense", "no Alertmanager webhook body"), (r#"{"alerts":[]}"#, "every alert in this body is resolved")]
    {
        let (exit, out) = piped(desk.command(&["for", "--stdin", "--headless"]), body);
        assert!(exit == 2 && out.contains(says), "{exit} {out}");
    }
}
