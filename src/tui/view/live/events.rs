//! The events pane, as `kubectl events` prints it, newest first.

use ratatui::{Frame, layout::Rect, text::Line};

use super::{
    Live, LivePane,
    lines::{columns, frame as framed, nothing, row, trouble, word},
};
use crate::{
    observe::{cluster::Pane, events::Group, human},
    tui::{
        text::{fit, fit_middle},
        theme::Tone,
    },
};

pub fn draw(frame: &mut Frame<'_>, area: Rect, live: &Live<'_>, number: usize) {
    let feed = live.cluster.feed(Pane::Events);
    let log = &live.cluster.events;
    let shown: Vec<&Group> = log.shown(&live.state.events).collect();
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let mut lines = Vec::new();
    match nothing(feed, live, shown.len(), log.len() as u64, "events") {
        Some((said, tone)) => lines.push(Line::styled(fit(&format!(" {said}"), room), live.theme.tone(tone))),
        None => {
            lines.extend(trouble(feed, live, room));
            lines.extend(table(live, &shown, room, height.saturating_sub(1 + lines.len())));
        }
    }
    if height > 4 {
        lines.resize(height - 1, Line::default());
        lines.push(Line::styled(fit(&format!(" {}", summary(live)), room), live.theme.tone(Tone::Dim)));
    }
    let (fresh, tone) = word(feed, live);
    let right = (format!("Warning {} of {}, {fresh}", log.warnings(), human::count(log.len() as u64)), tone);
    framed(frame, area, live, LivePane::Events, &format!("{number} Events"), right, lines);
}

fn table<'a>(live: &Live<'_>, shown: &[&Group], room: usize, height: usize) -> Vec<Line<'a>> {
    let now = live.cluster.cluster_now(live.now);
    let head = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"].map(str::to_owned).to_vec();
    let mut cells = vec![head];
    let mut tones = vec![Tone::Dim];
    let object_room = (room / 5).max(14);
    for group in shown.iter().skip(live.state.events_top).take(height.saturating_sub(1)) {
        let event = &group.newest;
        let object = fit_middle(&format!("{}/{}", event.kind, event.name), object_room);
        cells.push(vec![
            group.times.cell(now),
            event.type_.to_string(),
            event.reason.to_string(),
            object,
            event.message.to_string(),
        ]);
        tones.push(if event.is_warning() { Tone::Warn } else { Tone::Plain });
    }
    let widths = columns(&cells, room.saturating_sub(1), 4, 10);
    let lines = cells
        .iter()
        .zip(tones)
        .map(|(cells, tone)| Line::styled(fit(&format!(" {}", row(cells, &widths)), room), live.theme.tone(tone)));
    lines.take(height).collect()
}

fn summary(live: &Live<'_>) -> String {
    let filter = &live.state.events;
    let which = if filter.warnings_only { "warnings only, W all" } else { "W warnings only" };
    let about = filter.about.as_deref().map(|name| format!("   about {name}")).unwrap_or_default();
    let old = live.cluster.events.forgotten();
    let forgotten = if old == 0 { String::new() } else { format!("   {} older ones not kept", human::count(old)) };
    format!("{which}   newest first{about}{forgotten}")
}
