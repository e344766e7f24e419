//! Keys against a run in a bottle: what a tired hand may do, and what it may not do by accident.

mod looks;

use serde_json::{Value, json};

use super::*;
use crate::{
    engine::tests::{
        Bottle, book,
        gate::{answer as read, guarded, value},
        opened,
    },
    observe::{
        cluster::{Change, ClusterNews},
        pods::PodRow,
    },
    tui::state::{Choice, Pane},
};

/// A person at the console: keys go in, commands go to the run, refusals come back as the status.
struct Hand {
    ui: Ui,
    bottle: Bottle,
    acts: Vec<Act>,
}

impl Hand {
    fn at(bottle: Bottle) -> Self {
        let mut hand = Self { ui: Ui::new(bottle.now), bottle, acts: Vec::new() };
        hand.ui.boot_ms = 10_000;
        raise(&mut hand.ui, &hand.bottle.run);
        hand
    }

    fn on(steps: Value, rollback: Value) -> Self {
        Self::at(Bottle::started(steps, rollback))
    }

    fn press(&mut self, code: KeyCode) {
        self.wait(1_000);
        self.press_now(code);
    }

    fn press_now(&mut self, code: KeyCode) {
        for act in key(&mut self.ui, &self.bottle.run, KeyEvent::from(code)) {
            if let Act::Command(command) = &act
                && let Err(refusal) = self.bottle.tell(command.clone())
            {
                self.ui.status = Some(refusal.0);
            }
            self.acts.push(act);
        }
        raise(&mut self.ui, &self.bottle.run);
    }

    fn wait(&mut self, millis: u64) {
        self.ui.boot_ms += millis;
    }

    fn type_in(&mut self, text: &str) {
        text.chars().for_each(|c| self.press(KeyCode::Char(c)));
    }

    fn kind(&self) -> Option<&Kind> {
        self.ui.dialog.as_ref().map(|dialog| &dialog.kind)
    }

    fn commands(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act, Act::Command(_) | Act::CommandAs(..))).count()
    }

    fn sees_pod(&mut self, name: &str) {
        self.ui.has_cluster = true;
        let row = PodRow::new(&serde_json::from_value(json!({"metadata": {"name": name, "uid": name}})).unwrap());
        for change in [Change::Begin, Change::Listed(vec![row]), Change::End] {
            self.ui.seen.cluster.apply(self.ui.now, ClusterNews::Pods(change));
        }
    }
}

fn write(id: &str) -> Value {
    json!({"id": id, "run": "touch x"})
}

fn back() -> Value {
    json!([{"id": "back", "run": "undo"}])
}

#[test]
fn an_unknown_outcome_is_never_settled_by_one_enter() {
    let mut hand = Hand::on(json!([write("w"), write("after")]), json!([]));
    hand.bottle.confirm("w").unwrap();
    hand.bottle.report("w", crate::engine::Report::Unknown { message: "cut off".into() });
    raise(&mut hand.ui, &hand.bottle.run);
    assert!(matches!(hand.kind(), Some(Kind::Unknown { .. })), "it raises itself");
    hand.press(KeyCode::Enter);
    assert_eq!((hand.commands(), hand.bottle.at()), (0, "w"), "the first row says nothing yet");
    hand.press(KeyCode::Char('r'));
    hand.press(KeyCode::Char('j'));
    hand.press(KeyCode::Enter);
    assert!(matches!(hand.kind(), Some(Kind::Line { line: Line::Resolve { .. }, .. })));
    hand.press(KeyCode::Enter);
    assert_eq!(hand.commands(), 0, "no reason, no answer");
    hand.type_in("the file is there");
    hand.press(KeyCode::Enter);
    assert_eq!(hand.bottle.at(), "after");
    let told = serde_json::to_string(&hand.bottle.facts.last().unwrap().1).unwrap();
    assert!(
        hand.bottle.facts.iter().any(|(_, fact)| serde_json::to_string(fact).unwrap().contains("the file is there")),
        "{told}"
    );
}

#[test]
fn every_way_to_the_way_back_shows_its_preview_first() {
    let mut hand = Hand::on(json!([{"id": "w", "confirm": "none", "run": "x"}]), back());
    hand.bottle.fails("w");
    raise(&mut hand.ui, &hand.bottle.run);
    hand.press(KeyCode::Char('b'));
    assert!(matches!(hand.kind(), Some(Kind::Ripcord { yes: false, .. })), "from a failure");
    assert_eq!(hand.commands(), 0);
    hand.press(KeyCode::Enter);
    assert_eq!(hand.commands(), 0, "Cancel has the focus");

    let mut hand = Hand::at(tripped());
    assert!(matches!(hand.kind(), Some(Kind::Guard { .. })));
    hand.press(KeyCode::Char('j'));
    hand.press(KeyCode::Enter);
    assert!(matches!(hand.kind(), Some(Kind::Ripcord { yes: false, .. })), "from a guard's offer");
    hand.press(KeyCode::Char('y'));
    assert_eq!(hand.bottle.run.lane(), Lane::Rollback);
}

/// Two readings over the limit.
fn trip(bottle: &mut Bottle) {
    for _ in 0..2 {
        read(bottle, |_| value(0.02));
        bottle.later(15);
    }
}

fn tripped() -> Bottle {
    let mut bottle = guarded("offerRollback");
    trip(&mut bottle);
    bottle
}

#[test]
fn a_dangerous_dialog_is_deaf_for_a_moment_whatever_the_wall_clock_does() {
    let mut hand = Hand::on(json!([{"id": "w", "confirm": "none", "run": "x"}, {"id": "m", "manual": "m"}]), back());
    hand.bottle.ok("w");
    hand.press(KeyCode::Char('z'));
    hand.ui.now -= jiff::SignedDuration::from_hours(2); // set back
    hand.press_now(KeyCode::Char('y'));
    assert_eq!(hand.bottle.run.lane(), Lane::Forward, "too soon");
    hand.wait(301);
    hand.press_now(KeyCode::Char('y'));
    assert_eq!(hand.bottle.run.lane(), Lane::Rollback);
}

#[test]
fn a_guard_that_trips_while_the_ripcord_is_in_hand_does_not_take_its_key() {
    let mut hand = Hand::at(guarded("offerRollback"));
    hand.press(KeyCode::Char('z'));
    trip(&mut hand.bottle);
    raise(&mut hand.ui, &hand.bottle.run);
    assert!(matches!(hand.kind(), Some(Kind::Ripcord { .. })));
    hand.press(KeyCode::Esc);
    raise(&mut hand.ui, &hand.bottle.run);
    assert!(matches!(hand.kind(), Some(Kind::Guard { .. })), "put back, it is offered");
    hand.press(KeyCode::Esc);
    hand.press(KeyCode::Char('z'));
    hand.press(KeyCode::Char('y'));
    assert_eq!(hand.bottle.run.lane(), Lane::Rollback);
}

#[test]
fn a_guard_comes_over_what_is_typed_and_gives_it_back() {
    let mut hand = Hand::at(guarded("offerRollback"));
    hand.press(KeyCode::Char('a'));
    hand.type_in("looking at");
    trip(&mut hand.bottle);
    raise(&mut hand.ui, &hand.bottle.run);
    assert!(matches!(hand.kind(), Some(Kind::Guard { .. })));
    hand.press_now(KeyCode::Enter);
    assert!(matches!(hand.kind(), Some(Kind::Guard { .. })), "a key meant for the note answers nothing");
    hand.press(KeyCode::Enter);
    hand.type_in("known");
    hand.press(KeyCode::Enter);
    assert!(matches!(hand.kind(), Some(Kind::Line { line: Line::Note, text }) if text.text == "looking at"));
}

#[test]
fn a_word_is_typed_in_its_own_line_and_exactly() {
    let mut runbook = book(
        json!([{"id": "d", "decision": {"prompt": "?", "options": [
            {"id": "drop", "title": "drop", "goto": "x", "risk": "destructive", "reason": "required"},
            {"id": "keep", "title": "keep", "goto": "x"}]}}, {"id": "x", "manual": "x"}]),
        json!([]),
    );
    runbook.target.protected = true;
    let mut all = opened(runbook, json!({}));
    all.target.protected = true;
    let mut bottle = Bottle::of(all);
    bottle.tell(Command::Start).unwrap();
    let mut hand = Hand::at(bottle);
    hand.press(KeyCode::Enter);
    hand.press(KeyCode::Enter);
    hand.type_in("because prod is broken");
    hand.press(KeyCode::Enter);
    assert_eq!((hand.commands(), hand.bottle.at()), (0, "d"), "the reason only contains the word");
    hand.type_in("prod");
    hand.press(KeyCode::Enter);
    assert_eq!(hand.bottle.at(), "x");
}

#[test]
fn a_dangerous_option_takes_more_than_one_enter() {
    let mut hand = Hand::on(
        json!([{"id": "d", "decision": {"prompt": "?", "options": [
            {"id": "drop", "title": "drop", "goto": "x", "risk": "destructive"},
            {"id": "keep", "title": "keep", "goto": "x"}]}}, {"id": "x", "manual": "x"}]),
        json!([]),
    );
    hand.press(KeyCode::Enter);
    hand.press_now(KeyCode::Enter);
    hand.press(KeyCode::Enter);
    assert_eq!(hand.bottle.at(), "d");
    hand.press(KeyCode::Enter);
    assert_eq!(hand.bottle.at(), "x");
}

#[test]
fn manual_work_without_evidence_takes_no_hidden_text_and_lets_the_ripcord_through() {
    let mut hand = Hand::on(json!([{"id": "m", "manual": "look"}, {"id": "x", "manual": "x"}]), back());
    hand.press(KeyCode::Char('m'));
    hand.press(KeyCode::Char('z'));
    assert!(matches!(hand.kind(), Some(Kind::Ripcord { .. })));
    hand.press(KeyCode::Esc);
    hand.press(KeyCode::Char('m'));
    hand.press(KeyCode::Enter);
    assert_eq!(hand.bottle.at(), "x");
    let done = Act::Command(Command::Done { step: "m".into(), evidence: None });
    assert!(hand.acts.contains(&done));
}

#[test]
fn leaving_asks_whichever_way() {
    for keys in ["q", ":q"] {
        let mut hand = Hand::on(json!([write("w")]), json!([]));
        hand.type_in(keys);
        if keys.starts_with(':') {
            hand.press(KeyCode::Enter);
        }
        assert!(matches!(hand.kind(), Some(Kind::Quit { yes: false })), "{keys}");
        assert!(hand.acts.is_empty());
    }
}

#[test]
fn a_pod_is_selected_by_a_person_and_travels_with_the_command() {
    let step = json!({"id": "del", "kubernetes": {"delete": {"kind": "Pod", "name": "${{ selected.pod }}"}}});
    let mut hand = Hand::on(json!([step]), json!([]));
    hand.sees_pod("ml-api-x1");
    hand.press(KeyCode::Char('r'));
    assert!(hand.kind().is_none() && hand.ui.status.as_ref().unwrap().contains("cursor on a pod"), "nobody chose one");
    hand.press(KeyCode::Char('3'));
    hand.press(KeyCode::Char('j'));
    hand.press(KeyCode::Char('r'));
    let Some(Kind::Confirm { selected: Some(selected), .. }) = hand.kind() else { panic!("{:?}", hand.ui.status) };
    assert_eq!(selected.pod.as_deref(), Some("ml-api-x1"));
    assert!(hand.acts.contains(&Act::Preview("del".into())));
    hand.press(KeyCode::Char('y'));
    let Some(crate::engine::Effect::Perform { action, .. }) = hand.bottle.effects.last() else { panic!() };
    assert!(serde_json::to_string(action).unwrap().contains("ml-api-x1"));
}

#[test]
fn a_checklist_ends_with_a_word_and_what_it_asked_is_over_when_it_is_answered_elsewhere() {
    let mut hand = Hand::on(
        json!([{"id": "c", "checklist": {"items": [{"id": "one", "text": "one"}]}}, {"id": "x", "manual": "x"}]),
        json!([]),
    );
    hand.press(KeyCode::Char('m'));
    hand.press(KeyCode::Char('o'));
    hand.bottle.tell(Command::Tick { step: "c".into(), item: "one".into() }).unwrap();
    raise(&mut hand.ui, &hand.bottle.run);
    assert!(hand.kind().is_none(), "the override of an item that is done asks nothing any more");
}

#[test]
fn frozen_panes_stay_as_they_were_and_go_on_underneath() {
    let mut hand = Hand::on(json!([write("w")]), json!([]));
    hand.sees_pod("a");
    hand.press(KeyCode::Char('F'));
    hand.sees_pod("b");
    assert!(hand.ui.shown().cluster.pods.get("a").is_some() && hand.ui.shown().cluster.pods.get("b").is_none());
    hand.press(KeyCode::Char('F'));
    assert!(hand.ui.shown().cluster.pods.get("b").is_some());
}

#[test]
fn scrolled_output_stands_still_while_lines_come() {
    let mut hand = Hand::on(json!([write("w")]), json!([]));
    let print = |hand: &mut Hand, n: u32| {
        let line =
            |n| crate::observe::output::OutputLine { step: "w".into(), attempt: 1, text: format!("{n}"), missed: 0 };
        (0..n).for_each(|n| hand.ui.seen.output.push(&line(n)));
    };
    print(&mut hand, 100);
    hand.press(KeyCode::Char('7'));
    (0..5).for_each(|_| hand.press(KeyCode::Char('k')));
    assert_eq!(hand.ui.output_end, Some(95));
    print(&mut hand, 50);
    assert_eq!(hand.ui.output_end, Some(95));
    hand.press(KeyCode::Char('G'));
    assert_eq!(hand.ui.output_end, None, "follows");
}

#[test]
fn a_pane_that_is_not_there_says_why() {
    let mut hand = Hand::on(json!([write("w")]), json!([]));
    hand.press(KeyCode::Char('3'));
    assert!(hand.ui.status.as_ref().unwrap().contains("no cluster"));
    hand.press(KeyCode::Char('l'));
    assert!(hand.ui.status.as_ref().unwrap().contains("no cluster"));
    assert_eq!(hand.ui.focus, Pane::Runbook);
}

#[test]
fn a_key_that_means_nothing_says_why_before_anything_is_typed() {
    let mut watch = Hand::on(json!([{"id": "w", "confirm": "none", "run": "x"}]), back());
    watch.ui.watching = true;
    for key in ['r', 's', 'm', 'z', 'c'] {
        watch.press(KeyCode::Char(key));
        assert!(watch.kind().is_none() && watch.ui.status.is_some(), "{key} while looking on");
    }
    let mut over = Hand::on(json!([{"id": "m", "manual": "m"}]), back());
    over.bottle.tell(Command::Abort { why: "enough".into() }).unwrap();
    raise(&mut over.ui, &over.bottle.run);
    for key in ['r', 's', 'm', 'a', 'z'] {
        over.press(KeyCode::Char(key));
        let said = over.ui.status.clone().unwrap_or_default();
        assert!(over.kind().is_none() && said.contains("ABORTED"), "{key}: {said}");
    }
    assert!(over.ui.status.unwrap().contains("wrote nothing"), "z leads back from nothing");
}

#[test]
fn the_way_back_of_a_run_that_is_over_is_named_with_the_run() {
    let mut hand = Hand::on(json!([{"id": "w", "confirm": "none", "run": "x"}, {"id": "m", "manual": "m"}]), back());
    hand.bottle.ok("w");
    hand.bottle.tell(Command::Abort { why: "enough".into() }).unwrap();
    hand.press(KeyCode::Char('z'));
    let said = hand.ui.status.clone().unwrap();
    let run = hand.bottle.run.opened().run.clone();
    assert!(said.contains(&format!("`ripcord rollback {run}`")), "{said}");
}

#[test]
fn in_the_lane_no_word_promises_another_way_back() {
    let mut hand = Hand::on(json!([{"id": "w", "confirm": "none", "run": "x"}, {"id": "m", "manual": "m"}]), back());
    hand.bottle.ok("w");
    hand.bottle.tell(Command::Rollback { why: "bad".into() }).unwrap();
    hand.press(KeyCode::Char('r'));
    assert!(!hand.ui.status.clone().unwrap_or_default().contains('z'), "{:?}", hand.ui.status);
    hand.press(KeyCode::Char('z'));
    assert!(hand.ui.status.unwrap().contains("the way back is under way, at back"));
}

#[test]
fn nothing_is_answered_that_has_no_room_on_the_screen() {
    let mut hand = Hand::on(json!([write("w")]), back());
    hand.ui.reach.too_small = true;
    for key in ['r', 'y', 'z', 'y', 'q'] {
        hand.press(KeyCode::Char(key));
    }
    assert!(hand.kind().is_none() && hand.acts.is_empty());
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(key(&mut hand.ui, &hand.bottle.run, control), [Act::Quit], "as the message says");
}

#[test]
fn a_preview_runs_nothing_before_its_end_was_on_the_screen() {
    let mut hand = Hand::on(json!([write("w")]), back());
    hand.press(KeyCode::Char('r'));
    hand.ui.reach.dialog = 10;
    hand.press(KeyCode::Char('y'));
    assert!(hand.commands() == 0 && hand.kind().is_some() && hand.ui.status.as_ref().unwrap().contains("PgDn"));
    (0..2).for_each(|_| hand.press(KeyCode::PageDown));
    hand.press(KeyCode::PageUp);
    hand.press(KeyCode::Char('y'));
    assert_eq!(hand.commands(), 1);
}

#[test]
fn a_failure_is_not_aborted_by_the_key_that_leaves_elsewhere() {
    let mut hand = Hand::on(json!([{"id": "w", "confirm": "none", "run": "x"}]), back());
    hand.bottle.fails("w");
    raise(&mut hand.ui, &hand.bottle.run);
    hand.press(KeyCode::Char('q'));
    assert!(matches!(hand.kind(), Some(Kind::Failure { .. })) && hand.ui.status.is_some());
    hand.press(KeyCode::Char('A'));
    hand.press(KeyCode::Enter);
    assert!(matches!(hand.kind(), Some(Kind::Line { line: Line::Abort, .. })) && hand.commands() == 0, "no reason yet");
}

#[test]
fn a_read_only_session_says_so_at_once_and_still_copies() {
    let mut all = opened(book(json!([write("w")]), back()), json!({}));
    all.read_only = true;
    let mut bottle = Bottle::of(all);
    bottle.tell(Command::Start).unwrap();
    let mut hand = Hand::at(bottle);
    hand.press(KeyCode::Char('r'));
    assert!(hand.kind().is_none() && hand.ui.status.as_ref().unwrap().contains("read-only"));
    hand.press(KeyCode::Char('c'));
    assert!(hand.acts.contains(&Act::Copy("touch x".into())), "{:?}", hand.acts);
}

#[test]
fn the_trail_has_a_cursor_a_filter_and_a_copy_and_keeps_readings_out_of_the_way() {
    let mut hand = Hand::on(json!([write("w")]), back());
    for (sequence, text, reads) in
        [(1, "#1 step.intent a", false), (2, "#2 guard.sample", true), (3, "#3 note b", false)]
    {
        hand.ui.remember(crate::tui::state::TrailLine { sequence, text: text.into(), reads });
    }
    hand.press(KeyCode::Char('@'));
    hand.press(KeyCode::Char('k'));
    hand.press(KeyCode::Char('c'));
    assert_eq!(hand.acts, [Act::Copy("#1 step.intent a".into())], "the reading is passed over");
    hand.press(KeyCode::Char('R'));
    hand.press(KeyCode::Char('k'));
    hand.press(KeyCode::Char('c'));
    assert_eq!(hand.acts.last(), Some(&Act::Copy("#2 guard.sample".into())));
    hand.type_in("/note zg");
    assert!(matches!(hand.kind(), Some(Kind::Trail(look)) if look.filter.text == "note zg"), "{:?}", hand.kind());
    hand.press(KeyCode::Esc);
    assert!(matches!(hand.kind(), Some(Kind::Trail(look)) if look.filter.text.is_empty()), "first the filter");
    hand.press(KeyCode::Esc);
    assert!(hand.kind().is_none());
}

#[test]
fn a_field_that_offers_choices_has_the_suggestion_and_the_arrows_choose_another() {
    let revision = json!({"type": "int", "pick": "revisions", "of": {"helmRelease": "ml"}});
    let mut hand =
        Hand::on(json!([{"id": "which", "input": {"revision": revision, "why": {"type": "string"}}}]), json!([]));
    hand.press(KeyCode::Char('r'));
    let choice = |value: &str, suggested| Choice { value: value.into(), words: "superseded".into(), suggested };
    let all = vec![choice("12", false), choice("9", true), choice("8", false)];
    offered(&mut hand.ui, "which".into(), "revision".into(), Ok(all));
    let text = |hand: &Hand| match &hand.ui.dialog.as_ref().unwrap().kind {
        Kind::Input { fields, .. } => fields[0].1.text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(&hand), "9", "the suggestion");
    hand.press(KeyCode::Down);
    assert_eq!(text(&hand), "8");
    hand.press(KeyCode::Down);
    assert_eq!(text(&hand), "12", "round again");
    hand.press(KeyCode::Enter);
    hand.type_in("errors");
    hand.press(KeyCode::Enter);
    let Some(Act::Command(Command::Provide { values, .. })) = hand.acts.last() else { panic!("{:?}", hand.acts) };
    assert_eq!((&values["revision"], &values["why"]), (&json!("12"), &json!("errors")));
}
