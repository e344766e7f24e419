//! Ages and intervals in kubectl's words. A port of apimachinery's `HumanDuration`; rounds nothing, knows no clock.

use jiff::{SignedDuration, Timestamp};

/// `2m5s`, `47h`, `3d4h`: as `kubectl get` prints it. Down to −1 s is `0s` (clocks differ); before that `<invalid>`.
pub fn duration(d: SignedDuration) -> String {
    let seconds = d.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..=0 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 192 => two(days, "d", hours % 24, "h"),
        _ if days < 730 => format!("{days}d"),
        _ if days < 2920 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{large}{large_unit}") } else { format!("{large}{large_unit}{small}{small_unit}") }
}

/// How long ago `then` was; `<unknown>` when the object does not say.
pub fn since(now: Timestamp, then: Option<Timestamp>) -> String {
    match then {
        Some(then) => duration(now.duration_since(then)),
        None => "<unknown>".to_owned(),
    }
}

/// `2,114`: counts in titles.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: i64 = 60;
    const H: i64 = 3600;
    const D: i64 = 86_400;

    #[test]
    fn every_step_of_the_scale_and_the_second_before_it() {
        for (seconds, said) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (1, "1s"),
            (119, "119s"),
            (2 * M, "2m"),
            (2 * M + 1, "2m1s"),
            (10 * M - 1, "9m59s"),
            (10 * M, "10m"),
            (10 * M + 59, "10m"),
            (3 * H - 1, "179m"),
            (3 * H, "3h"),
            (3 * H + 5 * M, "3h5m"),
            (8 * H - 1, "7h59m"),
            (8 * H, "8h"),
            (48 * H - 1, "47h"),
            (48 * H, "2d"),
            (49 * H, "2d1h"),
            (8 * D - 1, "7d23h"),
            (8 * D, "8d"),
            (2 * 365 * D - 1, "729d"),
            (2 * 365 * D, "2y"),
            (2 * 365 * D + D, "2y1d"),
            (8 * 365 * D - 1, "7y364d"),
            (8 * 365 * D, "8y"),
            (31 * 365 * D, "31y"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), said, "{seconds} s");
        }
    }

    #[test]
    fn parts_of_a_second_are_cut_towards_zero() {
        assert_eq!(duration(SignedDuration::from_millis(-1900)), "0s");
        assert_eq!(duration(SignedDuration::from_millis(-2000)), "<invalid>");
        assert_eq!(duration(SignedDuration::from_millis(119_999)), "119s");
    }

    #[test]
    fn a_missing_time_is_unknown_and_counts_are_grouped() {
        assert_eq!(since(Timestamp::UNIX_EPOCH, None), "<unknown>");
        assert_eq!([count(0), count(999), count(1000), count(2_114_000)], ["0", "999", "1,000", "2,114,000"]);
    }
}
