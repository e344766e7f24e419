use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn info(unit: Unit) -> MetricInfo {
    let limits = [Limit::of("result < 0.001", false), Limit::of("result > 0.01", true)].concat();
    MetricInfo {
        name: "err".into(),
        title: "error rate".into(),
        unit,
        limits,
        window: None,
        needs: None,
        has_baseline: false,
    }
}

fn view() -> MetricsView {
    let mut view = MetricsView::default();
    view.apply(MetricsNews::Declared { server: "prom:9090".into(), every: 15, metrics: vec![info(Unit::Percent)] });
    view
}

fn sample(view: &mut MetricsView, second: i64, value: f64, verdict: Verdict) {
    let seen = Seen::Value { value, baseline: None, samples: None };
    view.apply(MetricsNews::Sample { metric: "err".into(), at: at(second), seen, verdict });
}

fn nothing(view: &mut MetricsView, second: i64) {
    let seen = Seen::Nothing("3 series, the query must give 1".into());
    view.apply(MetricsNews::Sample { metric: "err".into(), at: at(second), seen, verdict: Verdict::Unknown });
}

#[test]
fn a_day_at_fifteen_seconds_fits_in_64_kib() {
    let mut ring = Ring::new(15);
    for n in 0..20_000 {
        ring.fill(Point { at: at(n * 15), value: n as f64 });
    }
    assert!(ring.bytes() < 64 * 1024, "{} bytes", ring.bytes());
    let points: Vec<_> = ring.points(at(0), at(i64::from(u32::MAX))).collect();
    assert_eq!((points.len(), points[0].value, points.last().unwrap().value), (5_760, 14_240.0, 19_999.0));
}

#[test]
fn history_may_come_after_the_present_and_a_gap_stays_a_gap() {
    let mut ring = Ring::new(15);
    ring.fill(Point { at: at(3_000), value: 3.0 });
    ring.fill(Point { at: at(2_910), value: 1.0 });
    ring.fill(Point { at: at(2_925), value: 2.0 });
    ring.fill(Point { at: at(2_940), value: f64::NAN });
    let values: Vec<_> = ring.points(at(0), at(4_000)).map(|point| point.value).collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);
    let columns = ring.columns(at(2_910), at(3_015), 7, f64::max);
    assert_eq!(columns, [Some(1.0), Some(2.0), None, None, None, None, Some(3.0)]);
}

#[test]
fn a_leap_of_more_than_a_day_forgets_what_was() {
    let mut ring = Ring::new(15);
    ring.fill(Point { at: at(0), value: 1.0 });
    ring.fill(Point { at: at(15 * 100_000), value: 2.0 });
    assert_eq!(ring.points(at(0), at(15 * 100_001)).map(|point| point.value).collect::<Vec<_>>(), [2.0]);
    ring.fill(Point { at: at(0), value: 1.0 });
    assert_eq!(ring.points(at(0), at(15 * 100_001)).count(), 1, "older than a day is left out");
}

#[test]
fn a_peak_is_not_averaged_away() {
    let mut ring = Ring::new(15);
    for n in 0..100 {
        ring.fill(Point { at: at(n * 15), value: if n == 40 { 9.0 } else { 1.0 } });
    }
    assert!(ring.columns(at(0), at(1_500), 10, f64::max).contains(&Some(9.0)));
}

#[test]
fn lines_are_read_from_conditions() {
    let of = |condition, failure| {
        Limit::of(condition, failure).into_iter().map(|limit| (limit.value, limit.good)).collect::<Vec<_>>()
    };
    assert_eq!(of("result < 0.001", false), [(0.001, Side::Below)]);
    assert_eq!(of("result > 0.01", true), [(0.01, Side::Below)]);
    assert_eq!(of("result < 5", true), [(5.0, Side::Above)]);
    assert_eq!(of("0.2 <= result and result <= 0.8", false), [(0.2, Side::Above), (0.8, Side::Below)]);
    assert_eq!(of("result <= baseline * 1.2", false), []);
}

#[test]
fn numbers_stand_in_their_unit() {
    for (unit, value, said) in [
        (Unit::Percent, 0.0031, "0.31 %"),
        (Unit::Percent, 0.0, "0 %"),
        (Unit::Percent, 0.000_000_4, "0.00004 %"),
        (Unit::Seconds, 0.412, "412 ms"),
        (Unit::Seconds, 1.5, "1.5 s"),
        (Unit::Seconds, 0.0, "0 s"),
        (Unit::Bytes, 1_572_864.0, "1.5 MiB"),
        (Unit::Bytes, 12.0, "12 B"),
        (Unit::PerSecond, 1_900.0, "1.9k/s"),
        (Unit::Count, 6.0, "6"),
        (Unit::Count, 3_200_000.0, "3.2M"),
    ] {
        assert_eq!(unit.show(value), said);
    }
}

#[test]
fn nothing_is_never_ok_and_never_zero() {
    let mut view = view();
    assert_eq!(view.rows[0].verdict_now(at(0)), Verdict::Unknown);
    assert_eq!(view.rows[0].trouble(at(0)).as_deref(), Some("not read yet"));
    sample(&mut view, 100, 0.0005, Verdict::Ok);
    assert_eq!((view.rows[0].verdict_now(at(101)), view.rows[0].value_word()), (Verdict::Ok, "0.05 %".to_owned()));
    nothing(&mut view, 115);
    assert_eq!((view.rows[0].verdict_now(at(116)), view.rows[0].value_word()), (Verdict::Unknown, "n/a".to_owned()));
    assert_eq!(
        view.rows[0].trouble(at(120)).as_deref(),
        Some("3 series, the query must give 1; last good 0.05 % 20s ago")
    );
    assert_eq!(view.rows[0].ring.points(at(0), at(200)).count(), 1, "no point where nothing was known");
}

#[test]
fn a_reading_that_grew_old_says_nothing_about_now() {
    let mut view = view();
    sample(&mut view, 100, 0.0005, Verdict::Ok);
    assert_eq!(view.rows[0].verdict_now(at(145)), Verdict::Ok);
    assert_eq!(view.rows[0].verdict_now(at(146)), Verdict::Unknown);
    assert!(view.rows[0].trouble(at(146)).unwrap().starts_with("nothing heard for 46s"));
    assert_eq!(view.word(at(109)).unwrap().0, "prom ok 9s");
    assert_eq!(view.word(at(160)).unwrap().0, "prom AWAY 60s");
}

#[test]
fn since_counts_from_the_change_of_the_verdict() {
    let mut view = view();
    sample(&mut view, 100, 0.0005, Verdict::Ok);
    sample(&mut view, 115, 0.02, Verdict::Fail);
    sample(&mut view, 130, 0.03, Verdict::Fail);
    assert_eq!(view.rows[0].since, Some(at(115)));
}

#[test]
fn a_difference_of_the_clocks_is_said() {
    let mut view = view();
    view.apply(MetricsNews::Skew(-42));
    assert!(view.foot(at(0)).ends_with("our clock is 42s ahead of its"));
}
