//! The change calendar: is it closed at a moment, and why. Pure but for the zone's own rules.

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

use super::model::{Calendar, Closed, Day};

/// Why the calendar is closed at a moment; `None` while it is open.
/// A zone that does not exist closes it: going forward fails closed.
pub fn closed(calendar: &Calendar, now: Timestamp) -> Option<String> {
    let name = calendar.timezone.as_deref().unwrap_or("UTC");
    let zone = match name {
        "UTC" => TimeZone::UTC,
        name => match TimeZone::get(name) {
            Ok(zone) => zone,
            Err(_) => return Some(format!("the time zone {name} is not known on this machine")),
        },
    };
    let today = now.to_zoned(zone).date();
    calendar.closed.iter().find(|rule| matches(rule, today)).map(|rule| reason(rule, today, name))
}

fn matches(rule: &Closed, today: jiff::civil::Date) -> bool {
    let in_span = match (rule.from, rule.to) {
        (None, None) => rule.days.is_empty(),
        (from, to) => from.is_none_or(|from| today >= from) && to.is_none_or(|to| today <= to),
    };
    let has_span = rule.from.is_some() || rule.to.is_some();
    let on_day = rule.days.iter().any(|day| weekday(*day) == today.weekday());
    match (rule.days.is_empty(), has_span) {
        (true, true) => in_span,
        (false, false) => on_day,
        (false, true) => in_span && on_day,
        (true, false) => false,
    }
}

fn reason(rule: &Closed, today: jiff::civil::Date, zone: &str) -> String {
    let what = match (&rule.reason, rule.from, rule.to) {
        (Some(reason), ..) => reason.clone(),
        (None, Some(from), Some(to)) => format!("{from} to {to}"),
        (None, ..) => format!("no changes on {:?}", today.weekday()),
    };
    format!("{what} ({today} in {zone})")
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(json: serde_json::Value) -> Calendar {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_friday_in_the_zone_is_a_friday_whatever_utc_says() {
        let berlin = calendar(serde_json::json!({"timezone": "Europe/Berlin", "closed": [{"days": ["Fri"]}]}));
        // 23:30 UTC on Thursday is Friday in Berlin.
        assert!(closed(&berlin, "2026-01-08T23:30:00Z".parse().unwrap()).is_some());
        assert!(closed(&berlin, "2026-01-08T12:00:00Z".parse().unwrap()).is_none());
    }

    #[test]
    fn a_freeze_includes_both_its_ends_and_gives_its_reason() {
        let freeze = calendar(serde_json::json!({
            "closed": [{"from": "2025-12-20", "to": "2026-01-02", "reason": "winter freeze"}]
        }));
        for (day, shut) in [("2025-12-19", false), ("2025-12-20", true), ("2026-01-02", true), ("2026-01-03", false)] {
            let reason = closed(&freeze, format!("{day}T12:00:00Z").parse().unwrap());
            assert_eq!(reason.is_some_and(|reason| reason.contains("winter freeze")), shut, "{day}");
        }
    }

    #[test]
    fn a_zone_nobody_knows_fails_closed() {
        let odd = calendar(serde_json::json!({"timezone": "Mars/Olympus", "closed": []}));
        assert!(closed(&odd, Timestamp::UNIX_EPOCH).is_some());
    }
}
