//! Ids from titles, and params from the placeholders of a guide.

use std::collections::{BTreeMap, BTreeSet};

use super::quoting::{Piece, Script, Within};

/// Step ids that are taken.
#[derive(Default)]
pub struct Names {
    taken: BTreeSet<String>,
    /// How often a title's own id was asked for.
    asked: BTreeMap<String, usize>,
}

impl Names {
    /// An id nobody has yet, made of a title.
    pub fn id(&mut self, title: &str) -> String {
        let slug = slug(title, "step");
        let slug = if matches!(slug.as_str(), "rollback" | "end" | "none") { format!("{slug}-step") } else { slug };
        let count = self.asked.entry(slug.clone()).or_default();
        loop {
            *count += 1;
            let id = if *count == 1 { slug.clone() } else { format!("{slug}-{count}") };
            // «x-2» may have been somebody's own title.
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// `[a-z][a-z0-9-]*`, at most 48 long, so that a number still fits behind it.
pub fn slug(title: &str, without: &str) -> String {
    let mut slug = String::new();
    for c in title.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    let slug: String = slug.trim_start_matches(|c: char| !c.is_ascii_lowercase()).chars().take(48).collect();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { without.to_owned() } else { slug.to_owned() }
}

/// The name of a file without its folder and ending.
pub fn stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// What the guide leaves open: `<pod-name>`, `YYYYMMDD`. By the param's name, with the words of the guide.
#[derive(Default)]
pub struct Placeholders {
    pub params: BTreeMap<String, String>,
}

impl Placeholders {
    /// A script with its placeholders as variables of the environment, quoted as the place where each stands wants it.
    /// Comments and quoted here-documents are left alone: a shell expands nothing in them.
    pub fn in_script(&mut self, script: &str) -> String {
        let (mut out, mut rest) = (String::new(), Script::new(script));
        while let Some(piece) = rest.next_piece() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Open(word, param, within) => {
                    let name = param.to_uppercase();
                    out.push_str(&match within {
                        Within::Double | Within::Document => format!("${{{name}}}"),
                        Within::Single => format!("'\"${{{name}}}\"'"),
                        Within::Plain | Within::Comment => format!("\"${{{name}}}\""),
                    });
                    self.params.insert(param, word);
                }
            }
        }
        out
    }

    /// A native field: the variables of [`Self::in_script`] as templates.
    pub fn templated(&self, text: &str) -> String {
        self.params.keys().fold(text.to_owned(), |text, param| {
            text.replace(&format!("${{{}}}", param.to_uppercase()), &format!("${{{{ params.{param} }}}}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ids_and_differ() {
        let mut names = Names::default();
        let ids: Vec<String> = ["Step 1: Go!", "Step 1: Go!", "Step 1: Go 2", "Rollback", "第一", "9 lives"]
            .iter()
            .map(|title| names.id(title))
            .collect();
        assert_eq!(ids, ["step-1-go", "step-1-go-2", "step-1-go-2-2", "rollback-step", "step", "lives"]);
        let long = "on and ".repeat(20);
        let ids = [names.id(&long), names.id(&long), names.id(&long)];
        assert!(ids[1].ends_with("-2") && ids[2].ends_with("-3") && ids[2].len() <= 63, "{ids:?}");
    }

    #[test]
    fn placeholders_become_params() {
        let mut open = Placeholders::default();
        let script = open.in_script("kubectl logs <pod-name> < in; cat <<EOF\ncp x backup-YYYYMMDD\n");
        assert_eq!(script, "kubectl logs \"${POD_NAME}\" < in; cat <<EOF\ncp x backup-${DATE}\n");
        assert_eq!(open.templated("${POD_NAME}-x"), "${{ params.pod_name }}-x");
        assert_eq!(open.params["pod_name"], "<pod-name>");
    }
}
