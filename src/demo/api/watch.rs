//! Watches: what changed after a version, then what changes, with bookmarks; 410 where the version is too old.

use std::{io, time::Duration};

use futures::stream;
use serde_json::{Value, json};
use tokio::{sync::watch as signal, time::Instant};
use tokio_util::bytes::Bytes;

use super::{
    Answer, Embedded,
    asked::{Asked, At},
    away, pieces,
    selector::Chosen,
    status::{Refused, gone},
};
use crate::demo::world::{World, store::Happened};

/// Between two bookmarks.
const BOOKMARK: Duration = Duration::from_secs(10);

struct Watch {
    server: Embedded,
    at: At,
    chosen: Chosen,
    after: u64,
    bookmarks: bool,
    changed: signal::Receiver<u64>,
    ends: Instant,
    next_bookmark: Instant,
    over: bool,
}

pub fn answer(server: &Embedded, world: &World, asked: &Asked, at: &At) -> Result<Answer, Refused> {
    let now = Instant::now();
    let lasts = asked.get("timeoutSeconds").parse().unwrap_or(300);
    let from = asked.get("resourceVersion");
    // Without a version: what is there now is told as added, which is what listing first is for.
    let after = if from.is_empty() || from == "0" { world.store.version() } else { from.parse().unwrap_or(0) };
    let watch = Watch {
        server: server.clone(),
        at: at.clone(),
        chosen: Chosen::of(asked)?,
        after,
        bookmarks: asked.is("allowWatchBookmarks", "true"),
        changed: server.changed.subscribe(),
        ends: now + Duration::from_secs(lasts),
        next_bookmark: now + BOOKMARK,
        over: false,
    };
    let lines = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|piece| (piece, watch)) });
    Ok(pieces("application/json", lines))
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        while !self.over {
            self.changed.mark_unchanged();
            match self.news() {
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
                Ok(lines) if !lines.is_empty() => return Some(Ok(lines.into())),
                Ok(_) => {}
            }
            tokio::select! {
                changed = self.changed.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(self.next_bookmark.min(self.ends)) => {}
            }
            let now = Instant::now();
            if now >= self.ends || now >= self.next_bookmark {
                self.over = now >= self.ends;
                self.next_bookmark = now + BOOKMARK;
                if self.bookmarks && self.news_is_none() {
                    return Some(Ok(self.bookmark().into()));
                }
            }
        }
        None
    }

    /// The lines of what changed since the last look.
    fn news(&mut self) -> Result<Vec<u8>, io::Error> {
        let world = self.server.now();
        if world.is_away() {
            return Err(away());
        }
        let mut lines = Vec::new();
        let Some(changes) = world.store.since(self.after) else {
            self.over = true;
            line(&mut lines, "ERROR", &gone(self.after, world.store.version()).status());
            return Ok(lines);
        };
        for change in changes {
            let here = change.key.plural == self.at.resource.plural
                && (self.at.namespace.is_empty() || change.key.namespace == self.at.namespace);
            if here && self.chosen.fits(&change.object) {
                line(&mut lines, change.happened.word(), &change.object);
            } else if here && change.happened == Happened::Modified {
                line(&mut lines, Happened::Deleted.word(), &change.object); // it left what was asked for
            }
        }
        self.after = world.store.version();
        Ok(lines)
    }

    fn news_is_none(&self) -> bool {
        let world = self.server.now();
        world.store.version() == self.after && !world.is_away()
    }

    fn bookmark(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        let (kind, version) = (&self.at.resource.kind, self.after.to_string());
        let meta = json!({"resourceVersion": version, "creationTimestamp": null});
        line(
            &mut lines,
            "BOOKMARK",
            &json!({"kind": kind, "apiVersion": self.at.resource.api_version(), "metadata": meta}),
        );
        lines
    }
}

fn line(lines: &mut Vec<u8>, word: &str, object: &Value) {
    lines.extend_from_slice(json!({"type": word, "object": object}).to_string().as_bytes());
    lines.push(b'\n');
}
