//! From a file to a checked runbook, with every file it includes; or every problem of all of them at once.

use std::{
    collections::HashSet,
    fs,
    io::Read as _,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    check::{self, Outer},
    doc::{RollbackDoc, RunbookDoc},
    mend::mend,
    model::*,
    problem::{Problem, Problems, Severity},
    shape, tree,
    tree::{MAX_BYTES, Node},
};

/// How deep runbooks may lie in each other.
pub const MAX_DEPTH: usize = 5;

/// A runbook that may be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub book: Runbook,
    pub warnings: Vec<Problem>,
    /// Every file read, as given, with the bytes that were checked. The first is the runbook itself.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// SHA-256 over those bytes, 64 hex digits.
    pub hash: String,
}

/// Reads and checks a runbook and all it includes.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let mut loader = Loader::default();
    let book = loader.file(path, &mut Vec::new(), None);
    loader.finish(book)
}

/// The same for a text that is in hand; `name` stands for its file.
pub fn load_str(name: &str, text: &str) -> Result<Loaded, Vec<Problem>> {
    let mut loader = Loader::default();
    let path = PathBuf::from(name);
    loader.files.push((path.clone(), text.as_bytes().to_vec()));
    let book = loader.text(&path, text, &mut vec![path.clone()], None);
    loader.finish(book)
}

#[derive(Default)]
struct Loader {
    problems: Vec<Problem>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Loader {
    fn finish(mut self, book: Option<Runbook>) -> Result<Loaded, Vec<Problem>> {
        // A file that several steps refer to is read for each, and told once.
        let mut told = HashSet::new();
        self.problems.retain(|problem| told.insert(problem.clone()));
        let failed = self.problems.iter().any(|problem| problem.severity == Severity::Error);
        match book {
            Some(book) if !failed => {
                let mut digest = Sha256::new();
                for (_, bytes) in &self.files {
                    digest.update((bytes.len() as u64).to_be_bytes());
                    digest.update(bytes);
                }
                Ok(Loaded { book, warnings: self.problems, hash: hex(&digest.finalize()), files: self.files })
            }
            _ => Err(self.problems),
        }
    }

    fn file(&mut self, path: &Path, open: &mut Vec<PathBuf>, outer: Option<&Outer>) -> Option<Runbook> {
        match read(path) {
            Ok(text) => {
                self.files.push((path.to_owned(), text.as_bytes().to_vec()));
                open.push(canonical(path));
                let book = self.text(path, &text, open, outer);
                open.pop();
                book
            }
            Err(problem) => {
                self.problems.push(*problem);
                None
            }
        }
    }

    fn text(&mut self, path: &Path, text: &str, open: &mut Vec<PathBuf>, outer: Option<&Outer>) -> Option<Runbook> {
        let mut problems = Problems::new(path, text);
        let tree = match tree::read(text) {
            Ok(tree) => tree,
            Err(syntax) => {
                problems.error(syntax.place, syntax.message).hint(syntax.hint);
                self.problems.extend(problems.sorted());
                return None;
            }
        };
        if tree.is_nothing() {
            let message = format!("{} is empty", path.display());
            self.problems.push(Problem::of_file(path, message, "`ripcord new NAME` writes a runbook to begin with"));
            return None;
        }
        for place in tree.merges() {
            problems.error(place, "`<<` is not read").hint("write the keys out, or give the whole value an anchor");
        }
        let value = shape::check(&tree, &mut problems);
        check::steps_have_one_action(&tree, &mut problems);
        let mut book = None;
        if let Some((doc, whole)) = mend(value) {
            if !whole && !problems.has_errors() {
                problems.error(tree.place, "this cannot be read as a runbook").hint("compare it with `ripcord schema`");
            }
            book = self.model(doc, &tree, path, open, outer, &mut problems);
            if let Some(book) = &book {
                check::all(book, &tree, outer, whole, &mut problems);
            }
        }
        self.problems.extend(problems.sorted());
        book
    }

    fn model(
        &mut self,
        doc: RunbookDoc,
        tree: &Node,
        path: &Path,
        open: &mut Vec<PathBuf>,
        outer: Option<&Outer>,
        problems: &mut Problems<'_>,
    ) -> Option<Runbook> {
        let steps: Option<Vec<Step>> = doc.steps.into_iter().map(super::doc::StepDoc::into_step).collect();
        let rollback = match doc.rollback {
            None => default_lane(doc.baseline.as_ref()),
            Some(RollbackDoc::Steps(steps)) if steps.is_empty() => default_lane(doc.baseline.as_ref()),
            Some(RollbackDoc::Steps(steps)) => {
                steps.into_iter().map(super::doc::StepDoc::into_step).collect::<Option<_>>()?
            }
            Some(RollbackDoc::Runbook(back)) => {
                let nested = Nested { reference: back.runbook, with: back.with, book: None };
                vec![made("way-back", "The way back", Action::Runbook(nested))]
            }
        };
        let mut book = Runbook {
            metadata: doc.metadata,
            description: doc.description,
            target: doc.target,
            params: doc.params,
            secrets: doc.secrets,
            requires: doc.requires,
            calendar: doc.calendar,
            prometheus: doc.prometheus,
            baseline: doc.baseline,
            metrics: doc.metrics,
            panes: doc.panes,
            guards: doc.guards,
            steps: steps?,
            rollback,
        };
        self.include(&mut book, tree, path, open, outer, problems);
        Some(book)
    }

    /// Loads what `runbook:` steps and the way back refer to.
    fn include(
        &mut self,
        book: &mut Runbook,
        tree: &Node,
        path: &Path,
        open: &mut Vec<PathBuf>,
        outer: Option<&Outer>,
        problems: &mut Problems<'_>,
    ) {
        let top = Outer {
            target: book.target.clone(),
            baseline: book.baseline.clone(),
            has_way_back: !book.rollback.is_empty(),
            in_lane: false,
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let lanes = [("steps", &mut book.steps), ("rollback", &mut book.rollback)];
        for (key, steps) in lanes {
            // Of several that lie in each other, the outermost one's target, baseline and way back hold.
            let outer = match outer {
                Some(outer) => outer.clone(),
                None => Outer { in_lane: key == "rollback", ..top.clone() },
            };
            for (index, step) in steps.iter_mut().enumerate() {
                let Action::Runbook(nested) = &mut step.action else { continue };
                let lane = tree.get(key).unwrap_or(tree);
                let node = lane.items().get(index).and_then(|step| step.get("runbook")).unwrap_or(lane);
                let place = node.get("ref").or_else(|| node.get("runbook")).map_or(node.place, |node| node.place);
                let file = folder.join(&nested.reference);
                if open.contains(&canonical(&file)) {
                    problems
                        .error(place, format!("{} includes itself", nested.reference))
                        .hint("a runbook cannot lie inside itself; use `next` or a `decision` to go back");
                } else if open.len() >= MAX_DEPTH {
                    problems
                        .error(place, format!("runbooks lie more than {MAX_DEPTH} deep in each other here"))
                        .hint("put the steps of the innermost into the one that holds it");
                } else {
                    let before = self.problems.len();
                    nested.book = self.file(&file, open, Some(&outer)).map(Box::new);
                    if nested.book.is_none() && self.problems.len() == before + 1 && self.problems[before].line == 0 {
                        // The file itself could not be read: that is this line's problem.
                        let gone = self.problems.remove(before);
                        let own = gone.hint.filter(|_| !gone.message.starts_with("cannot read"));
                        let hint = own.unwrap_or_else(|| "the path starts at the file that names it".to_owned());
                        problems.error(place, gone.message).hint(hint);
                    }
                }
            }
        }
    }
}

fn made(id: &str, title: &str, action: Action) -> Step {
    let common = serde_json::json!({ "id": id, "title": title });
    #[expect(clippy::expect_used, reason = "an id and a title are all a step needs")]
    let common: Common = serde_json::from_value(common).expect("a plain step");
    Step { common, action }
}

/// Where no lane is written the baseline gives one: back to that revision, then see that it runs.
fn default_lane(baseline: Option<&BaselineSpec>) -> Vec<Step> {
    let revision = || super::value::Tpl::Template(super::value::Template("${{ baseline.revision }}".into()));
    match baseline {
        Some(BaselineSpec::HelmRelease(release)) => {
            let rollback = HelmRollback {
                release: release.clone(),
                revision: revision(),
                wait: true.into(),
                timeout: None,
                namespace: None,
            };
            let back = Action::Helm(Helm::Rollback(rollback));
            let status = HelmRelease { release: release.clone(), namespace: None };
            vec![
                made("back-to-baseline", &format!("Roll {release} back to the baseline"), back),
                made("check-baseline", "See that the baseline is deployed", Action::Helm(Helm::Status(status))),
            ]
        }
        Some(BaselineSpec::Deployment(name)) => {
            let kind = || "Deployment".to_owned();
            let undo = RolloutUndo { kind: kind(), name: name.clone(), to_revision: Some(revision()), namespace: None };
            let status = Rollout { kind: kind(), name: name.clone(), timeout: None, namespace: None };
            vec![
                made(
                    "back-to-baseline",
                    &format!("Undo {name} to the baseline"),
                    Action::Kubernetes(Kubernetes::RolloutUndo(undo)),
                ),
                made(
                    "check-baseline",
                    "See that the rollout is done",
                    Action::Kubernetes(Kubernetes::RolloutStatus(status)),
                ),
            ]
        }
        Some(BaselineSpec::None(_)) | None => Vec::new(),
    }
}

/// The text of a runbook file, refused before it is read where it cannot be one.
fn read(path: &Path) -> Result<String, Box<Problem>> {
    let cannot = |what: String| Box::new(Problem::of_file(path, what, "check the path and its permissions"));
    let about = fs::metadata(path).map_err(|error| cannot(format!("cannot read {}: {error}", path.display())))?;
    if about.is_dir() {
        return Err(cannot(format!("{} is a directory", path.display())));
    }
    if about.file_type().is_fifo() || about.file_type().is_socket() {
        // To open one waits for whoever writes to it, perhaps for ever.
        return Err(cannot(format!("{} is a pipe, not a file", path.display())));
    }
    let too_big = || {
        Box::new(Problem::of_file(
            path,
            format!("{} is larger than 1 MiB", path.display()),
            "split it, or include parts with `runbook: {ref}`",
        ))
    };
    if about.len() > MAX_BYTES {
        return Err(too_big());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| cannot(format!("cannot read {}: {error}", path.display())))?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot(format!("cannot read {}: {error}", path.display())))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_big());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let message = format!("{} is not UTF-8: byte {at}, line {line}", path.display());
        Box::new(Problem::of_file(path, message, "save it as UTF-8"))
    })
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
