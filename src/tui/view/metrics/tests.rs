//! The pane on a small screen, without colour: every state is a word, nothing unknown looks good.

use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::observe::metrics::{MetricInfo, MetricsNews, Point, Seen, Unit};

fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T14:03:00Z".parse().unwrap();
    start + SignedDuration::from_secs(second)
}

fn info(name: &str, title: &str, unit: Unit, success: &str, failure: &str) -> MetricInfo {
    let limits = [Limit::of(success, false), Limit::of(failure, true)].concat();
    MetricInfo {
        name: name.into(),
        title: title.into(),
        unit,
        limits,
        window: Some("2m".into()),
        needs: None,
        has_baseline: false,
    }
}

fn view() -> MetricsView {
    let mut view = MetricsView::default();
    let errors =
        MetricInfo { needs: Some(3000), ..info("err", "error rate", Unit::Percent, "result < 0.001", "result > 0.01") };
    let metrics = vec![
        errors,
        info("p95", "p95 latency", Unit::Seconds, "result < 0.5", "result > 1"),
        info("disk", "disk free", Unit::Percent, "result > 0.2", ""),
        info("rps", "requests", Unit::PerSecond, "", ""),
    ];
    view.apply(MetricsNews::Declared { server: "prometheus.monitoring:9090".into(), every: 15, metrics });
    let past = |value: fn(i64) -> f64| (-120..0).map(|n| Point { at: at(n * 15), value: value(n) }).collect::<Vec<_>>();
    for (metric, points) in [
        ("err", past(|n| if n > -30 { 0.0031 } else { 0.0004 })),
        ("p95", past(|n| 0.3 + 0.1 * (n as f64 / 9.0).sin())),
        ("rps", past(|n| if (-60..-50).contains(&n) { f64::NAN } else { 1_900.0 })),
    ] {
        view.apply(MetricsNews::History { metric: metric.into(), points, baseline: vec![] });
    }
    let mut sample = |metric: &str, value: f64, samples, verdict| {
        let seen = Seen::Value { value, baseline: None, samples };
        view.apply(MetricsNews::Sample { metric: metric.into(), at: at(-120), seen: seen.clone(), verdict });
        view.apply(MetricsNews::Sample { metric: metric.into(), at: at(-9), seen, verdict });
    };
    sample("err", 0.0031, Some(412.0), Verdict::Grey);
    sample("p95", 0.412, None, Verdict::Ok);
    sample("rps", 1_900.0, None, Verdict::Unjudged);
    let nothing = Seen::Nothing("no data: the query gives nothing (no series)".into());
    view.apply(MetricsNews::Sample { metric: "disk".into(), at: at(-9), seen: nothing, verdict: Verdict::Unknown });
    view
}

fn screen(view: &MetricsView, state: &MetricsState, ascii: bool, columns: u16, rows: u16) -> String {
    let theme = Theme { colour: false, ascii };
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let metrics = Metrics { view, state, theme: &theme, now: at(0), focused: true };
    terminal.draw(|frame| draw(frame, frame.area(), &metrics, 5)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn every_row_has_its_number_its_limit_and_a_word() {
    insta::assert_snapshot!(screen(&view(), &MetricsState::default(), true, 78, 12));
    insta::assert_snapshot!(screen(&view(), &MetricsState::default(), false, 78, 12));
}

#[test]
fn a_chart_has_axes_limits_and_a_cursor() {
    let mut state = MetricsState::default();
    let mut view = view();
    view.marks.push((at(-900), "3 canary".into()));
    state.open();
    state.point(-5, at(0));
    insta::assert_snapshot!(screen(&view, &state, true, 78, 20));
    state.glyphs = Glyphs::Braille;
    state.cursor = None;
    insta::assert_snapshot!(screen(&view, &state, false, 78, 20));
    state.glyphs = Glyphs::Block;
    state.step(3, &view);
    insta::assert_snapshot!(screen(&view, &state, false, 78, 20));
}

#[test]
fn the_names_of_steps_do_not_run_into_each_other() {
    let mut state = MetricsState::default();
    let mut view = view();
    for (second, name) in [(-900, "snapshot"), (-830, "canary-up"), (-810, "soak"), (-300, "promote-to-everybody")] {
        view.marks.push((at(second), name.into()));
    }
    state.open();
    let screen = screen(&view, &state, true, 78, 20);
    assert!(screen.contains("+---------------------------------^--^soak--------------^promote-t.. |"), "{screen}");
}

#[test]
fn a_pane_without_anything_says_which_nothing_it_is() {
    let screen = |view: &MetricsView| screen(view, &MetricsState::default(), true, 60, 5);
    assert!(screen(&MetricsView::default()).contains("the runbook names no prometheus"));
    let mut view = view();
    view.apply(MetricsNews::Declared { server: "p:9090".into(), every: 15, metrics: vec![] });
    assert!(screen(&view).contains("loading metrics"));
}

#[test]
fn no_size_is_too_small_and_no_row_is_lost_behind_the_edge() {
    let mut state = MetricsState::default();
    for open in [false, true] {
        state.open = open;
        for columns in 1..60 {
            for rows in 1..12 {
                screen(&view(), &state, true, columns, rows);
            }
        }
    }
    state.open = false;
    state.step(9, &view());
    assert!(screen(&view(), &state, true, 70, 5).contains("requests"));
}

#[test]
fn zoom_and_pan_stay_within_what_is_kept() {
    let mut state = MetricsState::default();
    (0..20).for_each(|_| state.zoom(false));
    assert_eq!(state.span, SignedDuration::from_hours(24));
    (0..20).for_each(|_| state.zoom(true));
    assert_eq!(state.span, SignedDuration::from_mins(5));
    state.pan(false, at(0));
    assert!(state.until.is_some());
    (0..4).for_each(|_| state.pan(true, at(0)));
    assert_eq!(state.until, None, "back at the present it follows again");
    (0..4000).for_each(|_| state.pan(false, at(0)));
    assert_eq!(state.window(at(0)).0, at(0) - SignedDuration::from_hours(24));
}
