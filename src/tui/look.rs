//! What the operator wants to see beside the steps: which object, whose logs, where a port-forward leads. Nothing of it acts.

use std::fmt;

use crate::runbook::{model::PortForward, value::Tpl};

/// An object by its kind and name, in the namespace of the panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: String,
    pub name: String,
}

impl Named {
    pub fn pod(name: impl Into<String>) -> Self {
        Self { kind: "pod".into(), name: name.into() }
    }

    /// `deployment/ml-api`
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let whole = !kind.is_empty() && !name.is_empty() && !name.contains([' ', '/']);
        whole.then(|| Self { kind: kind.to_ascii_lowercase(), name: name.to_owned() })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// Whose logs the operator wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogsOf {
    Pod(String),
    Selector(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    Describe(Named),
    Yaml(Named),
    /// The YAML with the values of a Secret; whoever asks records it first.
    Revealed(Named),
    Logs {
        of: LogsOf,
        previous: bool,
    },
    /// The same logs from so many seconds ago, or from their usual tail.
    Since(Option<u64>),
    /// The panes look at another namespace; the run's target stays.
    Namespace(String),
    Reconnect,
}

/// `8080` (of the pod under the cursor), `service/ml-api`, `service/ml-api 80`, `pod/x 8080:80`.
///
/// # Errors
/// What is wrong with it, and how it is written.
pub fn forward(text: &str, under_the_cursor: Option<&str>) -> Result<PortForward, String> {
    let usage = "write :forward service/NAME [[LOCAL:]PORT], or :forward PORT for the pod under the cursor";
    let words: Vec<&str> = text.split_whitespace().collect();
    let (of, ports) = match words.as_slice() {
        [] => (under_the_cursor.map(Named::pod), None),
        [one] if one.contains('/') => (Named::parse(one), None),
        [ports] => (under_the_cursor.map(Named::pod), Some(*ports)),
        [of, ports] => (Named::parse(of), Some(*ports)),
        _ => return Err(usage.into()),
    };
    let Some(of) = of else { return Err(usage.into()) };
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("«{text}» is no port; {usage}"));
    let (local, port) = match ports.map(|ports| ports.split_once(':').unwrap_or(("", ports))) {
        None => (None, None),
        Some(("", port)) => (None, Some(number(port)?)),
        Some((local, port)) => (Some(number(local)?), Some(number(port)?)),
    };
    let mut model = PortForward { port: port.map(Tpl::Value), local_port: local.map(Tpl::Value), ..Default::default() };
    match of.kind.as_str() {
        "pod" | "po" => model.pod = Some(of.name),
        "service" | "svc" => model.service = Some(of.name),
        "deployment" | "deploy" => model.deployment = Some(of.name),
        other => return Err(format!("a port-forward leads to a pod, service or deployment, not to a {other}")),
    }
    Ok(model)
}

/// `90s`, `10m`, `2h`, as kubectl's `--since`; `all` is the usual tail again.
///
/// # Errors
/// What is wrong with it.
pub fn since(text: &str) -> Result<Option<u64>, String> {
    if text == "all" {
        return Ok(None);
    }
    let usage = || format!("«{text}» is no time; write :since 90s, 10m, 2h, or all");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(usage)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(usage()),
    };
    let number: u64 = number.parse().map_err(|_| usage())?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Some).ok_or_else(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_written_as_kubectl_has_it() {
        let port = |text: &str| {
            let model = forward(text, Some("x"))?;
            let number = |port: Option<Tpl<u16>>| port.and_then(|port| port.value());
            Ok::<_, String>((model.pod, model.service, number(model.local_port), number(model.port)))
        };
        assert_eq!(port("8080"), Ok((Some("x".into()), None, None, Some(8080))));
        assert_eq!(port("svc/ml-api 9000:80"), Ok((None, Some("ml-api".into()), Some(9000), Some(80))));
        assert_eq!(port("pod/y"), Ok((Some("y".into()), None, None, None)));
        for wrong in ["99999", "node/n 1", "a b c", "/x"] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
        assert!(forward("80", None).unwrap_err().contains(":forward"), "there is no pod under the cursor");
    }

    #[test]
    fn since_is_a_time_with_its_unit() {
        assert_eq!([since("90s"), since("10m"), since("all")], [Ok(Some(90)), Ok(Some(600)), Ok(None)]);
        for wrong in ["", "10", "m", "-1h", "0s", "1ü"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
