//! Which objects a label or field selector means.

use serde_json::Value;

use super::{asked::Asked, status::Refused};
use crate::{demo::world::objects::text, observe::pods::Selector};

pub struct Chosen {
    labels: Selector,
    /// Path below the object, wanted, and whether it must be so.
    fields: Vec<(String, String, bool)>,
}

impl Chosen {
    pub fn of(asked: &Asked) -> Result<Self, Refused> {
        let labels = Selector::parse(asked.get("labelSelector"))
            .map_err(|bad| Refused::new(400, "BadRequest", format!("unable to parse requirement: {bad}")))?;
        let mut fields = Vec::new();
        for part in asked.get("fieldSelector").split(',').filter(|part| !part.is_empty()) {
            let (path, value, equal) =
                match (part.split_once("!="), part.split_once("==").or_else(|| part.split_once('='))) {
                    (Some((path, value)), _) => (path, value, false),
                    (None, Some((path, value))) => (path, value, true),
                    (None, None) => {
                        return Err(Refused::new(400, "BadRequest", format!("invalid field selector: {part}")));
                    }
                };
            fields.push((format!("/{}", path.replace('.', "/")), value.to_owned(), equal));
        }
        Ok(Self { labels, fields })
    }

    pub fn fits(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = |name: &str| labels.and_then(|labels| labels.get(name)).and_then(Value::as_str);
        self.labels.matches(label)
            && self.fields.iter().all(|(path, want, equal)| (text(object, path) == want) == *equal)
    }
}
