//! What becomes of a pod and of its traffic, by the last word of its image's tag: the same words as the test cluster's.

use std::time::Duration;

/// Until a canary that goes bad does so, after it is ready.
pub const GOOD_FOR: Duration = Duration::from_secs(60);

/// What happens to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Runs,
    /// Runs two seconds, exits 1, again and again.
    Crashes,
    /// The same, killed for its memory.
    OutOfMemory,
    NoImage,
    /// Runs, and its readiness probe fails.
    Unready,
}

/// How the requests that reach a pod end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conduct {
    /// The part that fails, 0 to 1.
    pub errors: f64,
    /// Seconds.
    pub p95: f64,
    /// Nothing of it can be scraped.
    pub silent: bool,
}

/// `ml-api:v1.5.0-bad` → `bad`.
pub fn word(image: &str) -> &str {
    let tag = image.rsplit('/').next().and_then(|name| name.rsplit_once(':')).map_or("", |(_, tag)| tag);
    tag.rsplit('-').next().unwrap_or(tag)
}

impl Fate {
    pub fn of(image: &str) -> Self {
        match word(image) {
            "crash" => Self::Crashes,
            "oom" => Self::OutOfMemory,
            "noimage" => Self::NoImage,
            "unready" => Self::Unready,
            _ => Self::Runs,
        }
    }
}

impl Conduct {
    /// Of an image whose pod has been ready for so long.
    pub fn of(image: &str, ready_for: Duration) -> Self {
        let well = Self { errors: 0.0002, p95: 0.18, silent: false };
        match word(image) {
            "bad" if ready_for >= GOOD_FOR => Self { errors: 0.04, p95: 0.31, ..well },
            "grey" => Self { errors: 0.005, ..well },
            "slowp95" => Self { p95: 1.4, ..well },
            "silent" => Self { silent: true, ..well },
            _ => well,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_tag_decides() {
        assert_eq!(Fate::of("registry.local:5000/ml-api:v1.5.0-crash"), Fate::Crashes);
        assert_eq!(Fate::of("ml-api:crash"), Fate::Crashes);
        assert_eq!(Fate::of("crash"), Fate::Runs);
        assert_eq!(Fate::of("ml-api:v1.4.1"), Fate::Runs);
        let soon = Conduct::of("ml-api:v1-bad", Duration::from_secs(59));
        assert!(soon.errors < 0.001 && Conduct::of("ml-api:v1-bad", GOOD_FOR).errors > 0.01);
    }
}
