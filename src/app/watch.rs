//! `ripcord watch`: only the live panes. Nothing is recorded while one only looks; the first act (a shell, a note)
//! opens a run named `watch`, and from there on every act stands in its trail.

use std::path::Path;

use super::{
    Fault, clock,
    console::{looking::Looking, shell::Session},
    drive,
    open::{self, Doors, Live},
    prepare::{self, Prepared},
};
use crate::{
    cli::{self, Common},
    engine::{Actor, Command, Fact, Input, message::Via},
    headless::answers::Answers,
    runbook::{self, model::PaneFilter},
    tui::{
        look::Look,
        state::{Act, Pane, Ui},
        theme::Theme,
    },
};

/// What a run of looking on is recorded under.
const BOOK: &str = "\
apiVersion: ripcord/v1
kind: Runbook
metadata: {name: watch, title: Looking on}
steps:
  - id: watch
    title: Look
    manual: What was done while looking on stands in this trail.
";

struct Watch {
    looking: Looking,
    prepared: Option<Prepared>,
    /// The run that the first act opened.
    live: Option<Live>,
    doors: Doors,
    left: bool,
    /// The pod that the troubleshooting runbook is opened for.
    sick: Option<String>,
}

/// Opens the panes; returns when they are left.
pub fn open(common: &Common, args: &cli::Watch) -> Result<u8, Fault> {
    if !drive::has_terminal() {
        return Err(Fault::usage(
            "there is no terminal here, and `watch` is nothing but its panes; `ripcord run` has --headless",
        ));
    }
    let mut loaded = runbook::load_str("watch.yaml", BOOK)
        .map_err(|_| Fault::failed("the book of `watch` does not load (a bug)".to_owned()))?;
    loaded.book.panes.pods = Some(PaneFilter { selector: args.selector.clone(), ..PaneFilter::default() });
    let flags = cli::Run { runbook: "watch".into(), ..cli::Run::default() };
    let prepared = prepare::prepare_loaded(common, &flags, &Answers::default(), Path::new("watch.yaml"), loaded)?;
    let doors = Doors { terminal: false, kubeconfig: common.kubeconfig.clone(), ..Default::default() };
    let theme = Theme::new(common.no_color, common.ascii);
    let next = drive::runtime()?.block_on(async {
        let mut watch = Watch::new(prepared, doors, theme)?;
        let ended = watch.go().await;
        watch.close();
        watch.looking.screen.leave();
        ended.map(|()| watch.troubleshooting())
    })?;
    match next {
        None => Ok(0),
        Some((namespace, run)) => drive::run(&Common { namespace: Some(namespace), ..common.clone() }, &run),
    }
}

impl Watch {
    fn new(prepared: Prepared, doors: Doors, theme: Theme) -> Result<Self, Fault> {
        let mut looking = Looking::new(&prepared, &doors, theme)?;
        looking.ui = Ui { has_cluster: true, watching: true, focus: Pane::Pods, ..looking.ui };
        Ok(Self { looking, prepared: Some(prepared), live: None, doors, left: false, sick: None })
    }

    async fn go(&mut self) -> Result<(), Fault> {
        while !self.left {
            let Some(acts) = self.looking.next().await? else { return Ok(()) };
            for act in acts {
                self.act(act).await?;
            }
            self.looking.draw()?;
        }
        Ok(())
    }

    async fn act(&mut self, act: Act) -> Result<(), Fault> {
        match act {
            Act::Look(look) => self.looking.eyes.look(look),
            Act::Copy(text) => drop(self.looking.screen.copy(&text)),
            Act::Quit => self.left = true,
            Act::Command(command @ Command::Note { .. }) => drop(self.record(command)),
            Act::Shell { pod, container } => {
                self.shell(pod, container).await?;
                self.looking.listen_again();
            }
            Act::Reveal(of) => {
                let by = Actor::system(self.looking.run.opened().operator.name.clone(), Via::Console);
                let fact = Box::new(Fact::SecretRevealed { by, object: of.to_string() });
                if self.record(Command::Record { fact }) {
                    self.looking.eyes.look(Look::Revealed(of));
                }
            }
            Act::Forward(model) => {
                if self.record(Command::Note { text: format!("opens a port-forward to {}", model.leads_to()) }) {
                    self.looking.eyes.forward(*model);
                }
            }
            Act::CloseForwards => self.looking.eyes.close_forwards(),
            Act::Troubleshoot(pod) => {
                self.sick = Some(pod);
                self.left = true;
            }
            Act::Suspend => self.looking.suspend()?,
            _ => self.say("nothing is run here; `ripcord run RUNBOOK` does"),
        }
        Ok(())
    }

    fn say(&mut self, words: impl Into<String>) {
        self.looking.ui.status = Some(words.into());
    }

    /// The run for the pod that is sick: its namespace, its app, and the cursor on it.
    fn troubleshooting(self) -> Option<(String, cli::Run)> {
        let pod = self.sick?;
        let cluster = &self.looking.ui.seen.cluster;
        let row = cluster.pods.get(&pod).map(|entry| &entry.row);
        let by = ["app", "app.kubernetes.io/name", "run"].into_iter().find_map(|key| Some((key, row?.label(key)?)));
        let app = by.map(|(key, value)| format!("selector={key}={value}"));
        let namespace = cluster.namespace.clone();
        let param = std::iter::once(format!("namespace={namespace}")).chain(app).collect();
        Some((namespace, cli::Run { runbook: "troubleshooting".into(), param, pod: Some(pod), ..cli::Run::default() }))
    }

    /// Into the trail of the run, which is opened by the first of them. False: it is not there.
    fn record(&mut self, command: Command) -> bool {
        if let Some(prepared) = self.prepared.take() {
            match open::fresh(prepared, &self.doors) {
                Ok(mut live) => {
                    let by = Actor::system(live.operator.clone(), Via::Console);
                    let _ = live.session.handle(clock::now(), &Input::Command { by, command: Command::Start });
                    self.live = Some(live);
                }
                Err(fault) => {
                    self.say(fault.message);
                    return false;
                }
            }
        }
        let Some(live) = &mut self.live else {
            self.say("there is no trail to write to; nothing was done");
            return false;
        };
        let by = Actor::system(live.operator.clone(), Via::Console);
        match live.session.handle(clock::now(), &Input::Command { by, command }) {
            Ok(recorded) => {
                let sequence = recorded.receipt.map_or(0, |receipt| receipt.sequence);
                let words = format!("recorded as #{sequence} of {}", live.run_id());
                self.say(words);
                true
            }
            Err(error) => {
                self.say(error.to_string());
                false
            }
        }
    }

    async fn shell(&mut self, pod: String, container: String) -> Result<(), Fault> {
        let Some(cluster) = self.looking.eyes.cluster().cloned() else {
            self.say("the cluster is not there yet");
            return Ok(());
        };
        if self.live.is_none() && !self.record(Command::Note { text: "looking on".into() }) {
            return Ok(());
        }
        let Some(run_dir) = self.live.as_ref().map(Live::run_dir) else { return Ok(()) };
        let session = match Session::new(run_dir, self.looking.eyes.pod_namespace(), pod, container) {
            Ok(session) => session,
            Err(why) => {
                self.say(why);
                return Ok(());
            }
        };
        if !self.record(session.announced()) {
            return Ok(()); // nothing unrecorded runs
        }
        let Some(redactor) = self.live.as_ref().map(|live| live.redactor.clone()) else { return Ok(()) };
        match session.attach(&cluster, &mut self.looking.screen, &redactor).await? {
            Ok(end) => {
                let operator = self.live.as_ref().map(|live| live.operator.clone()).unwrap_or_default();
                self.record(session.recorded(&operator, end.sha256));
            }
            Err(error) => self.say(format!("no shell: {error:#}")),
        }
        Ok(())
    }

    /// The run, if there was one, is over.
    fn close(&mut self) {
        let Some(live) = &mut self.live else { return };
        let by = Actor::system(live.operator.clone(), Via::Console);
        let done = Command::Done { step: "watch".into(), evidence: None };
        if live.session.handle(clock::now(), &Input::Command { by, command: done }).is_ok() {
            let _ = live.anchor();
        }
    }
}
