//! `ripcord import`: guides of many shapes become runbooks that pass `check`.

use std::fs;

use super::super::desk::Desk;

fn imported(guide: &str) -> (Desk, String) {
    let desk = Desk::new();
    desk.write("guide.md", guide);
    let (exit, out) = desk.ripcord(&["import", "guide.md", "--to", "book.yaml"]);
    assert_eq!(exit, 0, "{guide}\n{out}");
    let (exit, out) = desk.ripcord(&["check", "book.yaml"]);
    let text = fs::read_to_string(desk.path("book.yaml")).unwrap();
    assert_eq!(exit, 0, "{guide}\n{text}\n{out}");
    (desk, text)
}

const GUIDE: &str = r#"# Restart: the API's "guide"

Why this is here.

- [Before](#before)

## Before

- [ ] Tell the channel: **now**
- [x] `kubectl` is there

## Step 1: Restart

Look first.

```bash
# Look
kubectl get pods -n ml -l app=api

# Restart it
kubectl rollout restart deployment/api -n ml
kubectl logs <pod-name> -n ml --previous
kubectl delete pod <pod-name> -n ml

# By hand
export URL=http://x
for i in 1 2; do
  curl "$URL/health"
done
```

```yaml
a: 1
```

## Rollback

```console
$ helm rollback ml-system 3 -n ml
Rollback was a success
$ kubectl exec -it <pod-name> -- sh
```

## End

Only words, with ${{ no.template }} of ours and a	tab.
"#;

#[test]
fn a_guide_becomes_steps_checklists_params_and_open_questions() {
    let (_, text) = imported(GUIDE);
    for part in [
        "title: \"Restart: the API's \\\"guide\\\"\"",
        "checklist:\n      items:\n        - \"Tell the channel: now\"",
        "kubernetes: {get: {kind: \"Pod\", namespace: \"ml\", selector: \"app=api\"}}",
        "kubernetes: {rolloutRestart: {kind: \"Deployment\", name: \"api\", namespace: \"ml\"}}",
        "name: \"${{ params.pod_name }}\"",
        "pod_name: {type: string, required: true",
        "kubernetes: {delete:",
        "helm: {rollback: {namespace: \"ml\", release: \"ml-system\", revision: 3}}",
        "interactive: true",
        "id: rollback-step",
        "# finish: it takes something away",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("Rollback was a success"), "what a command printed is no command");
}

#[test]
fn what_was_imported_runs_dry() {
    let (desk, _) = imported(GUIDE);
    let (exit, out) = desk.ripcord(&["run", "book.yaml", "--dry-run", "-p", "pod_name=api-1"]);
    assert!(exit == 0 && out.contains("api-1"), "{exit} {out}");
}

#[test]
fn guides_of_other_shapes_pass_too() {
    for guide in [
        "```sh\nmake all\n```\n",
        "Setext\n======\n\nDo\n--\n\n    $ indented here\n    out\n",
        "# 数据库\n\n## 第一步\n\n```bash\necho 'it''s' \"<name with blanks>\" <PATH>\n```\n",
        "## Same\n\n```bash\ntrue\n```\n\n## Same\n\n```bash\ntrue\n```\n\n## Same 2\n\n```bash\ntrue\n```\n",
        "# x\r\n\r\n```bash\r\nset -e\r\necho a\r\n```\r\n",
        "# x\n\n```bash\ncat <<EOF > f\n${{ not.ours }} <a-b>\nEOF\n```\n",
        "# x\n\n1. First\n   ```bash\n   echo nested\n   ```\n2. Second\n",
        "# x\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<b>html</b>\n\n---\n\n- [ ] \n- [ ] one\n",
        "# end\n\n## none\n\n```bash\nkubectl scale deployment x --replicas=0\nkubectl apply -f https://x/y.yaml\nhelm upgrade --install a b --set x=1,y=2 --set-string z=\n```\n",
        "# \u{202e}evil\u{7} title\n\n```bash\nprintf '\u{1b}[31m'\n```\n",
        "# x\n\n```bash\n# only\n# comments\n```\n",
        "# x\n\n```bash\necho 'open\n```\n",
    ] {
        imported(guide);
    }
}

#[test]
fn what_holds_nothing_and_what_is_there_already_are_told() {
    let desk = Desk::new();
    desk.write("empty.md", "# Only a title\n");
    let (exit, out) = desk.ripcord(&["import", "empty.md"]);
    assert!(exit == 2 && out.contains("nothing to import"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["import", "nowhere.md"]);
    assert!(exit == 2 && out.contains("nowhere.md"), "{exit} {out}");
    fs::write(desk.path("raw.md"), [0xff, 0xfe, 0x00]).unwrap();
    desk.write("large.md", &"## a\n\n```sh\ntrue\n```\n".repeat(60_000));
    for (guide, said) in [("raw.md", "save the guide as Markdown in UTF-8"), ("large.md", "split it"), (".", "no file")]
    {
        let (exit, out) = desk.ripcord(&["import", guide]);
        assert!(exit == 2 && out.contains(said), "{guide}: {exit} {out}");
    }
    desk.write("guide.md", "## a\n\n```sh\ntrue\n```\n");
    desk.write("book.yaml", "mine\n");
    let (exit, out) = desk.ripcord(&["import", "guide.md", "--to", "book.yaml"]);
    assert!(out.contains("book.yaml is there already"), "{out}");
    assert_eq!((exit, fs::read_to_string(desk.path("book.yaml")).unwrap().as_str()), (2, "mine\n"));
}
