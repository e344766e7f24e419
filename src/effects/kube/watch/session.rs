//! One watch from list to end: pages first, each row sent as it is parsed, then changes. Backing off is done outside.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{mpsc::Sender, oneshot};

use super::{
    kinds::Watched,
    reader::Source,
    split::{LineSplitter, ListSplitter},
    trouble::Failure,
};
use crate::observe::{
    Observation,
    cluster::{Change, ClusterNews},
    freshness::FeedState,
};

/// Objects asked for at once: first few, so that rows show early, then many, so that round trips do not add up.
const FIRST_PAGE: u32 = 500;
const PAGE: u32 = 5_000;
/// Between two pieces of a list.
const LIST_LIMIT: Duration = Duration::from_secs(30);
/// For a watch to be accepted.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// The server ends a watch after this; past it and some more, the connection is dead.
const WATCH: u64 = 50;
/// A watch that was open this long was a good one.
const LASTED: Duration = Duration::from_secs(5);
const SILENT_LIMIT: Duration = Duration::from_secs(WATCH + 15);

/// The screen is gone; nobody wants reports any more.
#[derive(Debug)]
pub struct Closed;

/// How a session ended.
#[derive(Debug)]
pub enum End {
    /// The server closed the watch in good order.
    Renew,
    Failed(Failure),
    Closed,
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Line<T> {
    #[serde(rename = "type")]
    type_: LineType,
    object: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum LineType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

#[derive(Deserialize)]
struct StatusLine {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

/// What lasts from one session of a watch to the next.
pub struct Session<K> {
    pub kind: K,
    pub source: Source,
    pub news: Sender<Observation>,
    /// Where the next watch goes on; `None` means list first.
    pub version: Option<String>,
    pub loaded: bool,
    /// Something came in this session: the next failure starts a fresh backoff.
    pub progressed: bool,
    /// Dropped when the first list has come, or failed: others wait for that.
    pub first: Option<oneshot::Sender<()>>,
}

impl<K: Watched> Session<K> {
    pub async fn run(&mut self) -> End {
        match self.go().await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn go(&mut self) -> Result<End, End> {
        self.progressed = false;
        if self.version.is_none() {
            self.feed(if self.loaded { FeedState::Resyncing } else { FeedState::Listing }).await?;
            let listed = self.list().await;
            self.first = None;
            self.version = Some(listed?);
            self.loaded = true;
            self.progressed = true;
        }
        self.watch().await
    }

    pub async fn feed(&self, state: FeedState) -> Result<(), Closed> {
        self.say(ClusterNews::Feed { pane: self.kind.pane(), state }).await
    }

    async fn say(&self, news: ClusterNews) -> Result<(), Closed> {
        self.news.send(Observation::Cluster(news)).await.map_err(|_| Closed)
    }

    async fn change(&self, change: Change<K::Row>) -> Result<(), Closed> {
        self.say(self.kind.news(change)).await
    }

    async fn list(&mut self) -> Result<String, End> {
        self.change(Change::Begin).await?;
        let mut next = String::new();
        let mut limit = FIRST_PAGE;
        loop {
            let meta = self.page(&page_path(&self.kind, limit, &next)).await?;
            if meta.next.is_empty() {
                self.change(Change::End).await?;
                return Ok(meta.resource_version);
            }
            next = meta.next;
            limit = PAGE;
        }
    }

    async fn page(&self, path: &str) -> Result<ListMeta, End> {
        let mut answer = self.source.get(path, LIST_LIMIT).await?;
        let mut splitter = ListSplitter::default();
        while let Some(piece) = answer.piece(LIST_LIMIT).await? {
            let mut rows = Vec::new();
            splitter.feed(&piece, |item| rows.extend(parse::<K::Slim>(item).and_then(|slim| self.kind.row(&slim))));
            if !rows.is_empty() {
                self.change(Change::Listed(rows)).await?;
            }
        }
        serde_json::from_slice(splitter.metadata()).map_err(|_| cut_short(&self.source).into())
    }

    async fn watch(&mut self) -> Result<End, End> {
        let from = super::kinds::encode(self.version.as_deref().unwrap_or_default());
        let path = format!(
            "{}?{}&watch=true&allowWatchBookmarks=true&resourceVersion={from}&timeoutSeconds={WATCH}",
            self.kind.path(),
            self.kind.query()
        );
        let mut answer = self.source.get(&path, OPEN_LIMIT).await?;
        self.feed(FeedState::Watching).await?;
        self.change(Change::Nothing).await?;
        // a watch that ends as soon as it is opened is no progress, or a broken proxy would be hammered
        self.progressed = false;
        let opened = tokio::time::Instant::now();
        let mut splitter = LineSplitter::default();
        while let Some(piece) = answer.piece(SILENT_LIMIT).await? {
            let mut batch = Batch::default();
            splitter.feed(&piece, |line| batch.line(&self.kind, line));
            let (version, failure) = (batch.version.take(), batch.failure.take());
            for change in batch.done() {
                self.change(change).await?;
            }
            // only now: a restart while a change waits to be sent must not lose it
            if version.is_some() {
                self.version = version;
                self.progressed = true;
            }
            if let Some((code, message)) = failure {
                return Err(Failure::in_watch(code, &message, &format!("watch {}", self.kind.what())).into());
            }
        }
        self.progressed |= opened.elapsed() >= LASTED;
        Ok(End::Renew)
    }
}

/// All rows of one list, for a reading that needs no watch.
pub async fn list_rows<K: Watched>(kind: &K, source: &Source) -> Result<Vec<K::Row>, Failure> {
    let mut all = Vec::new();
    let mut next = String::new();
    loop {
        let path = page_path(kind, PAGE, &next);
        let mut answer = source.get(&path, LIST_LIMIT).await?;
        let mut splitter = ListSplitter::default();
        while let Some(piece) = answer.piece(LIST_LIMIT).await? {
            splitter.feed(&piece, |item| all.extend(parse::<K::Slim>(item).and_then(|slim| kind.row(&slim))));
        }
        let meta: ListMeta = serde_json::from_slice(splitter.metadata()).map_err(|_| cut_short(source))?;
        if meta.next.is_empty() {
            return Ok(all);
        }
        next = meta.next;
    }
}

fn page_path<K: Watched>(kind: &K, limit: u32, next: &str) -> String {
    format!("{}?{}&limit={limit}&continue={}", kind.path(), kind.query(), super::kinds::encode(next))
}

fn cut_short(source: &Source) -> Failure {
    Failure::away(&source.server, "the list was cut short")
}

fn parse<T: serde::de::DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text)
        .map_err(|error| tracing::debug!(%error, "an object that is not understood is left out"))
        .ok()
}

/// The changes of one piece, in order, like ones together.
struct Batch<R> {
    changes: Vec<Change<R>>,
    version: Option<String>,
    failure: Option<(u16, String)>,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Self { changes: Vec::new(), version: None, failure: None }
    }
}

impl<R> Batch<R> {
    fn line<K: Watched<Row = R>>(&mut self, kind: &K, line: &[u8]) {
        let Some(Line { type_, object }) = parse::<Line<K::Slim>>(line) else { return };
        if type_ == LineType::Error {
            let status = parse::<Line<StatusLine>>(line).map(|line| line.object);
            self.failure = status.map(|status| (status.code, status.message)).or(Some((500, String::new())));
            return;
        }
        let meta = kind.meta(&object);
        if !meta.resource_version.is_empty() {
            self.version = Some(meta.resource_version.clone());
        }
        match type_ {
            LineType::Deleted => self.gone(crate::visible::line(&meta.name).into()),
            LineType::Bookmark => {}
            _ => {
                if let Some(row) = kind.row(&object) {
                    self.put(row, type_ == LineType::Added);
                }
            }
        }
    }

    fn put(&mut self, row: R, added: bool) {
        match self.changes.last_mut() {
            Some(Change::Put(rows)) => rows.push((row, added)),
            _ => self.changes.push(Change::Put(vec![(row, added)])),
        }
    }

    fn gone(&mut self, name: Box<str>) {
        match self.changes.last_mut() {
            Some(Change::Gone(names)) => names.push(name),
            _ => self.changes.push(Change::Gone(vec![name])),
        }
    }

    fn done(mut self) -> Vec<Change<R>> {
        if self.changes.is_empty() {
            self.changes.push(Change::Nothing);
        }
        self.changes
    }
}
