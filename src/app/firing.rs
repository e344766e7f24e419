//! What fires, for somebody who opens no run: asked of the Prometheus of `config.yaml`, else of each that a runbook
//! of the library names. Reads only; what cannot be asked says why, and is tried again.

use std::path::PathBuf;

use indexmap::IndexMap;
use jiff::Timestamp;
use tokio::{
    sync::{OnceCell, mpsc::Sender},
    time::interval,
};

use super::{Fault, books::Book, config::Config, prepare};
use crate::{
    cli::Common,
    effects::{
        kube::connect::{Cluster, ConnectOptions, connect},
        prometheus::{ALERTS_EVERY, Alertmanager, Prometheus, alerts_now},
        secrets::SecretStore,
    },
    observe::alerts::{Alert, AlertState, AlertsNews, AlertsView},
    pace,
    redact::Redactor,
    runbook::{fill, model, value::StepId},
    tui::theme::Tone,
    visible,
};

/// A server that may be asked, and what it takes.
struct Source {
    spec: model::Prometheus,
    connect: ConnectOptions,
    cluster: OnceCell<Cluster>,
    secrets: SecretStore,
    redactor: Redactor,
    workdir: PathBuf,
}

/// What one server told.
pub struct Told {
    source: usize,
    news: AlertsNews,
}

/// What all of them told so far.
#[derive(Default)]
pub struct Firing {
    views: Vec<AlertsView>,
}

impl Firing {
    /// Starts to ask, for as long as `told` is listened to. Must be called on a runtime.
    ///
    /// # Errors
    /// A secret of `config.yaml` that cannot be kept out of what is shown.
    pub fn ask(common: &Common, config: &Config, books: &[Book], told: &Sender<Told>) -> Result<Self, Fault> {
        let sources = sources(common, config, books)?;
        let views = vec![AlertsView::default(); sources.len()];
        for (index, source) in sources.into_iter().enumerate() {
            tokio::spawn(source.watch(index, told.clone()));
        }
        Ok(Self { views })
    }

    pub fn hear(&mut self, now: Timestamp, told: Told) {
        if let Some(view) = self.views.get_mut(told.source) {
            view.apply(now, told.news);
        }
    }

    /// Every alert once, whoever told of it: what fires first.
    pub fn alerts(&self) -> Vec<&Alert> {
        let mut all: Vec<&Alert> = Vec::new();
        for alert in self.views.iter().flat_map(|view| &view.alerts) {
            if !all.iter().any(|other| other.labels == alert.labels && other.state == alert.state) {
                all.push(alert);
            }
        }
        all.sort_by_key(|alert| alert.state);
        all
    }

    /// Why a list is not known, or not whole.
    pub fn troubles(&self) -> impl Iterator<Item = &str> {
        self.views.iter().filter_map(|view| view.trouble.as_deref())
    }

    /// For the first line; nothing where nobody is asked.
    pub fn word(&self, now: Timestamp) -> Option<(String, Tone)> {
        let oldest = self.views.iter().max_by_key(|view| (view.trouble.is_some(), view.heard.is_none()))?;
        let firing = self.alerts().iter().filter(|alert| alert.state == AlertState::Firing).count();
        let (fresh, tone) = oldest.freshness(now);
        Some(match firing {
            0 => (format!("nothing known to fire, {fresh}"), tone.into()),
            1 => (format!("1 ALERT, {fresh}"), Tone::Bad),
            many => (format!("{many} ALERTS, {fresh}"), Tone::Bad),
        })
    }
}

impl Source {
    fn new(
        common: &Common,
        spec: model::Prometheus,
        declared: &IndexMap<String, model::Secret>,
        context: Option<String>,
    ) -> Result<Self, Fault> {
        let workdir = std::env::current_dir().unwrap_or_default();
        let mut secrets = SecretStore::default();
        // What is missing is said where it is needed: by the connection.
        let _ = secrets.load("", declared, &workdir, |_| None);
        let redactor = prepare::redactor_of(&secrets)?;
        let context = common.context.clone().or(context).or(common.fallback.context.clone());
        let connect = ConnectOptions { kubeconfig: common.kubeconfig.clone(), context, ..ConnectOptions::default() };
        Ok(Self { spec, connect, cluster: OnceCell::new(), secrets, redactor, workdir })
    }

    async fn watch(self, source: usize, told: Sender<Told>) {
        let mut rounds = interval(pace::real(ALERTS_EVERY));
        let mut server = None;
        while !told.is_closed() {
            rounds.tick().await;
            if server.is_none() {
                server = match self.connect().await {
                    Ok(connected) => Some(connected),
                    Err(error) => {
                        let why = self.redactor.redact(&format!("{error:#}")).into_owned();
                        let news = AlertsNews::Unknown(visible::line(&why).into_owned());
                        let _ = told.send(Told { source, news }).await;
                        continue;
                    }
                };
            }
            if let Some((prometheus, manager)) = &server {
                let news = alerts_now(prometheus, manager.as_ref()).await;
                let _ = told.send(Told { source, news }).await;
            }
        }
    }

    async fn connect(&self) -> anyhow::Result<(Prometheus, Option<Alertmanager>)> {
        let reveal =
            |text: &str| Ok(self.secrets.resolve(&StepId::new("prometheus"), text).map(|text| text.into_owned())?);
        let cluster = async { self.cluster.get_or_try_init(|| connect(self.connect.clone())).await };
        let manager = match &self.spec.alertmanager {
            Some(url) => Some(Alertmanager::connect(url, &self.spec, reveal, &self.workdir)?),
            None => None,
        };
        Ok((Prometheus::connect(&self.spec, reveal, &self.workdir, cluster).await?, manager))
    }
}

/// The config's, else every one that a runbook of the search path names and that is known without its params.
fn sources(common: &Common, config: &Config, books: &[Book]) -> Result<Vec<Source>, Fault> {
    if let Some(spec) = &config.prometheus {
        return Ok(vec![Source::new(common, spec.clone(), &config.secrets, None)?]);
    }
    let mut sources: Vec<Source> = Vec::new();
    for book in books.iter().filter(|book| !book.is_shipped).filter_map(|book| book.book.as_ref().ok()) {
        let defaults = book.params.iter().filter_map(|(name, param)| Some((name.clone(), param.default.clone()?)));
        let mut book = book.clone();
        if fill::header(&mut book, &defaults.collect()).is_err() {
            continue;
        }
        let Some(spec) = book.prometheus.clone() else { continue };
        let source = Source::new(common, spec, &book.secrets, book.target.context.take())?;
        if !sources.iter().any(|other| other.spec == source.spec && other.connect == source.connect) {
            sources.push(source);
        }
    }
    Ok(sources)
}
