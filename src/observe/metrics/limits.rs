//! The lines a metric must not cross, read from its conditions, for drawing only. What does not compare the
//! result with a number has no line.

/// On which side of the line it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Below,
    Above,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub value: f64,
    pub good: Side,
    /// The line past which it fails; otherwise the line within which it is good.
    pub failure: bool,
}

impl Limit {
    /// Every comparison of `result` with a number in a condition.
    pub fn of(condition: &str, failure: bool) -> Vec<Self> {
        let parts = condition.split(" and ").flat_map(|part| part.split(" or "));
        parts.filter_map(|part| Self::one(part.trim().trim_matches(['(', ')']), failure)).collect()
    }

    fn one(part: &str, failure: bool) -> Option<Self> {
        let at = part.find(['<', '>'])?;
        let less = part[at..].starts_with('<');
        let (left, right) = (part[..at].trim(), part[at + 1..].trim_start_matches('=').trim());
        let (value, less) = match (left, right) {
            ("result", number) => (number.parse().ok()?, less),
            (number, "result") => (number.parse().ok()?, !less),
            _ => return None,
        };
        // `result < x` holds below x; for a failure that is the bad side
        let good = if less == failure { Side::Above } else { Side::Below };
        Some(Self { value, good, failure })
    }

    /// `< 0.10`, in the metric's unit.
    pub fn word(&self, unit: super::Unit) -> String {
        let sign = if self.good == Side::Below { "<" } else { ">" };
        format!("{sign} {}", unit.show(self.value))
    }
}
