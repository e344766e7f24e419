//! Where values come from: flag, environment, file, in this order.

use std::fs;

use super::super::desk::Desk;

fn with_config(text: &str) -> Desk {
    let desk = Desk::new();
    fs::create_dir_all(desk.path(".config/ripcord")).unwrap();
    fs::write(desk.path(".config/ripcord/config.yaml"), text).unwrap();
    desk
}

fn rows(desk: &Desk, args: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = desk.command(&[&["config"], args].concat());
    for name in ["XDG_CONFIG_HOME", "KUBECONFIG", "NO_COLOR", "RIPCORD_STATE_DIR"] {
        command.env_remove(name);
    }
    let output = command.envs(env.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn row<'a>(rows: &'a str, name: &str) -> &'a str {
    rows.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("no {name} in\n{rows}"))
}

#[test]
fn every_value_names_its_source() {
    let desk = with_config(
        "operator: ann@corp\nstateDir: /of/file\nrunbooks: [/books]\ncontext: ctx\nnamespace: ns\nkubeconfig: /kube\nreadOnly: true\nnoColor: true\nascii: true\nlogLevel: debug\n",
    );
    let file = rows(&desk, &[], &[]);
    for (name, value) in [
        ("operator", "ann@corp"),
        ("stateDir", "/of/file"),
        ("runbooks", "/books"),
        ("context", "ctx"),
        ("namespace", "ns"),
        ("kubeconfig", "/kube"),
        ("readOnly", "true"),
        ("noColor", "true"),
        ("ascii", "true"),
        ("logLevel", "debug"),
    ] {
        let row = row(&file, name);
        assert!(row.contains(value) && row.contains("config.yaml"), "{row}");
    }
    let env = rows(
        &desk,
        &[],
        &[("RIPCORD_STATE_DIR", "/of/env"), ("KUBECONFIG", "/k2"), ("NO_COLOR", "1"), ("RIPCORD_RUNBOOKS", "/b2")],
    );
    for (name, from) in [
        ("stateDir", "RIPCORD_STATE_DIR"),
        ("kubeconfig", "KUBECONFIG"),
        ("noColor", "NO_COLOR"),
        ("runbooks", "RIPCORD_RUNBOOKS"),
    ] {
        assert!(row(&env, name).contains(from), "{env}");
    }
    let flag = rows(
        &desk,
        &["--state-dir", "/of/flag", "--context", "c3", "-n", "n3", "--kubeconfig", "/k3"],
        &[("RIPCORD_STATE_DIR", "/of/env"), ("KUBECONFIG", "/k2")],
    );
    for (name, value, from) in [
        ("stateDir", "/of/flag", "--state-dir"),
        ("context", "c3", "--context"),
        ("namespace", "n3", "--namespace"),
        ("kubeconfig", "/k3", "--kubeconfig"),
    ] {
        let row = row(&flag, name);
        assert!(row.contains(value) && row.ends_with(from), "{row}");
    }
}

#[test]
fn the_file_is_in_force_and_a_wrong_one_is_told() {
    let desk = with_config("operator: ann@corp\nreadOnly: true\n");
    let book = desk.book("steps:\n- {id: a, run: 'touch done'}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--yes-to", "read,write"]);
    assert!(exit != 0 && !desk.path("done").exists(), "read-only of the file holds: {exit} {out}");
    let (_, runs) = desk.ripcord(&["runs"]);
    assert!(runs.contains("ann@corp"), "{runs}");
    for (text, says) in [("oprator: x\n", "oprator"), ("readOnly: [", "config.yaml")] {
        let desk = with_config(text);
        let book = desk.book("steps:\n- {id: a, run: 'true'}\n");
        let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
        assert!(exit == 2 && out.contains(says), "{exit} {out}");
        assert_eq!(desk.ripcord(&["check", &book]).0, 0, "check needs nothing of the machine");
    }
}

#[test]
fn no_command_without_a_terminal_is_bad_usage() {
    let (exit, out) = Desk::new().ripcord(&[]);
    assert!(exit == 2 && out.contains("ripcord --help"), "{exit} {out}");
}
