//! From a runbook on disk to a run that may be opened: params, secrets, target, id, folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use secrecy::SecretString;
use serde_json::Value;

use super::{Fault, asking, clock, open::Doors, shipped, state};
use crate::{
    audit::{TrailFile, approved, canonical::hex},
    cli::{Common, Run as RunArgs},
    effects::{
        kube::{
            baseline,
            connect::{ConnectOptions, NoSuchContext, connect},
            identity,
        },
        lock,
        preflight::{self, Check},
        secrets::SecretStore,
    },
    engine::{
        Actor,
        fact::{Opened, Program, TargetIdentity},
        message::Via,
    },
    headless::answers::{self, Answers},
    redact::Redactor,
    runbook::{
        self, Loaded, Problem,
        model::{Action, BaselineSpec, OnClosed, Runbook},
        params,
    },
};

/// Everything a run needs before its first record.
pub struct Prepared {
    pub opened: Opened,
    pub loaded: Loaded,
    pub secrets: SecretStore,
    /// Of the secrets, what a dry run goes without; empty for a run.
    pub missing: Vec<String>,
    pub redactor: Redactor,
    pub state_dir: PathBuf,
}

impl Prepared {
    pub fn dir(&self) -> PathBuf {
        self.state_dir.join("runs").join(&self.opened.run)
    }

    /// Makes the folder with the approved bytes and the trail; the ledger hears of it once there is a record.
    pub fn create(&self) -> Result<TrailFile, Fault> {
        let dir = self.dir();
        let trail = TrailFile::create(&dir, &self.opened, &clock::boot_id(), self.redactor.clone());
        let trail = trail.map_err(|error| {
            Fault::trail(format!("the trail cannot be made: {error}; check the state directory (--state-dir)"))
        })?;
        for (index, (path, bytes)) in self.loaded.files.iter().enumerate() {
            let kept = dir.join("runbook").join(approved::name(index, path));
            keep(&kept, bytes).map_err(|error| Fault::trail(format!("{}: {error}", kept.display())))?;
        }
        Ok(trail)
    }
}

fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Loads and checks; every problem goes to stderr at once.
pub fn load(path: &Path) -> Result<Loaded, Fault> {
    runbook::load(path).map_err(|problems| {
        let all: String = problems.iter().map(|problem| format!("{}\n", problem.render())).collect();
        Fault::usage(format!("{} is not fit to run\n{all}", path.display()))
    })
}

/// The answers file, if one was given.
pub fn read_answers(path: Option<&Path>) -> Result<Answers, Fault> {
    let Some(path) = path else { return Ok(Answers::default()) };
    let text = fs::read_to_string(path).map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
    let value = runbook::data::read(&text).map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
    answers::parse(value)
        .map_err(|problems| Fault::usage(format!("{}\n         {}", path.display(), problems.join("\n         "))))
}

/// A new run of a runbook.
pub fn prepare(common: &Common, args: &RunArgs, answers: &Answers) -> Result<Prepared, Fault> {
    let path = match state::find_runbook(&args.runbook) {
        Ok(path) => path,
        Err(fault) => return shipped(common, args, answers).unwrap_or(Err(fault)),
    };
    let loaded = load(&path)?;
    prepare_loaded(common, args, answers, &path, loaded)
}

/// A runbook that comes with the program, where no file has that name.
fn shipped(common: &Common, args: &RunArgs, answers: &Answers) -> Option<Result<Prepared, Fault>> {
    let (name, text) = shipped::ALL.iter().find(|(name, _)| *name == args.runbook)?;
    let path = format!("shipped/{name}.yaml");
    let loaded = runbook::load_str(&path, text).ok()?;
    Some(prepare_loaded(common, args, answers, Path::new(&path), loaded))
}

/// The same of a runbook that was loaded already.
pub fn prepare_loaded(
    common: &Common,
    args: &RunArgs,
    answers: &Answers,
    path: &Path,
    loaded: Loaded,
) -> Result<Prepared, Fault> {
    let ask = asking::is_possible(&args.headless) && !args.dry_run;
    let mut given = given_params(args, answers)?;
    let workdir =
        std::env::current_dir().map_err(|error| Fault::usage(format!("the working directory is gone: {error}")))?;
    if !ask {
        resolved(&loaded.book, &given)?; // nobody is asked: what was given is wrong at once
    }
    // A dry run starts nothing and shows no value: a secret that is missing is said and not in its way.
    let (secrets, missing) = match args.dry_run {
        true => find_secrets(&loaded.book, answers, &workdir, ask),
        false => (secrets_of(&loaded.book, answers, &workdir, ask)?, Vec::new()),
    };
    let redactor = redactor_of(&secrets)?;
    calendar_at_start(&loaded.book)?;
    // Last, so that nothing which is typed is lost to what could have been known before.
    if ask {
        asking::params(&loaded.book, &mut given)?;
    }
    let values = resolved(&loaded.book, &given)?;
    let state_dir = state::state_dir(common)?.value;
    let opened = opened(common, path, &loaded, values, &workdir)?;
    Ok(Prepared { opened, loaded, secrets, missing, redactor, state_dir })
}

fn resolved(book: &Runbook, given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, Fault> {
    params::resolve(&book.params, given).map_err(|problems| Fault::usage(problems.join("\n         ")))
}

fn opened(
    common: &Common,
    path: &Path,
    loaded: &Loaded,
    params: BTreeMap<String, Value>,
    workdir: &Path,
) -> Result<Opened, Fault> {
    let now = clock::now();
    let mut book = loaded.book.clone();
    // What the command line says of the target wins, and is what the rest of the header sees.
    let fallback = common.fallback.clone();
    book.target.context = common.context.clone().or(book.target.context).or(fallback.context);
    book.target.namespace = common.namespace.clone().or(book.target.namespace).or(fallback.namespace);
    runbook::fill::header(&mut book, &params).map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
    let target = TargetIdentity {
        context: book.target.context.clone().unwrap_or_default(),
        namespace: book.target.namespace.clone().unwrap_or_default(),
        protected: book.target.protected,
        ..TargetIdentity::default()
    };
    Ok(Opened {
        format: 1,
        run: run_id(now.wall, &book.metadata.name)?,
        program: Program { version: env!("CARGO_PKG_VERSION").into(), hash: program_hash() },
        runbook: Box::new(book),
        runbook_hash: loaded.hash.clone(),
        runbook_path: path.display().to_string(),
        params,
        target,
        operator: Actor::system(state::operator()?.value, Via::Console),
        host: state::host(),
        pid: std::process::id(),
        workdir: workdir.display().to_string(),
        started_at: now.wall,
        rollback_of: None,
        previous: None,
        carried: Default::default(),
        read_only: common.read_only,
        baseline: None,
    })
}

/// `<started>-<runbook>-<4 hex>`.
pub fn run_id(at: jiff::Timestamp, name: &str) -> Result<String, Fault> {
    let mut random = [0u8; 2];
    getrandom::fill(&mut random).map_err(|error| Fault::failed(format!("no randomness: {error}")))?;
    Ok(format!("{}-{name}-{}", at.strftime("%Y%m%dT%H%M%SZ"), hex(&random)))
}

/// SHA-256 of this very program: half of what a start takes, so it is worked out beside the rest.
pub fn hash_ahead() {
    std::thread::spawn(program_hash);
}

/// Waits for it where it was begun.
fn program_hash() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = || std::env::current_exe().and_then(|path| crate::effects::evidence::hash_file(&path));
    HASH.get_or_init(|| hash().unwrap_or_default()).clone()
}

/// `-p` over `--params` over the answers file.
fn given_params(args: &RunArgs, answers: &Answers) -> Result<BTreeMap<String, Value>, Fault> {
    let mut given = answers.params.clone();
    if let Some(path) = &args.params {
        let text = fs::read_to_string(path).map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
        match runbook::data::read(&text) {
            Ok(Value::Object(map)) => given.extend(map),
            Ok(_) => return Err(Fault::usage(format!("{}: expected a map of params", path.display()))),
            Err(error) => return Err(Fault::usage(format!("{}: {error}", path.display()))),
        }
    }
    for pair in &args.param {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Fault::usage(format!("-p {pair}: write it as key=value")))?;
        given.insert(key.to_owned(), Value::String(value.to_owned()));
    }
    Ok(given)
}

/// Every secret of the runbook and of those inside it; all problems at once.
/// `ask`: somebody can be asked for those with `prompt: true`.
pub fn secrets_of(book: &Runbook, answers: &Answers, workdir: &Path, ask: bool) -> Result<SecretStore, Fault> {
    let (store, problems) = find_secrets(book, answers, workdir, ask);
    if problems.is_empty() { Ok(store) } else { Err(Fault::usage(problems.join("\n         "))) }
}

/// Those that are there, and what is wrong with the others.
fn find_secrets(book: &Runbook, answers: &Answers, workdir: &Path, ask: bool) -> (SecretStore, Vec<String>) {
    let mut store = SecretStore::default();
    let mut problems = Vec::new();
    let prompt = |name: &str| if ask { asking::secret(name) } else { None };
    load_secrets(book, "", answers, workdir, &prompt, &mut store, &mut problems);
    (store, problems)
}

fn load_secrets(
    book: &Runbook,
    scope: &str,
    answers: &Answers,
    workdir: &Path,
    prompt: &dyn Fn(&str) -> Option<String>,
    store: &mut SecretStore,
    problems: &mut Vec<String>,
) {
    let mut declared = book.secrets.clone();
    for (name, secret) in &answers.secrets {
        if let Some(declared) = declared.get_mut(name) {
            *declared = secret.clone();
        }
    }
    let asked = |name: &str| {
        let wants = declared.get(name).is_some_and(|secret| secret.prompt);
        if wants { prompt(name).map(SecretString::from) } else { None }
    };
    let found = store.load(scope, &declared, workdir, asked);
    problems.extend(found.into_iter().map(|problem| problem.to_string()));
    for step in book.steps.iter().chain(&book.rollback) {
        if let Action::Runbook(nested) = &step.action
            && let Some(inner) = &nested.book
        {
            let scope = if scope.is_empty() { step.id().to_string() } else { format!("{scope}/{}", step.id()) };
            load_secrets(inner, &scope, answers, workdir, prompt, store, problems);
        }
    }
}

pub fn redactor_of(secrets: &SecretStore) -> Result<Redactor, Fault> {
    let pairs = secrets.pairs();
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Redactor::new(pairs).map_err(|error| Fault::usage(error.to_string()))
}

/// A calendar that refuses does so before anything is made.
fn calendar_at_start(book: &Runbook) -> Result<(), Fault> {
    let Some(calendar) = &book.calendar else { return Ok(()) };
    match runbook::calendar::closed(calendar, clock::now().wall) {
        Some(reason) if calendar.on_closed == OnClosed::Refuse => {
            Err(Fault::failed(format!("the change calendar is closed: {reason}")))
        }
        _ => Ok(()),
    }
}

/// Something of it speaks to a cluster natively, or leads back on one.
pub fn needs_cluster(book: &Runbook) -> bool {
    let declared = book.baseline.as_ref().is_some_and(|spec| !matches!(spec, BaselineSpec::None(_)));
    declared || book.steps.iter().chain(&book.rollback).any(|step| step.action.is_of_cluster())
}

/// What is known to be missing refuses the run before it begins; what cannot be found out does not.
fn fit(checks: Vec<Check>) -> Result<(), Fault> {
    let missing = checks.iter().filter(|check| check.ok == Some(false));
    let missing: Vec<String> = missing.map(|check| format!("{}: {}", check.name, check.detail)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let all = missing.join("\n         ");
    Err(Fault::failed(format!(
        "the preflight refuses this run\n         {all}\n         `ripcord doctor` shows all of it"
    )))
}

/// Why a run is not begun.
pub enum Unfit {
    /// The cluster did not answer, or not to this login; it may yet.
    Away(String),
    Refused(Fault),
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<Unfit> for Fault {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Away(why) => Self::failed(format!("the target was not accepted: {why}")),
            Unfit::Refused(fault) => fault,
        }
    }
}

fn way_to(opened: &Opened, doors: &Doors) -> ConnectOptions {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    ConnectOptions {
        kubeconfig: doors.kubeconfig.clone(),
        context: some(&opened.target.context),
        namespace: some(&opened.target.namespace),
        in_cluster: false,
    }
}

/// A run that is taken up again goes on on the cluster it began on, and on no other. One that does not answer is no
/// reason to refuse nor to wait, on the way back least of all: every step that changes something asks again.
pub async fn is_same_target(opened: &Opened, doors: &Doors) -> Result<(), Fault> {
    const PATIENCE: Duration = Duration::from_secs(1);
    if opened.target.identity.is_empty() {
        return Ok(());
    }
    let asked = async {
        let cluster = connect(way_to(opened, doors)).await.ok()?;
        let now = identity::identify(&cluster).await.ok()?;
        Some(identity::same(&cluster, &opened.target, &now).map_err(Fault::failed))
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or(Ok(()))
}

/// Asks the cluster who it is and where the target stands, where the runbook needs to know.
/// A declared baseline that cannot be read refuses the run: without it there is no safe way back.
/// `doors` may hold a cluster that is there already; otherwise one is connected to.
pub async fn preflight(opened: &mut Opened, doors: &Doors) -> Result<(), Unfit> {
    let known = doors.cluster.clone();
    let book = &opened.runbook;
    let spec = book.baseline.clone().filter(|spec| !matches!(spec, BaselineSpec::None(_)));
    if known.is_none() {
        fit(preflight::tools(book).await)?;
    }
    if !needs_cluster(book) {
        return Ok(());
    }
    let is_real = known.is_none();
    let options = way_to(opened, doors);
    let must = spec.is_some() || book.target.protected || book.target.cluster_uid.is_some();
    let refused = |error: anyhow::Error| Fault::failed(format!("the target was not accepted: {error:#}"));
    let away = |error: anyhow::Error| match error.is::<NoSuchContext>() {
        true => Unfit::Refused(refused(error)),
        false => Unfit::Away(format!("{error:#}")),
    };
    let cluster = match known.map_or_else(|| Err(options), Ok) {
        Ok(known) => Ok(known),
        Err(options) => connect(options).await,
    };
    let cluster = match cluster {
        Ok(cluster) => cluster,
        Err(error) if must => return Err(away(error)),
        Err(_) => return Ok(()), // the step that needs it says so
    };
    match identity::identify(&cluster).await {
        Ok(who) => {
            let protected = opened.target.protected;
            opened.target = identity::pin(&cluster, &opened.runbook.target, &who).map_err(refused)?;
            opened.target.protected = protected;
        }
        Err(error) if must => return Err(away(error)),
        Err(_) => return Ok(()),
    }
    if is_real {
        fit(preflight::permissions(&cluster, &opened.runbook, opened.workdir.as_ref()).await)?;
    }
    if let Some(spec) = spec {
        if is_real {
            lock::is_free(&cluster, opened, doors.take_lock.as_deref())
                .await
                .map_err(|held| Fault::failed(format!("somebody else is at this target: {held}")))?;
        }
        let baseline = baseline::capture(&cluster, &spec, clock::now().wall).await;
        opened.baseline =
            Some(baseline.map_err(|error| Fault::failed(format!("there is no baseline to lead back to: {error:#}")))?);
    }
    Ok(())
}

/// Warnings of a runbook, for stderr.
pub fn warnings(loaded: &Loaded) -> Option<String> {
    let text: String = loaded.warnings.iter().map(Problem::render).collect();
    (!text.is_empty()).then_some(text)
}
