//! Refusals, as the API's `Status`.

use serde_json::{Value, json};

use crate::{demo::world::store::No, effects::kube::act::kinds::Resource};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: u16,
    reason: &'static str,
    message: String,
}

impl Refused {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }

    /// What the store said about an object, in the server's words.
    pub fn of(no: No, resource: &Resource, name: &str) -> Self {
        let object = format!("{} \"{name}\"", resource.full_name());
        match no {
            No::NotFound => Self::new(404, "NotFound", format!("{object} not found")),
            No::Exists => Self::new(409, "AlreadyExists", format!("{object} already exists")),
            No::Conflict(why) => {
                Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {object}: {why}"))
            }
            No::Invalid(why) => Self::new(422, "Invalid", format!("{object} is invalid: {why}")),
        }
    }

    pub fn status(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": self.code,
            "reason": self.reason, "message": self.message,
        })
    }
}

/// 410: what the client knows is too old.
pub fn gone(asked: u64, version: u64) -> Refused {
    Refused::new(410, "Expired", format!("too old resource version: {asked} ({version})"))
}
