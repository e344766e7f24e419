//! Arguments to a job; nothing is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::demo::Scenario;

/// A runbook console for on-call engineers: steps, gates, one key back to safety, a trail that shows tampering.
#[derive(Debug, Parser)]
#[command(
    name = "ripcord",
    version,
    disable_help_subcommand = true,
    after_help = "Example: ripcord run runbooks/tour.yaml"
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    /// Without one: the library, on a terminal.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// The kubeconfig context; wins over the runbook's
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The namespace; wins over the runbook's
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// The kubeconfig file, in place of $KUBECONFIG and ~/.kube/config
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Only look: nothing that writes is started
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Where runs and the ledger are kept
    #[arg(long, global = true)]
    pub state_dir: Option<PathBuf>,
    /// No colour; the same as NO_COLOR in the environment
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Draw with ASCII only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// For diagnostics: error, warn, info, debug, trace
    #[arg(long, global = true)]
    pub log_level: Option<String>,
    /// What `config.yaml` says where neither a flag nor the runbook does.
    #[arg(skip)]
    pub fallback: Fallback,
}

/// Defaults that stand behind the runbook's own words.
#[derive(Clone, Debug, Default)]
pub struct Fallback {
    pub context: Option<String>,
    pub namespace: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Step through a runbook, in the console or headless
    #[command(after_help = "Example: ripcord run runbooks/tour.yaml -p name=world")]
    Run(Run),
    /// Play a canary on an embedded cluster; nothing outside is touched
    #[command(after_help = "Example: ripcord demo bad-image --headless --speed 20")]
    Demo(Demo),
    /// Print every problem of runbooks at once
    #[command(after_help = "Example: ripcord check runbooks/*.yaml")]
    Check(Check),
    /// Only the live panes: pods, events, logs; the first act in it opens a run named watch
    #[command(after_help = "Example: ripcord watch -n ml-system-production -l app=ml-api")]
    Watch(Watch),
    /// The preflight alone: tools, cluster, permissions forward and back, baseline, metrics, disk
    #[command(after_help = "Example: ripcord doctor production -p image_tag=v1.4.2")]
    Doctor(Doctor),
    /// Go on with an unfinished run
    #[command(after_help = "Example: ripcord resume 20261123T201455Z-tour-1a2b")]
    Resume(Resume),
    /// Pull the ripcord of a run: straight into its way back
    #[command(after_help = "Example: ripcord rollback 20261123T201455Z-tour-1a2b --why 'errors at 3 %'")]
    Rollback(Rollback),
    /// Approve a step of a run from your own login
    #[command(after_help = "Example: ripcord approve 20261123T201455Z-tour-1a2b go --note 'looked at the canary'")]
    Approve(Approve),
    /// Refuse a step of a run from your own login
    #[command(after_help = "Example: ripcord refuse 20261123T201455Z-tour-1a2b go --why 'p95 is up'")]
    Refuse(Refuse),
    /// Look on at a run that is live in another terminal, read-only
    #[command(after_help = "Example: ripcord attach 20261123T201455Z-tour-1a2b")]
    Attach(Attach),
    /// The runbooks that answer an alert; opened if there is just one
    #[command(after_help = "Example: ripcord for KubePodCrashLooping --label pod=ml-api-7d9c")]
    For(For),
    /// The runs on this machine
    #[command(after_help = "Example: ripcord runs -o json")]
    Runs(Listing),
    /// Read, verify and report a run's trail
    #[command(subcommand, after_help = "Example: ripcord trail verify --all")]
    Trail(Trail),
    /// Write a runbook that passes `check`
    #[command(after_help = "Example: ripcord new restart-api")]
    New(New),
    /// A Markdown guide as a runbook to finish by hand; it already passes `check`
    #[command(after_help = "Example: ripcord import docs/deploy.md --to deploy.yaml")]
    Import(Import),
    /// The JSON Schema of a runbook, for editors
    #[command(after_help = "Example: ripcord schema > runbook.schema.json")]
    Schema,
    /// What is in force, and where each value comes from
    #[command(after_help = "Example: ripcord config")]
    Config,
    /// Completions for a shell
    #[command(after_help = "Example: ripcord completions bash > /etc/bash_completion.d/ripcord")]
    Completions { shell: clap_complete::Shell },
    /// The manual page, in troff; of one command with its name
    #[command(hide = true, after_help = "Example: ripcord man | man -l -")]
    Man { command: Option<String> },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Lines,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnPrompt {
    /// Leave the run open, exit 3
    #[default]
    Stop,
    Rollback,
    Abort,
}

/// How a run is driven without a terminal.
#[derive(Clone, Debug, Default, Args)]
pub struct Headless {
    /// Without a terminal: answers and policies instead of dialogs
    #[arg(long)]
    pub headless: bool,
    /// A file of answers
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Confirm steps of these risks: read (default), or read,write
    #[arg(long, value_name = "RISKS", value_delimiter = ',')]
    pub yes_to: Vec<String>,
    /// Confirm this step, whatever its risk
    #[arg(long, value_name = "STEP")]
    pub approve: Vec<String>,
    /// What to do at a question nobody answers
    #[arg(long, value_enum, default_value_t)]
    pub on_prompt: OnPrompt,
    /// Take the lock of the target over from this run, which the refusal named
    #[arg(long, value_name = "RUN")]
    pub take_lock: Option<String>,
    /// How facts are printed
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Default, Debug, Args)]
pub struct Run {
    /// A file, or the name of a runbook in the library
    pub runbook: String,
    /// A param, as key=value
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    pub param: Vec<String>,
    /// Params from a YAML file
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
    /// Print every step with its exact command; send nothing that writes
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub headless: Headless,
    /// The pod that the cursor is on from the start.
    #[arg(skip)]
    pub pod: Option<String>,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// What happens to the canary
    #[arg(value_enum, default_value_t)]
    pub scenario: Scenario,
    /// How many times faster than life
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub speed: f64,
    /// Another runbook than the demo's own; its scripts really run. One that takes an `image_tag` brings the canary
    /// itself, for any other the scenario's is there already
    #[arg(long, value_name = "FILE")]
    pub runbook: Option<PathBuf>,
    /// A canary with this image tag is there already; the tag's last word decides: bad, grey, slowp95, silent, crash,
    /// oom, noimage, noconfig, pending, unready, or well
    #[arg(long, value_name = "TAG", requires = "runbook")]
    pub canary: Option<String>,
    /// A param, as key=value
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    pub param: Vec<String>,
    #[command(flatten)]
    pub headless: Headless,
}

impl Demo {
    /// As it is played where nothing else is said.
    pub fn of(scenario: Scenario) -> Self {
        Self { scenario, speed: 1.0, runbook: None, canary: None, param: Vec::new(), headless: Headless::default() }
    }
}

#[derive(Debug, Args)]
pub struct Check {
    #[arg(required = true)]
    pub runbooks: Vec<PathBuf>,
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct Watch {
    /// Only pods with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// A file, or the name of a runbook in the library
    pub runbook: String,
    /// A param, as key=value
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    pub param: Vec<String>,
    /// Params from a YAML file
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// The run; without it the only unfinished one
    pub run: Option<String>,
    #[command(flatten)]
    pub headless: Headless,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["run", "release", "deployment"]))]
pub struct Rollback {
    /// The run whose way back is taken
    pub run: Option<String>,
    /// With no earlier run: this Helm release, from its live history
    #[arg(long, value_name = "NAME")]
    pub release: Option<String>,
    /// With no earlier run: this Deployment, from its ReplicaSets
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,
    /// Where to, instead of the revision that is suggested
    #[arg(long, value_name = "N", conflicts_with = "run")]
    pub to_revision: Option<i64>,
    #[arg(long, default_value = "pulled from another terminal")]
    pub why: String,
    /// End a console that holds the run and does not answer
    #[arg(long)]
    pub take_over: bool,
    #[command(flatten)]
    pub headless: Headless,
}

#[derive(Debug, Args)]
pub struct Approve {
    pub run: String,
    pub step: String,
    #[arg(long)]
    pub note: Option<String>,
}

#[derive(Debug, Args)]
pub struct Refuse {
    pub run: String,
    pub step: String,
    #[arg(long)]
    pub why: String,
}

#[derive(Debug, Args)]
pub struct Attach {
    pub run: String,
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct For {
    /// The alert's name
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub alert: Option<String>,
    /// Read an Alertmanager webhook body: every firing alert in it, with its labels
    #[arg(long)]
    pub stdin: bool,
    /// A label of the alert, as name=value; the runbook's params are filled from them
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    pub param: Vec<String>,
    /// Params from a YAML file
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
    #[command(flatten)]
    pub headless: Headless,
}

#[derive(Debug, Args)]
pub struct Listing {
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

#[derive(Debug, Subcommand)]
pub enum Trail {
    /// The trail for people
    #[command(after_help = "Example: ripcord trail show 20261123T201455Z-tour-1a2b -f")]
    Show {
        run: String,
        /// Go on as records come
        #[arg(short, long)]
        follow: bool,
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Is it whole, unchanged, closed? Exit 0 yes, 1 broken, 2 open or unanchored, 3 recovered, 4 cannot tell
    #[command(after_help = "Example: ripcord trail verify --all")]
    Verify {
        runs: Vec<String>,
        #[arg(long)]
        all: bool,
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// The incident timeline
    #[command(after_help = "Example: ripcord trail report 20261123T201455Z-tour-1a2b > incident.md")]
    Report {
        run: String,
        #[arg(short, long, value_enum, default_value_t)]
        output: ReportFormat,
    },
    /// One archive: trail, outputs, runbook, ledger, hashes; verifies elsewhere
    #[command(after_help = "Example: ripcord trail export 20261123T201455Z-tour-1a2b --to incident.tar.gz")]
    Export {
        run: String,
        /// Where to; `-` is standard output. Without it RUN.tar.gz here
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    #[default]
    Markdown,
    Html,
}

#[derive(Debug, Args)]
pub struct Import {
    pub guide: PathBuf,
    /// Where to; without it to standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct New {
    /// The runbook's name; the file is NAME.yaml
    pub name: String,
}
