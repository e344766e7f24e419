//! Groups of events, newest first, at most 500. A deleted event stays: it only expired.

use std::collections::HashMap;

use super::{ClusterEvent, Times};

/// Groups kept; the one heard of longest ago goes first.
const GROUPS: usize = 500;
/// Event objects remembered for one group; of older ones only the count is kept.
const MEMBERS: usize = 32;

/// All events of one reason about one object; shown by the newest of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub newest: ClusterEvent,
    pub times: Times,
    members: Vec<(Box<str>, Times)>,
}

type Key = (Box<str>, Box<str>);

#[derive(Clone, Debug, Default)]
pub struct EventLog {
    groups: HashMap<Key, Group>,
    /// Newest first; remade when something came.
    order: Vec<Key>,
    forgotten: u64,
}

/// What of the log is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub warnings_only: bool,
    /// The name of one object, as with `kubectl events --for pod/x`.
    pub about: Option<Box<str>>,
    pub text: crate::observe::filter::Filter,
}

impl EventLog {
    pub fn put(&mut self, events: impl IntoIterator<Item = ClusterEvent>) {
        for event in events {
            self.put_one(event);
        }
        self.settle();
    }

    fn put_one(&mut self, event: ClusterEvent) {
        // an event about nothing in particular stands for itself
        let object = if event.object_uid.is_empty() {
            format!("{}/{}", event.kind, event.name).into()
        } else {
            event.object_uid.clone()
        };
        let key = (object, event.reason.clone());
        match self.groups.get_mut(&key) {
            Some(group) => group.add(event),
            None => {
                self.groups.insert(key, Group::new(event));
            }
        }
    }

    fn settle(&mut self) {
        let mut order: Vec<Key> = self.groups.keys().cloned().collect();
        order.sort_unstable_by(|a, b| self.groups[b].rank().cmp(&self.groups[a].rank()).then_with(|| a.cmp(b)));
        for key in order.split_off(order.len().min(GROUPS)) {
            self.groups.remove(&key);
            self.forgotten += 1;
        }
        self.order = order;
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.order.iter().filter_map(|key| self.groups.get(key))
    }

    pub fn shown<'a>(&'a self, filter: &'a EventFilter) -> impl Iterator<Item = &'a Group> {
        self.iter().filter(move |group| filter.shows(&group.newest))
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub fn warnings(&self) -> usize {
        self.iter().filter(|group| group.newest.is_warning()).count()
    }

    /// Groups that no longer fit.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

impl EventFilter {
    pub fn shows(&self, event: &ClusterEvent) -> bool {
        (!self.warnings_only || event.is_warning())
            && self.about.as_ref().is_none_or(|name| *name == event.name)
            && self.text.shows(
                |text| {
                    text.any(
                        [&event.reason, &event.message, &event.name, &event.kind, &event.type_].map(|part| &**part),
                    )
                },
                |_| None,
            )
    }
}

impl Group {
    fn new(event: ClusterEvent) -> Self {
        Self { times: event.times, members: vec![(event.uid.clone(), event.times)], newest: event }
    }

    fn add(&mut self, event: ClusterEvent) {
        match self.members.iter_mut().find(|(uid, _)| *uid == event.uid) {
            Some((_, times)) => *times = event.times,
            None => self.members.push((event.uid.clone(), event.times)),
        }
        if self.members.len() > MEMBERS {
            let (_, oldest) = self.members.remove(0);
            let (uid, times) = self.members.remove(0);
            self.members.insert(0, (uid, merge([oldest, times])));
        }
        if (event.times.sort, event.version) >= (self.newest.times.sort, self.newest.version)
            || event.uid == self.newest.uid
        {
            self.newest = event;
        }
        self.times = match self.members.as_slice() {
            [(_, only)] => *only,
            several => merge(several.iter().map(|(_, times)| *times)),
        };
    }

    fn rank(&self) -> (Option<jiff::Timestamp>, u64) {
        (self.times.sort, self.newest.version)
    }
}

fn merge(all: impl IntoIterator<Item = Times>) -> Times {
    let mut sum = Times { repeated: true, ..Times::default() };
    for times in all {
        sum.first = [sum.first, times.first].into_iter().flatten().min();
        sum.last = sum.last.max(times.last).max(times.first);
        sum.sort = sum.sort.max(times.sort);
        sum.count += times.count.max(1);
    }
    sum
}
