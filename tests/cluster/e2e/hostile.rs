//! A pod whose log, events, annotations and last words hold everything that could move a cursor, hide a name or take
//! the clipboard. The screen, the title, the clipboard and the trail of the one who looks stay their own.

use std::fs;

use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::{
    screen::{WIDE, block_on, watch},
    support::Namespace,
};

/// A title, the clipboard, a cleared screen, another screen, colours, C1, bidi, zero-width, tag characters.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}]52;c;b3duZWQ=\u{7}\u{1b}[2J\u{1b}[?1049l\u{1b}[31m\u{9b}2J\u{202e}evil\u{200b}\u{2066}\u{e0041}\rBAR";

fn pod(here: &Namespace) {
    here.apply(&json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "hostile", "annotations": {"example.com/note": HOSTILE}, "labels": {"app": "hostile"}},
        "spec": {"nodeName": "node-that-no-kubelet-has", "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "registry.example/api:v1"}]}}));
    let status = json!({"status": {"phase": "Running", "message": HOSTILE,
        "conditions": [{"type": "Ready", "status": "False", "reason": "X", "message": HOSTILE}],
        "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": HOSTILE}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": HOSTILE, "finishedAt": "2026-01-01T00:00:00Z"}}}]}});
    here.kubectl(["patch", "pod", "hostile", "--subresource=status", "--type=merge", "-p", &status.to_string()]);
    here.apply(&json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "hostile.1"}, "type": "Warning",
        "reason": "Hostile", "message": HOSTILE, "count": 2, "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z", "source": {"component": "x"},
        "involvedObject": {"kind": "Pod", "name": "hostile", "namespace": here.name}}));
    here.apply(&json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "hostile.2"}, "type": "Normal",
        "reason": "NoTime", "message": "when?", "involvedObject": {"kind": "Pod", "name": "hostile", "namespace": here.name}}));
}

/// A running pod whose log is ours to write: escapes, bytes that are no text, a line of a megabyte.
fn loud(here: &Namespace, folder: &std::path::Path) {
    let mut log: Vec<u8> = Vec::new();
    let mut line = |text: &[u8]| {
        log.extend_from_slice(b"2026-01-01T00:00:00.000000000Z stdout F ");
        log.extend_from_slice(text);
        log.push(b'\n');
    };
    line(HOSTILE.as_bytes());
    line(b"no text: \xff\xfe\xc3");
    line(&[b'x'; 1 << 20]);
    line(b"the last line");
    let file = folder.join("loud.log");
    fs::write(&file, log).unwrap();
    here.apply(&json!({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": {"name": "loud"},
        "spec": {"logs": [{"containers": ["loud"], "logsFile": file, "follow": true}]}}));
    here.kubectl(["run", "loud", "--image=registry.example/api:v1"]);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn nothing_raw_from_a_pod_reaches_the_screen_the_title_the_clipboard_or_the_trail() {
    let here = Namespace::new("hostile");
    let state = tempfile::tempdir().unwrap();
    loud(&here, state.path());
    pod(&here);
    block_on(async {
        let mut console = watch(state.path(), &here, &here.kubeconfig, WIDE, &[]);
        console.sees("2 of 2 in namespace").await;
        console.sees("why  container c exited with code 1").await;
        console.sees(r"\u{1b}]0;owned\u{7}").await;
        console.sees("Hostile").await;
        console.sees("<unknown>").await;
        // the frame is whole: title and right border stand where they stood
        let is_whole =
            |screen: &str| screen.lines().filter(|line| line.contains("3 Pods") && line.ends_with('╗')).count() == 1;
        let soon = Instant::now() + Duration::from_secs(5);
        assert!(console.until(is_whole, soon).await, "{}", console.text());
        for (key, words, escape) in
            [("d", "Describe pod/hostile", r"\u{1b}]0;owned"), ("y", "YAML pod/hostile", r"\u001b]0;owned")]
        {
            console.press(key, words).await;
            console.sees(escape).await;
            console.press("\x1b", "2 of 2 in namespace").await;
        }
        console.keys("G").await;
        console.press("l", "pod/loud").await;
        console.sees("the last line").await;
        console.sees(r"\u{9b}2J\u{202e}evil\u{200b}\u{2066}\u{e0041}\u{d}BAR").await;
        console.sees("│ no text: ").await; // its replacement characters this terminal leaves out
        console.keys("w").await;
        console.sees("more bytes").await;
        // what is copied is what is shown, and only when asked for
        assert!(console.heard().clipboard.is_empty());
        console.press("c", "copied the last line shown: the last line").await;
        for _ in 0..50 {
            if !console.heard().clipboard.is_empty() {
                break;
            }
            console.until(|_| false, Instant::now() + Duration::from_millis(100)).await;
        }
        assert_eq!(console.heard().clipboard.len(), 1);
        assert!(console.heard().titles.is_empty(), "{:?}", console.heard().titles);
        console.keys("a").await;
        console.sees("Note").await;
        console.keys(&format!("\x1b[200~{HOSTILE}\x1b[201~\r")).await;
        console.sees("recorded as #").await;
        console.press("q", "").await;
    });
    let runs = fs::read_dir(state.path().join("runs")).unwrap();
    let trails = runs.map(|run| fs::read(run.unwrap().path().join("trail.jsonl")).unwrap());
    let trail: Vec<u8> = trails.flatten().collect();
    let text = String::from_utf8(trail).unwrap();
    assert!(text.contains("evil"), "{text}");
    let raw: Vec<char> =
        text.chars().filter(|c| *c != '\n' && !ripcord::visible::is_safe_value(&c.to_string())).collect();
    assert!(raw.is_empty(), "{raw:?}");
}
