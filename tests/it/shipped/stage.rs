//! Where a shipped runbook is played: stand-ins first on PATH, a service that is healthy, a state directory.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use crate::said::{path_of, stand_in, words};

/// A service that answers so, and takes whatever is posted to it. Ends with the test's process.
pub fn service(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 8192]);
            let head = "content-type: application/json\r\nconnection: close\r\ncontent-length:";
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{head} {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

pub fn healthy() -> String {
    service("200 OK", r#"{"status": "healthy"}"#)
}

/// A folder with stand-ins first on PATH, a state directory, and what the stand-ins wrote down.
pub struct Stage {
    dir: tempfile::TempDir,
}

/// How a play ended.
pub struct Played {
    pub code: i32,
    pub said: String,
}

impl Stage {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A tool that writes its name and arguments down, then does as `body` says.
    pub fn tool(&self, name: &str, body: &str) -> &Self {
        stand_in(self.dir.path(), name, body);
        self
    }

    pub fn called(&self) -> String {
        fs::read_to_string(self.path("called")).unwrap_or_default()
    }

    /// Plays a runbook: `scenario` with the flags behind it, the params, the answers. What a script may take is the
    /// demo's time too, so a busy machine is not driven faster than the story needs.
    pub fn play(&self, scenario: &str, book: &str, params: &[&str], answers: &str) -> Played {
        let file = self.path("answers.yaml");
        fs::write(&file, answers).unwrap();
        let path = format!("{}/runbooks/{book}.yaml", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("demo").args(scenario.split_whitespace()).args(["--runbook", &path, "--headless", "--answers"]);
        command.arg(&file).args(["--yes-to", "write"]);
        for param in params {
            command.args(["-p", param]);
        }
        command.current_dir(self.dir.path()).env("PATH", path_of(self.dir.path()));
        command.env("RIPCORD_STATE_DIR", self.path("state")).env("HOME", self.dir.path()).env("KUBECONFIG", "/nowhere");
        command.env("SLACK_WEBHOOK", service("200 OK", "ok"));
        command.env("PAGERDUTY_ROUTING_KEY", "no-such-routing-key").env("PRODUCTION_API_KEY", "the-production-key");
        command.env("STAGING_API_KEY", "the-staging-key").env("STAGING_MLFLOW_PASSWORD", "the-mlflow-password");
        let output = command.output().unwrap();
        let said = words(&output);
        let verified = Command::new(env!("CARGO_BIN_EXE_ripcord"))
            .args(["trail", "verify", "--all"])
            .env("RIPCORD_STATE_DIR", self.path("state"))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}\n{said}", String::from_utf8_lossy(&verified.stdout));
        Played { code: output.status.code().unwrap(), said }
    }
}

impl Played {
    /// It ended so, and went through exactly the steps of `played/<name>`; `UPDATE=1` writes that anew.
    #[track_caller]
    pub fn ended(&self, code: i32, name: &str, book: &str) -> &Self {
        assert_eq!(self.code, code, "{}", self.said);
        let outcome = |line: &str| {
            let (step, how) = line.split_once("step.outcome")?.1.trim().split_once(": ")?;
            let step = step.split(' ').next()?;
            Some(format!("{book}.yaml#{step}: {}", how.split([' ', '→']).next()?))
        };
        let steps: BTreeSet<String> = self.said.lines().filter_map(outcome).collect();
        let steps: String = steps.into_iter().map(|step| step + "\n").collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/shipped/played").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &steps).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(steps, known, "{name}; UPDATE=1 writes it anew\n{}", self.said);
        self
    }
}
