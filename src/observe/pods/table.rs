//! All pods of the pane: kept by name, shown sick ones first, rebuilt aside on a re-list so that it never blinks empty.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::row::{Health, PodRow};
use crate::observe::filter::Filter;

/// Rows kept. More are counted, and a sick pod takes the place of a well one.
pub const CAP: usize = 5_000;
/// How long a deleted row stays, struck.
const STRUCK: SignedDuration = SignedDuration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub row: PodRow,
    /// Since when the pod is no more.
    pub gone: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
struct Rows {
    by_name: BTreeMap<Box<str>, Entry>,
    /// All pods of the server's, those without a row too.
    total: u64,
}

#[derive(Clone, Debug, Default)]
pub struct PodTable {
    shown: Rows,
    /// A re-list in the making.
    aside: Option<Rows>,
    complete: bool,
}

/// What of the table is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFilter {
    pub text: Filter,
    pub unhealthy_only: bool,
}

impl PodTable {
    /// A list begins. The first one is shown while it comes; a later one is swapped in when it is whole.
    pub fn begin(&mut self) {
        if self.complete {
            self.aside = Some(Rows::default());
        } else {
            self.shown = Rows::default();
        }
    }

    pub fn listed(&mut self, rows: Vec<PodRow>) {
        let into = self.aside.as_mut().unwrap_or(&mut self.shown);
        for row in rows {
            into.total += 1;
            into.put(row);
        }
    }

    pub fn end(&mut self, now: Timestamp) {
        self.complete = true;
        let Some(mut fresh) = self.aside.take() else { return };
        for (name, mut entry) in std::mem::take(&mut self.shown.by_name) {
            if !fresh.by_name.contains_key(&name) && fresh.by_name.len() < CAP {
                entry.gone.get_or_insert(now);
                fresh.by_name.insert(name, entry);
            }
        }
        self.shown = fresh;
    }

    /// `added`: the server says this pod is new to the watch.
    pub fn put(&mut self, row: PodRow, added: bool) {
        let revived = self.shown.by_name.get(&row.name).is_none_or(|entry| entry.gone.is_some());
        self.shown.total += u64::from(added && revived);
        self.shown.put(row);
    }

    pub fn delete(&mut self, name: &str, now: Timestamp) {
        if self.shown.by_name.get(name).is_some_and(|entry| entry.gone.is_some()) {
            return;
        }
        self.shown.total = self.shown.total.saturating_sub(1);
        if let Some(entry) = self.shown.by_name.get_mut(name) {
            entry.gone = Some(now);
        }
    }

    /// Takes out what has been struck for ten seconds. True when something went.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let before = self.shown.by_name.len();
        self.shown.by_name.retain(|_, entry| entry.gone.is_none_or(|gone| now.duration_since(gone) < STRUCK));
        before != self.shown.by_name.len()
    }

    /// Sick, then moving, then well; by name within each.
    pub fn shown<'a>(&'a self, filter: &'a PodFilter) -> impl Iterator<Item = &'a Entry> {
        [Health::Sick, Health::Moving, Health::Well]
            .into_iter()
            .filter(|health| !(filter.unhealthy_only && *health == Health::Well))
            .flat_map(|health| self.shown.by_name.values().filter(move |entry| entry.row.health == health))
            .filter(|entry| filter.shows(&entry.row))
    }

    /// Rows that live, in the order of names.
    pub fn living(&self) -> impl Iterator<Item = &PodRow> {
        self.shown.by_name.values().filter(|entry| entry.gone.is_none()).map(|entry| &entry.row)
    }

    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.shown.by_name.get(name)
    }

    /// The pod that took the place of one that went: same owner, youngest first.
    pub fn successor(&self, gone: &PodRow) -> Option<&PodRow> {
        let owner = gone.owner.as_ref()?;
        self.living()
            .filter(|row| row.owner.as_ref() == Some(owner) && row.name != gone.name)
            .max_by_key(|row| row.created)
    }

    pub fn rows(&self) -> usize {
        self.shown.by_name.values().filter(|entry| entry.gone.is_none()).count()
    }

    pub fn unhealthy(&self) -> usize {
        self.living().filter(|row| row.health != Health::Well).count()
    }

    pub fn total(&self) -> u64 {
        self.shown.total
    }

    /// A whole list has come at least once.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl PodFilter {
    pub fn shows(&self, row: &PodRow) -> bool {
        self.text.shows(|needle| needle.any([&*row.name, &*row.status, &*row.wide.node]), |key| row.label(key))
    }

    pub fn is_all(&self) -> bool {
        self.text.is_all() && !self.unhealthy_only
    }
}

impl Rows {
    fn put(&mut self, row: PodRow) {
        if self.by_name.len() >= CAP && !self.by_name.contains_key(&row.name) {
            if row.health != Health::Sick {
                return;
            }
            let Some(well) =
                self.by_name.iter().rev().find(|(_, e)| e.row.health == Health::Well).map(|(name, _)| name.clone())
            else {
                return;
            };
            self.by_name.remove(&well);
        }
        self.by_name.insert(row.name.clone(), Entry { row, gone: None });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name: &str, phase: &str) -> PodRow {
        let pod = json!({"metadata": {"name": name, "labels": {"app": "api"}, "ownerReferences": [{"kind": "ReplicaSet", "name": "rs", "controller": true}]},
            "spec": {"containers": [{}]}, "status": {"phase": phase, "containerStatuses": [{"ready": phase == "Running", "state": {"running": {}}}]}});
        PodRow::new(&serde_json::from_value(pod).unwrap())
    }

    fn names(table: &PodTable, filter: &PodFilter) -> Vec<String> {
        table
            .shown(filter)
            .map(|entry| format!("{}{}", entry.row.name, if entry.gone.is_some() { "†" } else { "" }))
            .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn table(names: &[(&str, &str)]) -> PodTable {
        let mut table = PodTable::default();
        table.begin();
        table.listed(names.iter().map(|(name, phase)| row(name, phase)).collect());
        table.end(at(0));
        table
    }

    #[test]
    fn sick_ones_first_then_by_name() {
        let table = table(&[("c", "Running"), ("b", "Failed"), ("a", "Running"), ("d", "Pending")]);
        assert_eq!(names(&table, &PodFilter::default()), ["b", "d", "a", "c"]);
        assert_eq!((table.unhealthy(), table.total()), (2, 4));
        let sick = PodFilter { unhealthy_only: true, ..PodFilter::default() };
        assert_eq!(names(&table, &sick), ["b", "d"]);
        let text = PodFilter { text: Filter::parse("-l app=db"), ..PodFilter::default() };
        assert!(names(&table, &text).is_empty());
    }

    #[test]
    fn the_first_list_is_shown_as_it_comes_and_a_later_one_only_when_whole() {
        let mut table = PodTable::default();
        table.begin();
        table.listed(vec![row("a", "Running")]);
        assert_eq!(names(&table, &PodFilter::default()), ["a"]);
        assert!(!table.is_complete());
        table.end(at(0));
        table.begin();
        table.listed(vec![row("b", "Running")]);
        assert_eq!(names(&table, &PodFilter::default()), ["a"]);
        table.end(at(1));
        assert_eq!(names(&table, &PodFilter::default()), ["a†", "b"]);
        assert_eq!(table.total(), 1);
    }

    #[test]
    fn a_deleted_row_is_struck_for_ten_seconds_and_its_successor_known() {
        let mut table = table(&[("a", "Running"), ("b", "Running")]);
        table.delete("a", at(100));
        table.delete("a", at(105));
        assert_eq!((names(&table, &PodFilter::default()), table.total()), (vec!["a†".to_owned(), "b".to_owned()], 1));
        let gone = table.get("a").unwrap().row.clone();
        assert_eq!(table.successor(&gone).map(|row| &*row.name), Some("b"));
        assert!(!table.tick(at(109)));
        assert!(table.tick(at(110)));
        assert_eq!(names(&table, &PodFilter::default()), ["b"]);
    }

    #[test]
    fn more_than_the_cap_are_counted_and_a_sick_one_gets_a_row() {
        let mut table = PodTable::default();
        table.begin();
        table.listed((0..CAP + 9).map(|i| row(&format!("p{i:05}"), "Running")).collect());
        table.end(at(0));
        assert_eq!((table.rows(), table.total()), (CAP, 5_009));
        table.put(row("z-sick", "Failed"), true);
        assert_eq!((table.rows(), table.total()), (CAP, 5_010));
        assert_eq!(table.shown(&PodFilter::default()).next().map(|e| &*e.row.name), Some("z-sick"));
        table.put(row("z-well", "Running"), false);
        table.delete("p05008", at(1));
        assert_eq!((table.rows(), table.total()), (CAP, 5_009));
    }
}
