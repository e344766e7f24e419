//! A container's log: what is there, and what comes while it is followed.

use std::io;

use futures::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch as signal;
use tokio_util::bytes::Bytes;

use super::{Answer, Embedded, asked::Asked, away, pieces, status::Refused, whole};
use crate::{
    demo::world::{
        World,
        logs::Line,
        objects::{number, text},
        store::{Key, No},
    },
    effects::kube::act::kinds::usual,
};

struct Follow {
    server: Embedded,
    key: Key,
    id: String,
    next: usize,
    stamped: bool,
    /// Said first.
    waiting: Vec<u8>,
    changed: signal::Receiver<u64>,
    over: bool,
}

pub fn answer(server: &Embedded, world: &World, asked: &Asked, namespace: &str, pod: &str) -> Result<Answer, Refused> {
    let key = Key::new("pods", namespace, pod);
    let missing = || match usual("Pod") {
        Some(kind) => Refused::of(No::NotFound, &kind, pod),
        None => Refused::new(404, "NotFound", "no pods"),
    };
    let object = world.store.get(&key).ok_or_else(missing)?;
    let container = text(object, "/spec/containers/0/name");
    let status = object.pointer("/status/containerStatuses/0").cloned().unwrap_or_default();
    let id = if asked.is("previous", "true") {
        text(&status, "/lastState/terminated/containerID").to_owned()
    } else {
        text(&status, "/containerID").to_owned()
    };
    if id.is_empty() {
        let word = if asked.is("previous", "true") { "previous terminated container" } else { "container" };
        let reason = text(&status, "/state/waiting/reason");
        let why = format!("{word} \"{container}\" in pod \"{pod}\" is not there: {reason}");
        return Err(Refused::new(400, "BadRequest", why));
    }
    let lines: Vec<Line> = world.logs.of(&id).map(|log| log.from(0).cloned().collect()).unwrap_or_default();
    let next = world.logs.of(&id).map_or(0, |log| log.end());
    let stamped = asked.is("timestamps", "true");
    let waiting = written(chosen(&lines, asked, world.now()), stamped);
    if !asked.is("follow", "true") || asked.is("previous", "true") {
        return Ok(whole(200, "text/plain", waiting));
    }
    let changed = server.changed.subscribe();
    let follow = Follow { server: server.clone(), key, id, next, stamped, waiting, changed, over: false };
    let lines = stream::unfold(follow, |mut follow| async move { follow.next().await.map(|piece| (piece, follow)) });
    Ok(pieces("text/plain", lines))
}

fn chosen<'a>(lines: &'a [Line], asked: &Asked, now: Timestamp) -> &'a [Line] {
    let since = match (asked.get("sinceSeconds").parse::<i64>(), asked.get("sinceTime").parse::<Timestamp>()) {
        (Ok(seconds), _) => Some(now - SignedDuration::from_secs(seconds)),
        (_, Ok(at)) => Some(at),
        _ => None,
    };
    let lines = &lines[since.map_or(0, |since| lines.partition_point(|line| line.at < since))..];
    match asked.get("tailLines").parse::<usize>() {
        Ok(tail) => &lines[lines.len().saturating_sub(tail)..],
        Err(_) => lines,
    }
}

fn written<'a>(lines: impl IntoIterator<Item = &'a Line>, stamped: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        if stamped {
            out.extend_from_slice(format!("{:.9} ", line.at).as_bytes());
        }
        out.extend_from_slice(line.text.as_bytes());
        out.push(b'\n');
    }
    out
}

impl Follow {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        if !self.waiting.is_empty() {
            return Some(Ok(std::mem::take(&mut self.waiting).into()));
        }
        while !self.over {
            self.changed.mark_unchanged();
            match self.more() {
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
                Ok(bytes) if !bytes.is_empty() => return Some(Ok(bytes.into())),
                Ok(_) if self.over => return None,
                Ok(_) => {}
            }
            if self.changed.changed().await.is_err() {
                return None;
            }
        }
        None
    }

    /// New lines; the end where this container is no longer the one that runs.
    fn more(&mut self) -> Result<Vec<u8>, io::Error> {
        let world = self.server.now();
        if world.is_away() {
            return Err(away());
        }
        let Some(log) = world.logs.of(&self.id) else { return Ok(Vec::new()) };
        let bytes = written(log.from(self.next), self.stamped);
        self.next = log.end();
        let pod = world.store.get(&self.key);
        let status = pod.and_then(|pod| pod.pointer("/status/containerStatuses/0"));
        let runs = status.is_some_and(|status| {
            text(status, "/containerID") == self.id && !text(status, "/state/running/startedAt").is_empty()
        });
        debug_assert!(status.is_none_or(|status| number(status, "/restartCount") >= 0));
        self.over = !runs;
        Ok(bytes)
    }
}
