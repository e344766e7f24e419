//! The library on a small screen, without colour.

use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::tui::theme::Theme;

fn library() -> Library {
    let run = |name: &str, title: &str, tags: &str| Entry {
        open: Open::Run { runbook: name.into(), params: vec![] },
        name: name.into(),
        title: title.into(),
        state: "never run".into(),
        owners: "team-ml".into(),
        tags: tags.into(),
        about: "A new image to production, behind a gate.".into(),
        ..Entry::default()
    };
    let open = Entry {
        open: Open::Resume("r1".into()),
        name: "production".into(),
        title: "ml-system production canary".into(),
        state: "open at soak-10".into(),
        of: Of::Run,
        ..Entry::default()
    };
    let late = Entry { warning: "2 problems: ripcord check".into(), ..run("broken", "Does not pass", "") };
    let entries = vec![
        open,
        run("production", "ml-system production canary", "canary"),
        run("rollback", "Way back", "emergency"),
        late,
    ];
    Library { entries, searched: "runbooks".into(), ..Library::default() }
}

fn screen(library: &Library, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let theme = Theme { colour: false, ascii: true };
    terminal.draw(|frame| draw(frame, library, &theme)).unwrap();
    terminal.backend().to_string()
}

fn press(library: &mut Library, keys: &str) -> Next {
    keys.chars()
        .map(|c| library.key(KeyEvent::from(if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) })))
        .last()
        .unwrap()
}

#[test]
fn unfinished_runs_come_first_and_a_broken_runbook_says_so() {
    insta::assert_snapshot!(screen(&library(), 80, 20));
}

#[test]
fn a_search_narrows_and_enter_opens_what_is_under_the_cursor() {
    let mut library = library();
    assert_eq!(press(&mut library, "\n"), Next::Open(Open::Resume("r1".into())));
    assert_eq!(press(&mut library, "/emer\n"), Next::Open(Open::Run { runbook: "rollback".into(), params: vec![] }));
    assert_eq!(library.shown().len(), 1);
}

fn alert(name: &str, state: &str, params: &[&str]) -> Entry {
    let params = params.iter().map(|param| (*param).to_owned()).collect();
    Entry {
        open: Open::Run { runbook: "runbooks/troubleshooting.yaml".into(), params },
        name: name.into(),
        title: "troubleshooting  namespace=ml, pod=ml-api-7d9c".into(),
        state: state.into(),
        about: "5 % of the requests fail".into(),
        of: Of::Alert,
        ..Entry::default()
    }
}

#[test]
fn what_fires_stands_below_the_unfinished_runs_with_what_answers_it() {
    let mut library = library();
    let word = Some(("1 ALERT, live 3s".to_owned(), Tone::Bad));
    library.fires(vec![alert("HighErrorRate", "FIRING 4m", &["pod=ml-api-7d9c"])], word);
    press(&mut library, "j");
    insta::assert_snapshot!(screen(&library, 80, 20));
    let params = vec!["pod=ml-api-7d9c".to_owned()];
    let opens = Open::Run { runbook: "runbooks/troubleshooting.yaml".into(), params };
    assert_eq!(press(&mut library, "\n"), Next::Open(opens));
}

#[test]
fn the_cursor_stays_on_its_entry_while_alerts_come_and_go() {
    let mut library = library();
    press(&mut library, "jj");
    assert_eq!(library.shown()[library.at].name, "rollback");
    library.fires(vec![alert("A", "FIRING 1s", &[]), alert("B", "pending 1s", &[])], None);
    assert_eq!(library.shown()[library.at].name, "rollback");
    press(&mut library, "kk");
    assert_eq!(library.shown()[library.at].name, "B");
    library.fires(vec![alert("B", "FIRING 31s", &[])], None);
    assert_eq!(library.shown()[library.at].name, "B");
    library.fires(vec![], None);
    assert!(library.at < library.shown().len());
}

#[test]
fn a_key_that_leads_nowhere_says_why_and_esc_does_not_leave() {
    let mut library = library();
    let elsewhere =
        Entry { about: "r2 by ada.\nIts own terminal drives it.".into(), name: "zz".into(), ..Entry::default() };
    library.entries.push(elsewhere);
    assert_eq!(press(&mut library, "G\n"), Next::Stay);
    assert!(screen(&library, 80, 20).contains("not opened: Its own terminal drives it."));
    assert_eq!(library.key(KeyEvent::from(KeyCode::Esc)), Next::Stay);
    assert!(screen(&library, 80, 20).contains(" q leaves"));
    assert_eq!(press(&mut library, "?"), Next::Stay);
    assert!(screen(&library, 80, 20).contains("Enter opens, j k"));
    press(&mut library, "/ab");
    library.key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
    assert_eq!(library.filter.text, "");
}

#[test]
fn an_empty_library_helps() {
    let empty = Library { searched: "runbooks".into(), ..Library::default() };
    let drawn = screen(&empty, 80, 20);
    assert!(drawn.contains("ripcord new NAME") && drawn.contains("ripcord demo"), "{drawn}");
}
