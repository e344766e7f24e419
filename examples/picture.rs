//! A captured screen, with its escape codes, as an SVG: `tmux capture-pane -e -p | picture > console.svg`.
//! The characters and colours are the program's own; this only draws them. `assets/console.sh` plays the demo for it.

use std::{
    fmt::Write as _,
    io::{self, Read as _, Write as _},
};

use vt100::{Color, Screen};

/// The cell in pixels, of a monospaced font of 14.
const WIDE: f32 = 8.43;
const HIGH: u16 = 18;
const PAD: u16 = 12;
const INK: &str = "#d8dee9";
const PAPER: &str = "#16191f";
const SIXTEEN: [&str; 16] = [
    "#2a2f3a", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9", "#6b7280", "#ff7b86",
    "#b5e890", "#ffd68a", "#82c4ff", "#dd9bf0", "#7fdbe6", "#ffffff",
];

/// What is drawn alike along a line.
#[derive(Clone, PartialEq)]
struct Look {
    ink: String,
    paper: Option<String>,
    bold: bool,
    dim: bool,
}

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    let lines: Vec<&str> = text.lines().collect();
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).max(1);
    let mut parser = vt100::Parser::new(rows, 200, 0);
    parser.process(lines.join("\r\n").as_bytes());
    let screen = parser.screen();
    let filled = |row: u16, column: u16| screen.cell(row, column).is_some_and(vt100::Cell::has_contents);
    let columns = (0..200).rev().find(|column| (0..rows).any(|row| filled(row, *column))).map_or(1, |last| last + 1);
    io::stdout().lock().write_all(svg(screen, rows, columns).as_bytes())
}

fn svg(screen: &Screen, rows: u16, columns: u16) -> String {
    let (width, height) = (f32::from(columns) * WIDE + f32::from(2 * PAD), rows * HIGH + 2 * PAD);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" role=\"img\" \
         aria-label=\"ripcord's console\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" \
         xml:space=\"preserve\">\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let (look, text, cells) = stretch(screen, row, column, columns);
            draw(&mut out, (row, column, cells), &look, &text);
            column += cells;
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The cells from here on that look alike.
fn stretch(screen: &Screen, row: u16, from: u16, columns: u16) -> (Look, String, u16) {
    let first = look(screen, row, from);
    let (mut text, mut at) = (String::new(), from);
    while at < columns && look(screen, row, at) == first {
        let cell = screen.cell(row, at);
        if cell.is_none_or(|cell| !cell.is_wide_continuation()) {
            text.push_str(cell.map(vt100::Cell::contents).filter(|said| !said.is_empty()).unwrap_or(" "));
        }
        at += 1;
    }
    (first, text, at - from)
}

fn look(screen: &Screen, row: u16, column: u16) -> Look {
    let Some(cell) = screen.cell(row, column) else {
        return Look { ink: INK.into(), paper: None, bold: false, dim: false };
    };
    let (mut ink, mut paper) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
    if cell.inverse() {
        (ink, paper) = (Some(paper.unwrap_or(PAPER.into())), Some(ink.unwrap_or(INK.into())));
    }
    Look { ink: ink.unwrap_or(INK.into()), paper, bold: cell.bold(), dim: cell.dim() }
}

fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Idx(n) => Some(SIXTEEN.get(usize::from(n)).copied().unwrap_or(INK).to_owned()),
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
    }
}

fn draw(out: &mut String, (row, column, cells): (u16, u16, u16), look: &Look, text: &str) {
    let (x, y) = (f32::from(PAD) + f32::from(column) * WIDE, PAD + row * HIGH);
    let width = f32::from(cells) * WIDE;
    if let Some(paper) = &look.paper {
        let _ = writeln!(out, "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{HIGH}\" fill=\"{paper}\"/>");
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if look.bold { " font-weight=\"700\"" } else { "" };
    let faint = if look.dim { " opacity=\"0.6\"" } else { "" };
    let said = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}");
    let (ink, base) = (&look.ink, y + 14);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{base}\" textLength=\"{width:.1}\" fill=\"{ink}\"{weight}{faint}>{said}</text>"
    );
}
