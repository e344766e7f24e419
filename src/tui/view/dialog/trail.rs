//! The trail as a dialog: its newest records, with the cursor always on the screen.

use super::Writer;
use crate::tui::{dialog::TrailLook, theme::Tone, update::listed};

impl Writer<'_, '_> {
    pub(super) fn trail(&mut self, look: &TrailLook, height: usize) -> String {
        let ui = self.scene.ui;
        let lines = listed(ui, look);
        let at = lines.len().saturating_sub(1 + look.up);
        let rows = height.saturating_sub(5).max(1);
        let top = at.saturating_sub(rows / 2).min(lines.len().saturating_sub(rows));
        for (index, line) in lines.iter().enumerate().skip(top).take(rows) {
            self.row(index == at, &line.text);
        }
        if lines.is_empty() {
            let words = if ui.trail.is_empty() { "nothing is recorded yet" } else { "nothing matches" };
            self.text(Tone::Dim, words);
        }
        if look.typing || !look.filter.text.is_empty() {
            self.sheet.foot_field("/", &look.filter, look.typing);
        }
        let readings = ui.trail.iter().filter(|line| line.reads).count();
        let hidden = if look.readings { "R hides".to_owned() } else { format!("R shows {readings}") };
        let of = (at + 1).min(lines.len());
        self.keys(&format!("{of} of {}   k j g G   / filter   {hidden} readings   c copy   Esc back", lines.len()));
        format!("Trail of {}", self.scene.run.opened().run)
    }
}
