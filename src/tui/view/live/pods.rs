//! The pods pane: workloads at a glance, kubectl's rows, and why the selected one is sick.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{
    Live, LivePane,
    lines::{columns, frame as framed, nothing, row, trouble, word},
};
use crate::{
    observe::{
        cluster::Pane,
        findings::findings,
        human,
        pods::{CAP, Entry, Health},
    },
    tui::{
        text::{fit, fit_middle, wrap},
        theme::Tone,
    },
};

const HEAD: [&str; 5] = ["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
const WIDE: [&str; 4] = ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"];

pub fn draw(frame: &mut Frame<'_>, area: Rect, live: &Live<'_>, number: usize) {
    let feed = live.cluster.feed(Pane::Pods);
    let all: Vec<&Entry> = live.cluster.pods.shown(&live.state.pods).collect();
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let mut lines = workloads(live, room, (height / 3).min(1 + live.cluster.workloads.iter().count()));
    let stale = feed.is_stale(live.now) && feed.loaded;
    let below = footer(live, &all, room, height.saturating_sub(lines.len()));
    let what = live.cluster.selector.as_ref().map_or("pods".to_owned(), |selector| format!("pods -l {selector}"));
    match nothing(feed, live, all.len(), live.cluster.pods.total(), &what) {
        Some((said, tone)) => lines.push(Line::styled(fit(&format!(" {said}"), room), live.theme.tone(tone))),
        None => {
            lines.extend(trouble(feed, live, room));
            lines.extend(table(live, &all, room, height.saturating_sub(lines.len() + below.len()), stale));
        }
    }
    let gap = height.saturating_sub(lines.len() + below.len());
    lines.extend(std::iter::repeat_n(Line::default(), gap));
    lines.extend(below);
    let mut right = word(feed, live);
    if !live.state.pods.is_all() && feed.loaded {
        right.0 = format!(
            "{} of {} match filter, {}",
            human::count(all.len() as u64),
            human::count(live.cluster.pods.total()),
            right.0
        );
    }
    framed(frame, area, live, LivePane::Pods, &format!("{number} Pods"), right, lines);
}

/// One line per workload, and none of it where there is no room.
fn workloads<'a>(live: &Live<'_>, room: usize, most: usize) -> Vec<Line<'a>> {
    let table = &live.cluster.workloads;
    if table.is_empty() || most < 3 {
        return Vec::new();
    }
    let head = ["WORKLOAD", "READY", "UP-TO-DATE", "AVAILABLE", "REV", "IMAGES", ""].map(str::to_owned).to_vec();
    let mut cells = vec![head];
    let mut tones = vec![Tone::Dim];
    for row in table.iter().take(most - 1) {
        let revision = row.revision.as_deref().unwrap_or("-").to_owned();
        let kind = if &*row.kind == "Deployment" { String::new() } else { format!("{}/", row.kind) };
        cells.push(vec![
            format!("{kind}{}", row.name),
            format!("{}/{}", row.ready, row.desired),
            row.updated.to_string(),
            row.available.to_string(),
            revision,
            row.images.to_string(),
            row.progress.to_string(),
        ]);
        tones.push(if row.is_settled() { Tone::Plain } else { Tone::Warn });
    }
    let widths = columns(&cells, room.saturating_sub(1), 5, 8);
    cells
        .iter()
        .zip(tones)
        .map(|(cells, tone)| Line::styled(format!(" {}", row(cells, &widths)), live.theme.tone(tone)))
        .collect()
}

fn table<'a>(live: &Live<'_>, all: &[&Entry], room: usize, height: usize, stale: bool) -> Vec<Line<'a>> {
    if height < 2 {
        return Vec::new();
    }
    let selected = live.state.pod(live.cluster);
    let at = selected.and_then(|name| all.iter().position(|entry| &*entry.row.name == name)).unwrap_or(0);
    let rows = height - 1;
    let top = at.saturating_sub(rows / 2).min(all.len().saturating_sub(rows));
    let now = live.cluster.cluster_now(live.now);
    let mut cells = vec![head(live.state.wide)];
    for entry in all.iter().skip(top).take(rows) {
        let mut of = entry.row.cells(now).to_vec();
        if live.state.wide {
            of.extend(entry.row.wide_cells());
        }
        cells.push(of);
    }
    let mut widths = columns(&cells, room.saturating_sub(2), 0, 12);
    if let Some(name) = widths.first_mut() {
        let longest =
            cells.iter().map(|row| row.first().map_or(0, |cell| crate::tui::text::width(cell))).max().unwrap_or(0);
        *name = (*name).min(longest + 2);
    }
    let mut lines = vec![Line::styled(format!("  {}", row(&cells[0], &widths)), live.theme.tone(Tone::Dim))];
    for (i, (entry, mut of)) in all.iter().skip(top).zip(cells.into_iter().skip(1)).enumerate() {
        of[0] = fit_middle(&of[0], widths.first().copied().unwrap_or(12));
        let mark = if top + i == at { "> " } else { "  " };
        lines.push(Line::from(Span::styled(
            format!("{mark}{}", row(&of, &widths)),
            style(live, entry, top + i == at, stale),
        )));
    }
    lines
}

fn head(wide: bool) -> Vec<String> {
    let further: &[&str] = if wide { &WIDE } else { &[] };
    HEAD.iter().chain(further).map(|name| (*name).to_owned()).collect()
}

fn style(live: &Live<'_>, entry: &Entry, selected: bool, stale: bool) -> Style {
    let tone = match entry.row.health {
        Health::Sick => Tone::Bad,
        Health::Moving => Tone::Warn,
        Health::Well => Tone::Plain,
    };
    let mut style = live.theme.tone(tone);
    if entry.gone.is_some() {
        style = Style::new().add_modifier(Modifier::CROSSED_OUT | Modifier::DIM);
    }
    if stale {
        style = style.add_modifier(Modifier::DIM);
    }
    if selected && live.focused == Some(LivePane::Pods) { style.patch(live.theme.selected()) } else { style }
}

/// Why the selected pod is sick, and what the list is.
fn footer<'a>(live: &Live<'_>, all: &[&Entry], room: usize, height: usize) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let entry = live.state.pod(live.cluster).and_then(|name| all.iter().find(|entry| &*entry.row.name == name));
    if let Some(entry) = entry.filter(|_| height > 4) {
        let now = live.cluster.cluster_now(live.now);
        if entry.gone.is_some() {
            let after = live
                .cluster
                .pods
                .successor(&entry.row)
                .map_or_else(String::new, |next| format!("; after it came {}", next.name));
            lines.push(Line::styled(fit(&format!(" deleted{after}"), room), live.theme.tone(Tone::Warn)));
        }
        for finding in findings(&entry.row, &live.cluster.events, now).into_iter().take(1) {
            // the whole cause before its evidence, where one line is too short for it
            for (number, part) in wrap(&finding.says, room.saturating_sub(7)).into_iter().take(2).enumerate() {
                let head = if number == 0 { "why" } else { "   " };
                lines.push(Line::styled(format!(" {head}  {part}"), live.theme.tone(Tone::Bad)));
            }
            let news = finding.evidence.into_iter().filter(|said| !said.contains(cause_of(&finding.says)));
            let evidence = news.take(1).map(|said| {
                let said = fit(&format!("      {said}"), room);
                Line::styled(said, live.theme.tone(Tone::Dim))
            });
            lines.extend(evidence);
        }
    }
    if height > 4 && !all.is_empty() {
        lines.push(Line::styled(fit(&format!(" {}", summary(live, all.len())), room), live.theme.tone(Tone::Dim)));
    }
    lines
}

/// What is said of it after the first words, which are ours: evidence that only says the same is none.
fn cause_of(says: &str) -> &str {
    says.split_once(": ").map_or(says, |(_, theirs)| theirs)
}

fn summary(live: &Live<'_>, shown: usize) -> String {
    let total = live.cluster.pods.total();
    let order = if live.state.pods.unhealthy_only { "unhealthy only" } else { "unhealthy first" };
    if total > CAP as u64 {
        return format!(
            "{} of {}, narrow with -l   {order}",
            human::count(live.cluster.pods.rows() as u64),
            human::count(total)
        );
    }
    let selector = live.cluster.selector.as_deref().map(|selector| format!("   -l {selector}")).unwrap_or_default();
    let filter = live
        .state
        .typed
        .get(&LivePane::Pods)
        .filter(|text| !text.is_empty())
        .map_or_else(|| "no filter".to_owned(), |text| format!("/{text}"));
    let wide = if live.state.wide { "" } else { "   w wide" };
    format!(
        "{} of {} in namespace{selector}   {order}{wide}   {}",
        human::count(shown as u64),
        human::count(total),
        crate::visible::line(&filter)
    )
}
