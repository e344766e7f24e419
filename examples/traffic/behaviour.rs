//! How a version behaves: its error ratio and latency, by its image tag or by a switch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the requests to one version come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Share of requests answered with 500, from 0 to 1.
    pub errors: f64,
    /// 95th percentile of the latency, seconds.
    pub p95: f64,
    /// No request reaches it at all.
    pub silent: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour { errors: 0.0, p95: 0.12, silent: false }
    }
}

impl Behaviour {
    /// By the last word of an image tag, after `:` or `-`: `v1.5.0-bad` is `bad`.
    pub fn of_tag(tag: &str) -> Self {
        let healthy = Behaviour::default();
        match tag.rsplit('-').next().unwrap_or(tag) {
            "bad" => Behaviour { errors: 0.02, ..healthy },
            "grey" => Behaviour { errors: 0.005, ..healthy },
            "slowp95" => Behaviour { p95: 1.2, ..healthy },
            "silent" => Behaviour { silent: true, ..healthy },
            _ => healthy,
        }
    }
}

/// Behaviours set while the program runs, by tag (`v1.4.2`) or version (`canary`).
#[derive(Default)]
pub struct Switches(pub BTreeMap<String, Behaviour>);

impl Switches {
    /// A switch for the tag wins over one for the version, that over the tag's own.
    pub fn behaviour(&self, version: &str, tag: &str) -> Behaviour {
        let set = self.0.get(tag).or_else(|| self.0.get(version));
        set.copied().unwrap_or_else(|| Behaviour::of_tag(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_tag_decides() {
        assert!((Behaviour::of_tag("v1.5.0-bad").errors - 0.02).abs() < 1e-9);
        assert!(Behaviour::of_tag("silent").silent);
        assert_eq!(Behaviour::of_tag("v1.4.1"), Behaviour::default());
    }

    #[test]
    fn a_switch_for_a_tag_wins_over_one_for_its_version() {
        let mut switches = Switches::default();
        switches.0.insert("canary".into(), Behaviour { errors: 0.5, ..Behaviour::default() });
        switches.0.insert("v2".into(), Behaviour { silent: true, ..Behaviour::default() });
        assert!(switches.behaviour("canary", "v2").silent);
        assert!((switches.behaviour("canary", "v3").errors - 0.5).abs() < 1e-9);
        assert_eq!(switches.behaviour("stable", "v3"), Behaviour::default());
    }
}
