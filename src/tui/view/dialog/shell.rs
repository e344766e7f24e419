//! Before a shell is opened: where, in which container, and that it is recorded.

use super::Writer;
use crate::tui::theme::Tone;

impl Writer<'_, '_> {
    pub(super) fn shell(&mut self, pod: &str, containers: &[String], at: usize, yes: bool) -> String {
        let namespace = &self.scene.ui.seen.cluster.namespace;
        let protected = if self.scene.run.opened().target.protected { "PROD: " } else { "" };
        self.text(Tone::Warn, &format!("{protected}a shell in {namespace} / {pod} can change what runs there."));
        self.text(Tone::Plain, "Its whole session is recorded; the trail keeps the hash of the recording.");
        self.gap();
        for (index, container) in containers.iter().enumerate() {
            self.row(index == at, &format!("container {container}"));
        }
        if containers.len() > 1 {
            self.keys("j k choose the container");
        }
        self.sheet.buttons("Cancel", "Open the shell", yes);
        "A shell?".into()
    }
}
