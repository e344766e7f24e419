//! A desk of one's own: a folder, a state directory in it, and the binary run there as a person or a script does.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

pub struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        name.to_owned()
    }

    pub fn book(&self, steps: &str) -> String {
        self.write("t.yaml", &format!("apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: t}}\n{steps}"))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command
            .env("RIPCORD_STATE_DIR", self.path("state"))
            .env("HOME", self.dir.path())
            .env_remove("RIPCORD_RUNBOOKS");
        command
    }

    pub fn ripcord(&self, args: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        (status.code().unwrap(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
    }

    pub fn only_run(&self) -> String {
        let mut runs: Vec<_> = fs::read_dir(self.path("state/runs"))
            .unwrap()
            .map(|run| run.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }
}
