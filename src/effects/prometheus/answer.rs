//! The API's envelope, decoded by us: a warning or partial data must not look like a number.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::endpoint::Raw;
use crate::{observe::metrics::Point, visible};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// Nobody could be asked; asking again may help.
    Away(String),
    /// Somebody answered that it cannot be.
    Error(String),
}

impl Bad {
    pub(super) fn words(self) -> String {
        match self {
            Self::Away(why) | Self::Error(why) => why,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    warnings: Vec<String>,
}

impl Envelope {
    /// A warning about the data. Prometheus 2 puts its advice on the query's style among them.
    fn partial(&self) -> Option<&str> {
        self.warnings.iter().map(String::as_str).find(|warning| !warning.starts_with("PromQL info:"))
    }
}

/// What a query came to.
#[derive(Debug)]
pub(super) struct Answer {
    pub data: Value,
}

/// One number and the time it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamped {
    pub value: f64,
    /// Seconds, of the server's clock.
    pub at: f64,
}

impl Answer {
    pub(super) fn of(server: &str, raw: Raw) -> Result<Self, Bad> {
        let envelope = serde_json::from_slice::<Envelope>(&raw.body);
        match (raw.status, envelope) {
            (200..=299, Ok(envelope)) if envelope.status == "success" => match envelope.partial() {
                None => Ok(Self { data: envelope.data }),
                // Thanos and Mimir say so when a part of the data did not answer.
                Some(first) => Err(Bad::Error(format!("{server} warns, so the data may be partial: {}", line(first)))),
            },
            (408 | 429 | 500..=599, envelope) => {
                Err(Bad::Away(format!("{server}: {}", said(raw.status, envelope.ok(), &raw.body))))
            }
            (401 | 403, _) => Err(Bad::Error(format!(
                "{server}: {} for this user; set prometheus.bearer, basic or headers, or ask for access",
                raw.status
            ))),
            (300..=399, _) => {
                Err(Bad::Error(format!("{server}: {}, it lives elsewhere; correct prometheus.url", raw.status)))
            }
            (_, envelope) => Err(Bad::Error(format!("{server}: {}", said(raw.status, envelope.ok(), &raw.body)))),
        }
    }

    /// The one number an instant query must give; `None` for an empty vector.
    pub(super) fn number(&self) -> Result<Option<Stamped>, Bad> {
        let result = &self.data["result"];
        let sample = match self.data["resultType"].as_str() {
            Some("scalar") => result,
            Some("vector") => match result.as_array().map(Vec::as_slice).unwrap_or_default() {
                [] => return Ok(None),
                [one] if one.get("histogram").is_some() => {
                    return Err(Bad::Error("the query gives a histogram; histogram_quantile() makes a number".into()));
                }
                [one] => &one["value"],
                many => return Err(several(many)),
            },
            other => {
                let kind = other.unwrap_or("nothing");
                return Err(Bad::Error(format!("the query gives a {kind}, a gate needs one number")));
            }
        };
        stamped(sample).map(Some).ok_or_else(|| Bad::Error(format!("not a sample: {}", line(&sample.to_string()))))
    }

    /// The one series a range query must give, in our clock. Values that are no numbers are left out: a gap.
    pub(super) fn points(&self, shift: SignedDuration) -> Result<Vec<Point>, Bad> {
        let series = match self.data["result"].as_array().map(Vec::as_slice).unwrap_or_default() {
            [] => return Ok(Vec::new()),
            [one] => one,
            many => return Err(several(many)),
        };
        let samples = series["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        let point = |sample: &Value| {
            let Stamped { value, at } = stamped(sample).filter(|sample| sample.value.is_finite())?;
            let at = Timestamp::from_millisecond((at * 1000.0).round() as i64).ok()?;
            Some(Point { at: at.checked_sub(shift).ok()?, value })
        };
        Ok(samples.iter().filter_map(point).collect())
    }
}

fn stamped(sample: &Value) -> Option<Stamped> {
    let [at, value] = sample.as_array()?.as_slice() else { return None };
    Some(Stamped { at: at.as_f64()?, value: value.as_str()?.parse().ok()? })
}

/// «3 series, the query must give 1» and which they are.
fn several(many: &[Value]) -> Bad {
    let labels = |series: &Value| {
        let labels = series["metric"].as_object().into_iter().flatten();
        let pairs: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let mut named: Vec<_> = many.iter().take(3).map(labels).collect();
    if many.len() > 3 {
        named.push("…".into());
    }
    Bad::Error(format!("{} series, the query must give 1: {}", many.len(), line(&named.join(", "))))
}

fn said(status: u16, envelope: Option<Envelope>, body: &[u8]) -> String {
    match envelope {
        Some(envelope) if !envelope.error.is_empty() => {
            let kind =
                if envelope.error_type.is_empty() { String::new() } else { format!("{}: ", envelope.error_type) };
            format!("{status}, {}", line(&format!("{kind}{}", envelope.error)))
        }
        _ => {
            let body = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
            if body.is_empty() { format!("{status}") } else { format!("{status}, {}", line(&body)) }
        }
    }
}

/// One line of bounded length, nothing hidden in it.
fn line(text: &str) -> String {
    let text: String = text.chars().take(300).collect();
    visible::line(&text).into_owned()
}
