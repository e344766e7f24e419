use serde_json::json;

use super::*;

/// A script that asks nothing first.
fn quiet(id: &str) -> Value {
    json!({"id": id, "confirm": "none", "run": "true"})
}

#[test]
fn nothing_happens_before_the_first_r() {
    let mut bottle = Bottle::new(json!([quiet("a")]), json!([]));
    assert!(bottle.hear(Input::Clock).unwrap().is_empty());
    assert_eq!(bottle.run.asks(None), vec![crate::engine::Ask::Start]);
    bottle.tell(Command::Start).unwrap();
    assert_eq!(bottle.kinds(), ["run.opened", "run.started", "step.entered", "step.intent"]);
    assert_eq!(bottle.performed(), ["a#1"]);
}

#[test]
fn a_write_asks_and_a_read_flows() {
    let mut bottle =
        Bottle::started(json!([{"id": "look", "http": {"url": "http://x"}}, {"id": "act", "run": "true"}]), json!([]));
    assert_eq!(bottle.performed(), ["look#1"]);
    bottle.ok("look");
    assert_eq!(bottle.performed(), ["look#1"]);
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Confirm { typed: None, .. }]));
    bottle.confirm("act").unwrap();
    bottle.ok("act");
    assert_eq!(bottle.status(), RunStatus::Succeeded);
}

#[test]
fn destructive_on_a_protected_target_wants_the_context_typed() {
    let mut opened = opened(
        book(json!([{"id": "del", "kubernetes": {"delete": {"kind": "Pod", "name": "x"}}}]), json!([])),
        json!({}),
    );
    opened.target.protected = true;
    let mut bottle = Bottle::of(opened);
    bottle.tell(Command::Start).unwrap();
    assert!(bottle.confirm("del").is_err());
    let typed = |word: &str| Command::Confirm { step: "del".into(), typed: Some(word.into()), selected: None };
    assert!(bottle.tell(typed("Prod")).is_err());
    assert!(bottle.performed().is_empty());
    bottle.tell(typed("prod")).unwrap();
    assert_eq!(bottle.performed(), ["del#1"]);
}

#[test]
fn a_false_when_skips_and_goes_where_success_goes() {
    let mut bottle = Bottle::started(
        json!([{"id": "a", "when": "1 == 2", "next": "c", "run": "true"}, quiet("b"), quiet("c")]),
        json!([]),
    );
    assert_eq!(bottle.at(), "c");
    bottle.ok("c");
    assert_eq!(bottle.status(), RunStatus::Succeeded);
    assert!(bottle.run.left().is_empty(), "skipped by `when` is not left over");
}

#[test]
fn a_when_that_cannot_be_evaluated_fails_the_step_before_its_intent() {
    let bottle =
        Bottle::started(json!([{"id": "a", "when": "steps.b.outputs.x == '1'", "run": "true"}, quiet("b")]), json!([]));
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Failure { reason, .. }] if reason == "render"));
    assert!(!bottle.kinds().contains(&"step.intent".to_owned()));
}

#[test]
fn a_branch_takes_the_first_that_holds_and_else_the_default() {
    let steps = |value: &str| {
        json!([
            {"id": "look", "http": {"url": "http://x"}},
            {"id": "by", "branch": {"choices": [{"when": "steps.look.outputs.reason == 'Image'", "goto": "image"}], "default": "other"}},
            {"id": "image", "confirm": "none", "run": value, "next": "end"},
            quiet("other"),
        ])
    };
    for (reason, goes) in [("Image", "image"), ("Crash", "other")] {
        let mut bottle = Bottle::started(steps("true"), json!([]));
        bottle.ok_with("look", json!({"reason": reason}));
        assert_eq!(bottle.at(), goes);
    }
}

#[test]
fn retries_wait_longer_each_time_and_then_a_person_is_asked() {
    let mut bottle = Bottle::started(
        json!([{"id": "a", "confirm": "none", "run": "true",
            "retries": {"limit": 2, "backoff": {"duration": "10s", "factor": 3}}}]),
        json!([]),
    );
    bottle.fails("a");
    assert!(bottle.later(9).is_empty());
    bottle.later(1);
    assert_eq!(bottle.performed(), ["a#1", "a#2"]);
    bottle.fails("a");
    assert!(bottle.later(29).is_empty());
    bottle.later(1);
    bottle.fails("a");
    assert_eq!(bottle.performed(), ["a#1", "a#2", "a#3"]);
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Failure { .. }]));
    bottle.tell(Command::Retry { step: "a".into() }).unwrap();
    assert_eq!(bottle.performed().len(), 4);
}

#[test]
fn on_failure_goes_where_its_author_said() {
    for (rule, at, status) in [
        ("continue", "b", RunStatus::Open),
        ("goto:c", "c", RunStatus::Open),
        ("abort", "a", RunStatus::Failed),
        ("rollback", "back", RunStatus::Open),
        ("prompt", "a", RunStatus::Open),
    ] {
        let mut bottle = Bottle::started(
            json!([{"id": "a", "confirm": "none", "run": "x", "onFailure": rule}, quiet("b"), quiet("c")]),
            json!([{"id": "back", "run": "true"}]),
        );
        bottle.fails("a");
        assert_eq!((bottle.at(), bottle.status()), (at, status), "{rule}");
    }
}

#[test]
fn what_went_on_after_a_failure_is_listed_at_the_end() {
    let mut bottle = Bottle::started(
        json!([{"id": "a", "confirm": "none", "run": "x", "onFailure": "continue"}, quiet("b")]),
        json!([]),
    );
    bottle.fails("a");
    bottle.ok("b");
    assert_eq!(bottle.status(), RunStatus::Succeeded);
    assert_eq!(bottle.run.left(), ["a failed"]);
}

#[test]
fn an_end_closes_the_run_and_an_escalation_is_not_a_success() {
    for (category, status) in [("resolved", RunStatus::Succeeded), ("escalated", RunStatus::Failed)] {
        let bottle =
            Bottle::started(json!([{"id": "e", "end": {"category": category, "code": "x"}}, quiet("b")]), json!([]));
        assert_eq!(bottle.status(), status);
    }
}

#[test]
fn a_nested_runbook_sees_its_own_params_and_ends_into_its_parent() {
    let mut child = book(
        json!([{"id": "say", "confirm": "none", "run": {"argv": ["echo", "${{ params.who }}"]}},
               {"id": "bye", "end": {"category": "resolved", "code": "said"}}]),
        json!([]),
    );
    child.params = serde_json::from_value(json!({"who": {"type": "string"}})).unwrap();
    let mut parent = book(
        json!([{"id": "sub", "runbook": {"ref": "x.yaml", "with": {"who": "${{ params.name }}"}}},
               {"id": "after", "confirm": "none", "run": {"argv": ["echo", "${{ steps.sub.outputs.code }}"]}}]),
        json!([]),
    );
    let crate::runbook::model::Action::Runbook(nested) = &mut parent.steps[0].action else { unreachable!() };
    nested.book = Some(Box::new(child));
    let mut bottle = Bottle::of(opened(parent, json!({"name": "ann"})));
    bottle.tell(Command::Start).unwrap();
    assert_eq!(bottle.at(), "sub/say");
    let command =
        |bottle: &Bottle, id: &str| bottle.run.state(&id.into()).unwrap().intent.as_ref().unwrap().command.clone();
    assert_eq!(command(&bottle, "sub/say"), "echo ann");
    bottle.ok("sub/say");
    assert_eq!(command(&bottle, "after"), "echo said");
    bottle.ok("after");
    assert_eq!(bottle.status(), RunStatus::Succeeded);
}

#[test]
fn a_closed_run_takes_no_commands_and_ignores_late_reports() {
    let mut bottle = Bottle::started(json!([quiet("a")]), json!([]));
    bottle.ok("a");
    assert!(bottle.tell(Command::Note { text: "x".into() }).is_err());
    assert!(bottle.ok("a").is_empty());
}

#[test]
fn a_report_of_another_attempt_answers_nothing() {
    let mut bottle = Bottle::started(json!([quiet("a")]), json!([]));
    let late = Input::Report { ticket: Ticket::new("a", 7), report: Report::Succeeded(Done::default()) };
    assert!(bottle.hear(late).unwrap().is_empty());
    assert_eq!(bottle.at(), "a");
}

#[test]
fn a_promised_output_that_is_missing_is_a_failure() {
    let mut bottle =
        Bottle::started(json!([{"id": "a", "confirm": "none", "run": "x", "outputs": ["commit"]}]), json!([]));
    bottle.ok("a");
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Failure { reason, .. }] if reason == "outputs"));
}

#[test]
fn env_holds_params_and_secrets_under_their_names_and_secrets_stay_placeholders() {
    let mut runbook =
        book(json!([{"id": "a", "confirm": "none", "env": {"X": "v=${{ params.image-tag }}"}, "run": "x"}]), json!([]));
    runbook.secrets.insert("api_key".into(), serde_json::from_value(json!({"fromEnv": "K"})).unwrap());
    let mut bottle = Bottle::of(opened(runbook, json!({"image_tag": "v1"})));
    bottle.run = Run::open(bottle.now, {
        let mut again = bottle.run.opened().clone();
        again.runbook.steps[0].common.env.insert("X".into(), "v=${{ params.image_tag }}".into());
        again
    });
    bottle.facts = vec![(bottle.now, Fact::RunOpened(Box::new(bottle.run.opened().clone())))];
    bottle.tell(Command::Start).unwrap();
    let Some(Effect::Perform { env, .. }) = bottle.effects.first() else { panic!("not performed") };
    assert_eq!(env["IMAGE_TAG"], "v1");
    assert_eq!(env["API_KEY"], "${{ secrets.api_key }}");
    assert_eq!(env["X"], "v=v1");
}

#[test]
fn a_wait_ends_by_the_clock_and_may_be_skipped_with_a_reason() {
    let steps = json!([{"id": "w", "wait": "5m"}, quiet("b")]);
    let mut bottle = Bottle::started(steps.clone(), json!([]));
    assert_eq!(bottle.run.deadline(), Some(bottle.now + SignedDuration::from_mins(5)));
    assert!(bottle.later(299).is_empty());
    bottle.later(1);
    assert_eq!(bottle.at(), "b");
    let mut bottle = Bottle::started(steps, json!([]));
    assert!(bottle.tell(Command::Skip { step: "w".into(), why: " ".into() }).is_err());
    bottle.tell(Command::Skip { step: "w".into(), why: "seen enough".into() }).unwrap();
    assert_eq!(bottle.at(), "b");
}

#[test]
fn a_required_step_cannot_be_skipped() {
    let mut bottle = Bottle::started(json!([{"id": "a", "required": true, "run": "x"}]), json!([]));
    assert!(bottle.tell(Command::Skip { step: "a".into(), why: "no time".into() }).is_err());
}

#[test]
fn a_notification_never_stops_a_run() {
    let mut bottle =
        Bottle::started(json!([{"id": "n", "notify": {"webhook": {"url": "http://x"}}}, quiet("b")]), json!([]));
    bottle.fails("n");
    assert_eq!(bottle.at(), "b");
}

#[test]
fn a_declined_confirmation_never_falls_through() {
    let mut bottle = Bottle::started(json!([{"id": "a", "run": "x"}, quiet("b")]), json!([]));
    bottle.tell(Command::Decline { step: "a".into() }).unwrap();
    assert_eq!(bottle.at(), "a");
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Failure { .. }]));
    bottle.tell(Command::Retry { step: "a".into() }).unwrap();
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Confirm { .. }]));
}

#[test]
fn a_read_only_run_starts_nothing_that_writes() {
    let mut opened = opened(book(json!([{"id": "a", "run": "x"}]), json!([])), json!({}));
    opened.read_only = true;
    let mut bottle = Bottle::of(opened);
    bottle.tell(Command::Start).unwrap();
    let refusal = bottle.confirm("a").unwrap_err();
    assert!(refusal.0.contains("read-only"));
}

#[test]
fn a_closed_calendar_stops_forward_writes_until_the_glass_is_broken() {
    for (rule, opens) in [("breakGlass", true), ("refuse", false)] {
        let mut runbook = book(json!([{"id": "look", "http": {"url": "http://x"}}, quiet("a")]), json!([]));
        runbook.calendar = Some(
            serde_json::from_value(json!({
                "closed": [{"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]}], "onClosed": rule
            }))
            .unwrap(),
        );
        let mut bottle = Bottle::of(opened(runbook, json!({})));
        bottle.tell(Command::Start).unwrap();
        bottle.ok("look");
        assert_eq!(bottle.performed(), ["look#1"]);
        let broken = bottle.tell(Command::BreakGlass { why: "SEV1".into() });
        assert_eq!(broken.is_ok(), opens);
        if opens {
            assert_eq!(bottle.performed(), ["look#1", "a#1"]);
            assert_eq!(bottle.run.break_glass(), Some("SEV1"));
        }
    }
}

fn unseen(extra: Value) -> Bottle {
    let mut step = json!({
        "id": "w", "confirm": "none", "http": {"url": "http://h/x", "method": "POST"},
        "verify": {"run": "grep -q done log"}, "retries": {"limit": 1, "backoff": {"duration": "1s"}},
    });
    step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let mut bottle = Bottle::started(json!([step, {"id": "after", "manual": "look"}]), json!([]));
    bottle.report("w", Report::Unknown { message: "the answer was lost".into() });
    bottle.sees("w", None, Some(false));
    bottle
}

#[test]
fn an_act_nobody_saw_end_is_looked_at_again_and_never_done_again() {
    for on_failure in ["continue", "goto:after", "prompt"] {
        let mut bottle = unseen(json!({"onFailure": on_failure}));
        bottle.later(1);
        let looks = bottle.effects.iter().filter(|effect| matches!(effect, Effect::Probe { .. })).count();
        assert_eq!((bottle.performed(), looks), (vec!["w#1".to_owned()], 2));
        bottle.sees("w", None, Some(false));
        assert_eq!((bottle.at(), bottle.performed().len()), ("w", 1), "{on_failure}: a person is asked");
        assert_eq!(bottle.run.phase(), &crate::engine::state::Phase::Asked);
    }
}

#[test]
fn what_may_be_repeated_is_and_what_leads_to_safety_is_not_held_up() {
    let mut bottle = unseen(json!({"repeatable": true}));
    bottle.later(1);
    assert_eq!(bottle.performed(), ["w#1", "w#2"]);
    let mut bottle = unseen(json!({"onFailure": "abort"}));
    bottle.later(1);
    bottle.sees("w", None, Some(false));
    assert_eq!((bottle.status(), bottle.performed().len()), (RunStatus::Failed, 1));
}

#[test]
fn an_approval_never_blocks_the_way_back() {
    let fails = json!([{"id": "a", "confirm": "none", "run": "false", "onFailure": "rollback"}]);
    let lane = json!([{"id": "ask", "approval": {"prompt": "really?"}}, {"id": "back", "run": "true"}]);
    let mut bottle = Bottle::started(fails, lane);
    bottle.fails("a");
    assert_eq!(bottle.performed(), ["a#1", "back#1"]);
    bottle.ok("back");
    assert_eq!(bottle.status(), RunStatus::RolledBack);
}

#[test]
fn a_value_with_something_hidden_in_it_is_shown_and_judged_but_not_executed() {
    let steps = |next: Value| {
        json!([
            {"id": "a", "http": {"url": "http://h/x"}},
            {"id": "see", "when": "'v' in steps.a.outputs.body", "manual": "It said ${{ steps.a.outputs.body }}"}, next,
        ])
    };
    let raw = "v\u{202e}\u{1b}";
    for value in [raw, &crate::visible::text(raw), "v\nw"] {
        for next in [
            json!({"id": "b", "confirm": "none", "run": "true", "env": {"X": "${{ steps.a.outputs.body }}"}}),
            json!({"id": "b", "confirm": "none", "run": {"argv": ["echo", "x${{ steps.a.outputs.body }}"]}}),
            json!({"id": "b", "http": {"url": "http://h/${{ steps.a.outputs.body }}"}}),
        ] {
            let mut bottle = Bottle::started(steps(next), json!([]));
            bottle.ok_with("a", json!({"body": value}));
            assert_eq!(bottle.at(), "see", "a condition may look at it");
            bottle.tell(Command::Done { step: "see".into(), evidence: None }).unwrap();
            assert_eq!((bottle.at(), bottle.performed().len()), ("b", 1));
            let state = bottle.run.state(&"b".into()).unwrap();
            assert!(state.message.contains("invisible or control"), "{}", state.message);
        }
    }
}
