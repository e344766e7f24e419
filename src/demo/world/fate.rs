//! What becomes of a pod and of its traffic, by the last word of its image's tag: the same words as the test cluster's.

use std::time::Duration;

use serde_json::Value;

use super::objects::image;

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
    /// No node has room for it.
    Unplaced,
    /// A Secret it names is not there.
    NoConfig,
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

/// Where a pod says of itself what its image's tag does not.
pub const SAID: &str = "demo.ripcord/fate";

/// `ml-api:v1.5.0-bad` → `bad`; or what the pod says.
pub fn word(pod: &Value) -> &str {
    match pod["metadata"]["annotations"][SAID].as_str() {
        Some(said) => said,
        None => last(image(pod)),
    }
}

fn last(image: &str) -> &str {
    let tag = image.rsplit('/').next().and_then(|name| name.rsplit_once(':')).map_or("", |(_, tag)| tag);
    tag.rsplit('-').next().unwrap_or(tag)
}

impl Fate {
    /// By the last word.
    pub fn of(word: &str) -> Self {
        match word {
            "crash" => Self::Crashes,
            "oom" => Self::OutOfMemory,
            "noimage" => Self::NoImage,
            "unready" => Self::Unready,
            "pending" => Self::Unplaced,
            "noconfig" => Self::NoConfig,
            _ => Self::Runs,
        }
    }
}

impl Conduct {
    /// By the last word, of a pod that has been ready for so long.
    pub fn of(word: &str, ready_for: Duration) -> Self {
        let well = Self { errors: 0.0002, p95: 0.18, silent: false };
        match word {
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
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_word_of_the_tag_decides() {
        assert_eq!(Fate::of(last("registry.local:5000/ml-api:v1.5.0-crash")), Fate::Crashes);
        assert_eq!(Fate::of(last("ml-api:crash")), Fate::Crashes);
        assert_eq!(Fate::of(last("crash")), Fate::Runs);
        assert_eq!(Fate::of(last("ml-api:v1.4.1")), Fate::Runs);
        let soon = Conduct::of(last("ml-api:v1-bad"), Duration::from_secs(59));
        assert!(soon.errors < 0.001 && Conduct::of("bad", GOOD_FOR).errors > 0.01);
    }

    #[test]
    fn a_pod_that_says_its_fate_is_believed() {
        let pod = |annotations: Value| json!({"metadata": {"annotations": annotations}, "spec": {"containers": [{"image": "ml-api:v1.5.0"}]}});
        assert_eq!(word(&pod(json!({SAID: "bad"}))), "bad");
        assert_eq!(word(&pod(Value::Null)), "v1.5.0");
    }
}
