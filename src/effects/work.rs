//! One effect being done: what every adapter is given, and nothing more.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    kube::connect::{Cluster, ConnectOptions, connect},
    loan::Loan,
    lock::Lock,
    metrics::Metrics,
    output::{LineSender, OutputSink},
    runners::Runners,
    secrets::{SecretProblem, SecretStore},
};
use crate::{
    engine::{
        fact::TargetIdentity,
        message::{Done, Failure, Report, Ticket},
    },
    observe::Observation,
    redact::Redactor,
    session::Receipt,
};

/// What all effects of a run share.
pub struct Place {
    /// The run's folder: outputs and status files lie below it.
    pub run_dir: PathBuf,
    /// Relative paths of the runbook start here.
    pub workdir: PathBuf,
    pub runners: Runners,
    pub secrets: Arc<SecretStore>,
    pub redactor: Redactor,
    pub reports: mpsc::Sender<(Ticket, Report)>,
    pub observations: mpsc::Sender<Observation>,
    /// The cluster, once somebody needed it; and how to reach it.
    pub cluster: tokio::sync::OnceCell<Cluster>,
    pub connect: ConnectOptions,
    /// The cluster this run is pinned to; asked again before every write.
    pub target: TargetIdentity,
    /// Who else is at this target.
    pub lock: Lock,
    /// Where metrics are read.
    pub metrics: Metrics,
    /// The run's id, for the marks on requests.
    pub run: String,
    /// Where the terminal can be borrowed. `None`: there is none.
    pub terminal: Option<mpsc::Sender<Loan>>,
}

/// One effect under one ticket.
#[derive(Clone)]
pub struct Work {
    pub ticket: Ticket,
    /// The record this effect is done under; its uid is the `Audit-ID` of requests.
    pub under: Receipt,
    /// Asked to stop. Native and HTTP writes run to their deadline all the same.
    pub cancel: CancellationToken,
    pub timeout: Option<Duration>,
    pub place: Arc<Place>,
}

impl Work {
    /// The file and the screen lines of this attempt.
    pub fn output(&self) -> OutputSink {
        OutputSink::create(self.run_dir(), &self.ticket, &self.place.redactor, self.place.observations.clone())
    }

    pub fn lines(&self) -> LineSender {
        LineSender::new(&self.ticket, self.place.observations.clone())
    }

    pub fn run_dir(&self) -> &Path {
        &self.place.run_dir
    }

    /// A path of the runbook, from the directory the run was started in.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.place.workdir.join(relative)
    }

    /// A whole `${{ secrets.NAME }}` becomes its value; everything else stays.
    ///
    /// # Errors
    /// No such secret.
    pub fn reveal<'a>(&'a self, text: &'a str) -> Result<Cow<'a, str>, SecretProblem> {
        self.place.secrets.resolve(&self.ticket.step, text)
    }

    /// Text that may leave: secrets out, hidden characters visible.
    pub fn clean(&self, text: &str) -> String {
        crate::visible::text(&self.place.redactor.redact(text)).into_owned()
    }

    /// The pinned cluster; connected at its first use.
    ///
    /// # Errors
    /// No such context, a credential plugin that failed, an unreadable kubeconfig.
    pub async fn cluster(&self) -> anyhow::Result<&Cluster> {
        self.place.cluster.get_or_try_init(|| connect(self.place.connect.clone())).await
    }

    /// A report before the last one: `Started`.
    pub async fn tell(&self, report: Report) {
        // Closed only when the program ends; then nobody is left to tell.
        let _ = self.place.reports.send((self.ticket.clone(), report)).await;
    }
}

/// A failure in a word and a text.
pub fn failed(reason: &str, message: impl Into<String>) -> Report {
    failed_with(reason, message, Done::default())
}

pub fn failed_with(reason: &str, message: impl Into<String>, done: Done) -> Report {
    Report::Failed(Failure { reason: reason.to_owned(), message: message.into(), done })
}
