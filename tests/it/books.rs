//! Runbooks as files: what loads, and what is said of what does not.

use std::path::Path;

use ripcord::runbook::{self, Problem};

fn problems(steps: &str) -> Vec<Problem> {
    let text = if steps.contains("apiVersion") {
        steps.to_owned()
    } else {
        format!("apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: t}}\n{steps}")
    };
    match runbook::load_str("t.yaml", &text) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    }
}

#[test]
fn every_documented_key_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/books/every-key.yaml");
    let loaded = runbook::load(&path).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(Problem::render).collect::<String>());
    });
    assert_eq!(loaded.warnings, [], "{}", loaded.warnings.iter().map(Problem::render).collect::<String>());
    let again: runbook::model::Runbook = serde_json::from_value(serde_json::to_value(&loaded.book).unwrap()).unwrap();
    assert_eq!(again, loaded.book, "what the trail keeps is what was checked");
}

/// Each line: what is wrong with the steps, and words the message or hint must hold.
#[test]
fn what_is_wrong_is_said_with_a_place_and_a_hint() {
    let cases: &[(&str, &[&str])] = &[
        ("steps:\n- {id: a, run: x, tittle: y}\n", &["unknown key `tittle`", "did you mean `title`"]),
        ("steps:\n- {id: a, run: x, id: b}\n", &["`id` is there twice"]),
        ("steps:\n- {id: a, run: x}\n- {id: a, run: y}\n", &["id `a` is there twice", "line 5"]),
        ("steps:\n- {id: rollback, run: x}\n", &["reserved"]),
        ("steps:\n- {id: A_b, run: x}\n", &["not a step id"]),
        ("steps:\n- {id: a}\n", &["without an action"]),
        ("steps:\n- {id: a, run: x, wait: 5m}\n", &["does one thing"]),
        ("steps:\n- {id: a, run: }\n", &["says nothing"]),
        ("steps:\n- {id: a, wait: 5x}\n", &["not a duration", "5m"]),
        ("steps:\n- {id: a, next: nope, run: x}\n- {id: b, run: x}\n", &["no step `nope`"]),
        ("steps:\n- {id: a, next: end, run: x}\n- {id: b, run: x}\n", &["nothing reaches the step `b`"]),
        ("steps:\n- {id: a, run: x, next: a}\n", &["go round", "retries"]),
        (
            "steps:\n- {id: a, run: x}\n- {id: b, branch: {choices: [{when: 'true', goto: a}], default: end}}\n",
            &["go round"],
        ),
        ("steps:\n- {id: a, onFailure: rollback, run: x}\n", &["no way back"]),
        ("steps:\n- {id: a, decision: {prompt: p, options: [{id: x, goto: rollback}]}}\n", &["no way back"]),
        ("steps:\n- {id: a, run: x}\nrollback:\n- {id: b, run: x, onFailure: rollback}\n", &["way back already"]),
        ("steps:\n- {id: a, run: 'echo ${{ params.x }}'}\n", &["would become shell text", "env: {X:"]),
        ("steps:\n- {id: a, title: '${{ params.x }}', run: x}\n", &["`params.x` is not defined"]),
        (
            "params: {tag: {default: x}}\nsteps:\n- {id: a, title: '${{ params.tga }}', run: x}\n",
            &["did you mean `params.tag`"],
        ),
        (
            "steps:\n- {id: a, when: 'steps.b.outcome == \"suceeded\"', run: x}\n- {id: b, run: x}\n",
            &["never «suceeded»", "succeeded"],
        ),
        ("steps:\n- {id: a, when: 'steps.c.outcome == \"failed\"', run: x}\n", &["no step `c`"]),
        ("steps:\n- {id: a, when: 'true && false', run: x}\n", &["write `and`"]),
        ("steps:\n- {id: a, when: '1 ===', run: x}\n", &["cannot be evaluated"]),
        (
            "steps:\n- {id: a, run: x, outputs: [n]}\n- {id: b, when: 'steps.a.outputs.n > 3', run: x}\n",
            &["is text", "| int"],
        ),
        (
            "steps:\n- {id: a, run: x}\n- {id: b, when: 'steps.a.outputs.n', run: x}\n",
            &["no output `n`", "outputs: [n]"],
        ),
        ("secrets: {k: {fromEnv: K}}\nsteps:\n- {id: a, title: '${{ secrets.k }}', run: x}\n", &["may not stand here"]),
        (
            "secrets: {k: {fromEnv: K}}\nsteps:\n- {id: a, env: {X: 'a ${{ secrets.k }}'}, run: x}\n",
            &["may not stand here"],
        ),
        ("steps:\n- {id: a, env: {PATH: x}, run: x}\n", &["PATH may not be set"]),
        ("params: {a-b: {}, a_b: {}}\nsteps:\n- {id: a, run: x}\n", &["both A_B"]),
        ("params: {ld_preload: {}}\nsteps:\n- {id: a, run: x}\n", &["LD_PRELOAD"]),
        ("params: {t: {pattern: '^v', default: x}}\nsteps:\n- {id: a, run: x}\n", &["breaks its own rule"]),
        ("params: {t: {type: int, default: x}}\nsteps:\n- {id: a, run: x}\n", &["whole number"]),
        (
            "steps:\n- {id: a, confirm: none, kubernetes: {delete: {kind: Pod, name: x}}}\n",
            &["`confirm: none` on a destructive"],
        ),
        ("steps:\n- {id: a, risk: read, run: x}\n", &["may raise a risk"]),
        ("steps:\n- {id: a, kubernetes: {gett: {kind: Pod}}}\n", &["unknown key `gett`", "did you mean `get`"]),
        ("steps:\n- {id: a, kubernetes: {rolloutStatus: {kind: Pod, name: x}}}\n", &["no rollout"]),
        ("steps:\n- {id: a, helm: {rollback: {release: x}}}\n", &["missing key `revision`"]),
        (
            "metrics: {m: {query: up, successCondition: result < 1}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, analysis: {for: 1m, metrics: [{metric: m}]}}\n",
            &["no failureCondition"],
        ),
        (
            "metrics: {m: {query: up, successCondition: result < 1, failureCondition: result > 2}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, retries: {limit: 1}, analysis: {for: 1m, count: 2, metrics: [{metric: m}]}}\n",
            &["exactly one of for, count", "`retries` on a gate"],
        ),
        (
            "metrics: {m: {query: 'sum(rate(x[5m])', successCondition: result < 1}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, run: x}\n",
            &["does not parse"],
        ),
        (
            "metrics: {m: {query: http_requests_total, successCondition: result < 1}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, run: x}\n",
            &["without rate()"],
        ),
        (
            "metrics: {m: {query: up, successCondition: reslt < 1}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, run: x}\n",
            &["`reslt` is not defined", "did you mean `result`"],
        ),
        ("steps:\n- {id: a, analysis: {for: 1m, metrics: [{metric: nope}]}}\n", &["no metric `nope`"]),
        ("steps:\n- {id: a, title: '${{ baseline.revision }}', run: x}\n", &["`baseline` is not declared"]),
        ("steps:\n- {id: a, undo: nope, run: x}\nrollback:\n- {id: b, run: x}\n", &["no step of the way back"]),
        (
            "calendar: {timezone: Mars/X, closed: [{from: 2026-02-01, to: 2026-01-01}]}\nsteps:\n- {id: a, run: x}\n",
            &["time zone", "is after"],
        ),
        ("requires: {tools: {helm: 'new'}}\nsteps:\n- {id: a, run: x}\n", &["version requirement"]),
        ("guards: [{metric: nope}]\nsteps:\n- {id: a, run: x}\n", &["no metric `nope`"]),
        ("steps:\n- {id: a, checklist: {items: [{text: x, probe: {query: up}}]}}\n", &["needs a `successCondition`"]),
        ("steps:\n- {id: a, checklist: {items: [{text: x, probe: {}}]}}\n", &["a probe needs exactly one"]),
        (
            "steps:\n- {id: a, kubernetes: {scale: {kind: Deployment, name: x, replicas: 2}}}\n",
            &["records no baseline"],
        ),
        ("params: {t: {description: one, two words}}\nsteps:\n- {id: a, run: x}\n", &["a comma inside"]),
        ("steps: []\n", &["at least one step"]),
        ("steps:\n- {id: a, runbook: {ref: ./nowhere.yaml}}\n", &["cannot read"]),
        ("steps:\n- {id: a, onFailure: retry, run: x}\n", &["not allowed here"]),
        ("steps: {a: 1}\n", &["expected a list"]),
        ("apiVersion: ripcord/v2\nkind: Runbook\nmetadata: {name: t}\nsteps: [{id: a, run: x}]\n", &["ripcord/v1"]),
    ];
    for (steps, says) in cases {
        let found = problems(steps);
        let text: String = found.iter().map(Problem::render).collect();
        for word in *says {
            assert!(text.contains(word), "missing «{word}» in\n{text}\nfor\n{steps}");
        }
        assert!(found.iter().all(|problem| problem.line > 0 && problem.column > 0), "{text}");
        assert!(found.iter().all(|problem| problem.hint.is_some()), "no hint in {text}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let found =
        problems("steps:\n- {id: a, tittle: y, run: x}\n- {id: B, wait: 5x}\n- {id: c, kubernetes: {gett: {}}}\n");
    let lines: Vec<_> = found.iter().map(|problem| problem.line).collect();
    assert!(found.len() >= 3, "{found:?}");
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn a_key_of_the_wrong_shape_hides_nothing_beside_it() {
    let found = problems(
        "target: [x]
params:
  path: {default: x}
  other: 7
  retries: {type: int, default: abc, bogus: 1}
calendar:
  timezone: Mars/Phobos
  closed: maybe
guards:
- {metric: nothere, failureLimit: many}
- {metric: alsonot}
- [x]
metrics:
  err: {query: 'rate(', title: [x], successCondition: result < 1}
prometheus: {url: 'http://x'}
steps:
- id: a
  timeout: [1]
  when: params.nope == 1
  run: 'echo ${{ params.path }}'
  next: nowhere
- id: b
  run: {command: 5}
  onFailure: goto:nobody
",
    );
    let said: Vec<_> = found.iter().map(|problem| (problem.line, problem.message.as_str())).collect();
    let wanted = [
        (4, "`target`: expected a map, found a list"),
        (6, "would set PATH"),
        (7, "`other`: expected a map, found a number"),
        (8, "«abc» is not a whole number"),
        (8, "unknown key `bogus`"),
        (10, "time zone «Mars/Phobos»"),
        (11, "`closed`: expected a list"),
        (13, "no metric `nothere`"),
        (13, "`failureLimit`: expected a whole number"),
        (14, "no metric `alsonot`"),
        (15, "expected a map, found a list"),
        (17, "the query does not parse"),
        (17, "`title`: expected a text"),
        (21, "`timeout`: expected a text"),
        (22, "`params.nope` is not defined"),
        (23, "in the script of `a`"),
        (24, "no step `nowhere`"),
        (26, "unknown key `command`"),
        (26, "exactly one of argv, script"),
        (27, "no step `nobody`"),
    ];
    for (line, text) in wanted {
        assert!(said.iter().any(|(at, said)| *at == line && said.contains(text)), "{line} {text}\nin {said:#?}");
    }
    assert_eq!(said.len(), wanted.len(), "{said:#?}");
    let hint = found.iter().find(|problem| problem.line == 23).and_then(|problem| problem.hint.clone()).unwrap();
    assert!(hint.contains("THE_PATH"), "{hint}");
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let problems = ripcord::runbook::load(&pipe).unwrap_err();
    assert!(problems[0].message.contains("is a pipe, not a file"), "{}", problems[0].message);
}

#[test]
fn a_bounded_cycle_through_a_person_is_fine() {
    let found = problems(
        "steps:\n- {id: a, run: x}\n- {id: d, decision: {prompt: p, options: [{id: again, goto: a}, {id: on, goto: end}]}}\n",
    );
    assert_eq!(found, []);
}

#[test]
fn a_runbook_that_includes_itself_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("self.yaml");
    std::fs::write(
        &path,
        "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: t}\nsteps:\n- {id: a, runbook: {ref: ./self.yaml}}\n",
    )
    .unwrap();
    let text: String = runbook::load(&path).unwrap_err().iter().map(Problem::render).collect();
    assert!(text.contains("includes itself"), "{text}");
}

#[test]
fn what_is_not_a_runbook_at_all_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let big = dir.path().join("big.yaml");
    std::fs::File::create(&big).unwrap().set_len(100 << 20).unwrap();
    let latin = dir.path().join("latin.yaml");
    std::fs::write(&latin, b"a: 1\nb: \xff\n").unwrap();
    for (path, says) in [
        (big.as_path(), "larger than 1 MiB"),
        (latin.as_path(), "line 2"),
        (dir.path(), "directory"),
        (Path::new("/nowhere/x.yaml"), "cannot read"),
    ] {
        let text: String = runbook::load(path).unwrap_err().iter().map(Problem::render).collect();
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn the_shipped_schema_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/runbook.schema.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&runbook::schema::for_editors()).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), now, "UPDATE=1 writes it again");
}

/// Found when the checks were held against the documents rule by rule.
#[test]
fn rules_that_are_easily_missed_are_said_too() {
    let helm = "baseline: {helmRelease: ml}\n";
    let cases: &[(&str, &[&str])] = &[
        (
            "secrets: {k: {fromEnv: K}}\nsteps:\n- {id: a, env: {X: '${{ secrets }}'}, run: x}\n",
            &["may not stand here"],
        ),
        (
            "secrets: {k: {fromEnv: K}}\nsteps:\n- {id: a, env: {X: '${{ secrets.k | upper }}'}, run: x}\n",
            &["may not stand here"],
        ),
        ("params: {a: {}}\nsteps:\n- {id: a, title: \"${{ params['b'] }}\", run: x}\n", &["`params.b` is not defined"]),
        ("params: {a-b: {}}\nsteps:\n- {id: a, title: '${{ params.a-b }}', run: x}\n", &["params[\"a-b\"]"]),
        // In what is never reached, too.
        (
            "steps:\n- {id: a, title: \"${{ 'x' if true else params.nope }}\", run: x}\n",
            &["`params.nope` is not defined"],
        ),
        ("steps:\n- {id: a, when: 'false and params.nope', run: x}\n", &["`params.nope` is not defined"]),
        ("steps:\n- {id: a, when: '1 | nosuch', run: x}\n", &["there is no filter `nosuch`"]),
        ("steps:\n- {id: a, when: '1 is nosuch', run: x}\n", &["there is no test `nosuch`"]),
        ("params: {a: {}}\nsteps:\n- {id: a, when: '${{ params.a }}', run: x}\n", &["without `${{ }}`"]),
        (
            "params: {most: {type: int}}\nsteps:\n- {id: a, run: x, outputs: [n]}\n- {id: b, when: 'params.most < steps.a.outputs.n', run: x}\n",
            &["| int"],
        ),
        (
            "steps:\n- {id: d, decision: {prompt: p, options: [{id: on, goto: b}]}}\n- {id: b, when: \"steps.d.choice == 'of'\", run: x}\n",
            &["never «of»", "did you mean `on`"],
        ),
        (
            "steps:\n- {id: b, branch: {choices: [{when: 'true', goto: x}, {when: 'false', goto: y}], default: z}}\n- {id: x, run: x, next: z}\n- {id: y, run: x}\n- {id: z, run: x}\n",
            &["`y` of a branch runs on into its sibling `z`"],
        ),
        (
            "metrics: {m: {query: up, successCondition: result < baseline}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, run: x}\n",
            &["no `baselineQuery`"],
        ),
        (
            "steps:\n- {id: a, checklist: {items: [{text: x, probe: {query: up, successCondition: reslt > 1}}]}}\n",
            &["did you mean `result`"],
        ),
        ("steps:\n- {id: a, run: x, verify: {query: 'sum(up', successCondition: result > 1}}\n", &["does not parse"]),
        (
            &format!(
                "{helm}steps:\n- {{id: a, kubernetes: {{rolloutUndo: {{kind: Deployment, name: x, toRevision: '${{{{ baseline.revision }}}}'}}}}}}\n"
            ),
            &["not of the Deployment `x`"],
        ),
        (
            &format!(
                "{helm}steps:\n- {{id: a, helm: {{rollback: {{release: other, revision: '${{{{ baseline.revision }}}}'}}}}}}\n"
            ),
            &["not of the release `other`"],
        ),
        (&format!("{helm}steps:\n- {{id: a, helm: {{rollback: {{release: ml, revision: 0}}}}}}\n"), &["current − 1"]),
        (&format!("{helm}steps:\n- {{id: back-to-baseline, run: x}}\n"), &["made for the way back"]),
        (
            "metadata: {name: t, reviewed: 2025-02-30}\napiVersion: ripcord/v1\nkind: Runbook\nsteps: [{id: a, run: x}]\n",
            &["is not a day"],
        ),
        ("steps:\n- {id: a, http: {url: localhost/health}}\n", &["not a web address"]),
        ("steps:\n- {id: a, http: {url: 'http://x', expect: {json: {status: ok}}}}\n", &["JSON pointer", "/status"]),
        ("params: {t: {min: 3}}\nsteps:\n- {id: a, run: x}\n", &["needs a number"]),
        ("params: {t: {type: int, enum: [1, two]}}\nsteps:\n- {id: a, run: x}\n", &["breaks the rule beside it"]),
        ("steps:\n- {id: a, kubernetes: {get: {kind: Pod, name: x, selector: a=b}}}\n", &["exclude each other"]),
        ("steps:\n- {id: a, undo: {none: ''}, run: x}\n", &["needs a reason"]),
        ("steps:\n- {id: a, approval: {prompt: p, minApprovals: 2, approvers: [lead]}}\n", &["only 1 people"]),
        ("steps:\n- {id: a, portForward: {service: monitoring/grafana}}\n", &["missing key `port`"]),
        (
            "steps:\n- {id: a, tittle: x, when: params.nope, run: x}\n",
            &["did you mean `title`", "`params.nope` is not defined"],
        ),
        ("steps:\n- {id: a, wait: 5x}\n- {id: b, next: nope, run: x}\n", &["not a duration", "no step `nope`"]),
        ("parms: {}\nsteps:\n- {id: a, onFailure: rollback, run: x}\n", &["did you mean `params`", "no way back"]),
        ("steps:\n- {id: a, title: ok, env: {A: ${{ params.x }}}, run: x}\n", &["needs quotes"]),
    ];
    for (steps, says) in cases {
        let text: String = problems(steps).iter().map(Problem::render).collect();
        for word in *says {
            assert!(text.contains(word), "missing «{word}» in\n{text}\nfor\n{steps}");
        }
    }
}

/// What one look at the format from outside found; each was silent, or said without a place or a hint.
#[test]
fn what_would_only_fail_at_night_is_told_at_load() {
    let gate = "metrics: {m: {query: up, successCondition: result < 1, failureCondition: result > 2}}\nprometheus: {url: 'http://x'}\n";
    let undo = "rolloutUndo: {kind: StatefulSet, name: d, toRevision: \"${{ baseline.revision }}\"}";
    let script = "steps:\n- {id: a, run: x, outputs: [n]}\n- {id: b, run: x, when:";
    let cases: &[(&str, &[&str])] = &[
        (
            "baseline: {none: x}\nparams: {n: {type: int}}\nsteps:\n- {id: a, confirm: none, kubernetes: {scale: {kind: Deployment, name: x, replicas: '${{ params.n }}'}}}\n",
            &["`confirm: none` on a destructive"],
        ),
        ("params: {p: {default: '${{ zzz.q }}'}}\nsteps:\n- {id: a, run: x}\n", &["no template is filled in here"]),
        (
            "metadata: {name: t, title: '${{ secrets.k }}'}\napiVersion: ripcord/v1\nkind: Runbook\nsteps: [{id: a, run: x}]\n",
            &["no template is filled in"],
        ),
        ("steps:\n- {id: a, run: x, undo: {none: '${{ zzz }}'}}\n", &["no template is filled in"]),
        (
            "panes: {pods: {selector: 'a=${{ run.id }}'}}\nsteps:\n- {id: a, run: x}\n",
            &["`run` is not defined", "params, target"],
        ),
        ("target: {namespace: '${{ target.namespace }}'}\nsteps:\n- {id: a, run: x}\n", &["`target` is not defined"]),
        (
            "params: {s: {}}\nsteps:\n- {id: a, run: x, when: \"params.s.startswith('x')\"}\n",
            &["no method `startswith`", "is startingwith"],
        ),
        ("params: {s: {}}\nsteps:\n- {id: a, run: x, when: \"params.s.y == 'x'\"}\n", &["nothing inside"]),
        ("steps:\n- {id: a, run: x, title: '${{ run.id.x }}'}\n", &["nothing inside"]),
        ("steps:\n- {id: a, run: x, title: '${{ run[0] }}'}\n", &["only known in the run"]),
        ("steps:\n- {id: a, run: x}\n- {id: b, run: x, when: \"steps.a.status.x == 'done'\"}\n", &["nothing inside"]),
        (
            "params: {s: {}}\nsteps:\n- {id: a, run: x, when: \"steps[params.s].outcome == 'failed'\"}\n",
            &["only known in the run"],
        ),
        (
            "metrics: {m: {query: up, successCondition: result.x < 1}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, run: x}\n",
            &["`result` is a number"],
        ),
        (
            "metrics: {m: {query: up, successCondition: \"result < 'a'\"}}\nprometheus: {url: 'http://x'}\nsteps:\n- {id: a, run: x}\n",
            &["never «a»"],
        ),
        ("steps:\n- {id: a, run: x, when: 'steps[\"a\"][\"outcome\"] == \"nope\"'}\n", &["never «nope»"]),
        ("steps:\n- {id: a, run: x, when: '(steps.a.outcome) == \"nope\"'}\n", &["never «nope»"]),
        ("steps:\n- {id: a, run: x, when: '\"nope\" in steps.a.outcome'}\n", &["never «nope»"]),
        ("steps:\n- {id: a, run: x, when: 'steps.a.outcome == true'}\n", &["never «true"]),
        ("steps:\n- {id: a, run: x, when: 'steps.a.outcome is eq(\"nope\")'}\n", &["never «nope»"]),
        ("steps:\n- {id: a, run: x, when: 'steps.a.outcome == \"inconclusive\"'}\n", &["never «inconclusive»"]),
        (&format!("{script} 'steps.a.outputs.n | trim == 3'}}\n"), &["| int"]),
        (&format!("{script} 'steps.a.outputs.n | default(\"0\") > 3'}}\n"), &["| int"]),
        (&format!("{script} '(steps.a.outputs.n) > 3'}}\n"), &["| int"]),
        (&format!("{script} 'steps.a.outputs.n in [1, 2]'}}\n"), &["| int"]),
        (&format!("{script} 'steps.a.outputs.n + 1 > 3'}}\n"), &["| int"]),
        (&format!("{script} 'steps.a.outputs.n is ge(3)'}}\n"), &["| int"]),
        (
            &format!("baseline: {{deployment: d}}\nsteps:\n- {{id: a, kubernetes: {{{undo}}}}}\n"),
            &["the baseline is not of"],
        ),
        (
            "baseline: {helmRelease: r}\nsteps:\n- {id: a, helm: {rollback: {release: other, revision: \"${{ baseline['revision'] }}\"}}}\n",
            &["not of the release `other`"],
        ),
        (
            "baseline: {helmRelease: r}\nsteps:\n- {id: a, helm: {rollback: {release: other, revision: '${{ baseline . revision }}'}}}\n",
            &["not of the release `other`"],
        ),
        (
            "target: {namespace: n}\nbaseline: {deployment: d}\nsteps:\n- {id: a, kubernetes: {rolloutUndo: {kind: Deployment, name: d, namespace: other, toRevision: '${{ baseline.revision }}'}}}\n",
            &["target's namespace"],
        ),
        (
            "steps:\n- {id: a, helm: {status: {release: r}, status: {release: r}}}\n",
            &["key `status` is there twice", "first is at line 5"],
        ),
        ("steps:\n- {id: a, end: {category: resolved}, next: b}\n- {id: b, run: x}\n", &["never goes on by `next`"]),
        (
            &format!(
                "{gate}steps:\n- {{id: a, next: b, analysis: {{for: 1m, metrics: [{{metric: m}}], onSuccessful: c}}}}\n- {{id: b, run: x}}\n- {{id: c, run: x}}\n"
            ),
            &["`onSuccessful` says where"],
        ),
        (
            "steps:\n- {id: a, branch: {choices: [{when: 'true', goto: b}, {when: 'false', goto: d}], default: c}}\n- {id: b, run: x, next: b3}\n- {id: c, run: x, next: e}\n- {id: b3, run: x}\n- {id: d, run: x}\n- {id: e, run: x}\n",
            &["`b` of a branch runs on into its sibling `d`"],
        ),
        ("steps:\n- {id: a, run: x, when:}\n", &["`when:` says nothing", "leave the key out"]),
        (
            "steps:\n- {id: a, run: x, onFailure: , retries: }\n",
            &["`onFailure:` says nothing", "`retries:` says nothing"],
        ),
        (
            "baseline:\nprometheus:\nsteps:\n- {id: a, run: x}\n",
            &["`baseline:` says nothing", "`prometheus:` says nothing"],
        ),
        ("steps:\n- {id: a, kubernetes: {wait: {kind: Pod, name: x, for: deleted}}}\n", &["cannot be waited for"]),
        ("steps:\n- {id: a, kubernetes: {wait: {kind: Pod, name: x, for: condition=}}}\n", &["cannot be waited for"]),
        (
            "metadata: {name: t, alerts: [{name: Y, params: {nope: '${{ labels.p }}'}}]}\napiVersion: ripcord/v1\nkind: Runbook\nsteps: [{id: a, run: x}]\n",
            &["no param `nope`"],
        ),
        (
            &format!("{gate}steps:\n- {{id: a, analysis: {{for: 10s, metrics: [{{metric: m}}]}}}}\n"),
            &["interval 30s is longer than the window 10s"],
        ),
        (
            &format!(
                "{gate}steps:\n- {{id: a, analysis: {{for: '${{{{ run.id }}}}${{{{ run.id }}}}', interval: 5s, metrics: [{{metric: m}}]}}}}\n"
            ),
            &["one whole `${{ … }}`"],
        ),
        ("steps:\n- {id: a, run: {script: x, interactive: '${{ run.id }}'}}\n", &["no template here"]),
        ("steps:\n- {id: a, run: x, onFailure: promt}\n", &["did you mean `prompt`"]),
        (
            "params: {n: {type: number, default: .nan}}\nsteps:\n- {id: A, manul: x}\n",
            &["«.nan» is not a number", "did you mean `manual`"],
        ),
        ("x: &x {run: x}\nsteps:\n- {<<: *x, id: A, run: x}\n", &["`<<` is not read", "not a step id"]),
        (
            "params: {'': {}, -a: {}}\nsteps:\n- {id: a, run: x}\n",
            &["`` cannot be an environment variable", "`-a` cannot be"],
        ),
        (
            "steps:\n- {id: near, portForward: {service: n/x, port: 3, until: naer}}\n",
            &["`until: naer`", "did you mean `near`"],
        ),
        ("steps:\n- {id: a, run: x, when: params.n = 1}\n", &["write `==`"]),
        ("steps:\n- {id: a, run: x, when: 'true AND false'}\n", &["write `and`"]),
        ("steps:\n- {id: a, run: x, when: '!true'}\n", &["write `not`"]),
        ("prometheus: {url: x}\nsteps:\n- {id: a, run: x}\n", &["not a web address"]),
        ("prometheus: {service: x}\nsteps:\n- {id: a, run: x}\n", &["names no service", "monitoring/prometheus:9090"]),
        (
            "steps:\n- {id: a, run: x, verify: {query: up, successCondition: result == 1}}\n",
            &["a query without `prometheus:`"],
        ),
        ("steps:\n- {id: a, run: x, env: {A: x, a: y}}\n", &["`a` and `A` differ"]),
        ("---\n---\n", &["a second document"]),
    ];
    for (steps, says) in cases {
        let found = problems(steps);
        let text: String = found.iter().map(Problem::render).collect();
        for word in *says {
            assert!(text.contains(word), "missing «{word}» in\n{text}\nfor\n{steps}");
        }
        assert!(found.iter().all(|problem| problem.line > 0 && problem.hint.is_some()), "{text}");
    }
}

#[test]
fn a_misspelt_goto_is_told_once() {
    let found = problems("steps:\n- {id: a, run: x, next: thrd}\n- {id: second, run: x}\n- {id: third, run: x}\n");
    let said: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said, ["there is no step `thrd` to go to"]);
}

#[test]
fn a_name_in_a_text_of_several_lines_is_told_where_it_stands() {
    let found = problems(
        "steps:\n- id: a\n  manual: |\n    one ${{ run.id }}\n    two\n    three ${{ zzz }} ${{ yyy }} here\n  when: >-\n    true\n    and qqq\n",
    );
    let said: Vec<_> = found.iter().map(|problem| (problem.line, problem.column, problem.source.trim())).collect();
    let third = "three ${{ zzz }} ${{ yyy }} here";
    assert_eq!(said, [(9, 15, third), (9, 26, third), (12, 9, "and qqq")]);
}

#[test]
fn an_empty_file_says_how_to_begin() {
    for text in ["", "# nothing yet\n"] {
        let found = runbook::load_str("t.yaml", text).unwrap_err();
        let text: String = found.iter().map(Problem::render).collect();
        assert!(text.contains("is empty") && text.contains("ripcord new NAME"), "{text}");
    }
}

#[test]
fn what_is_large_is_checked_or_refused_at_once() {
    let many = |step: &dyn Fn(usize) -> String| -> String { (0..4_000).map(step).collect() };
    let query = |query: String| {
        format!("prometheus: {{url: 'http://x'}}\nmetrics: {{m: {{query: '{query}'}}}}\nsteps:\n- {{id: a, run: x}}\n")
    };
    for (text, says) in [
        (format!("steps:\n- {{id: a, run: x, when: 'run{}'}}\n", ".id".repeat(12_000)), "cannot be evaluated"),
        (query(format!("up{}", "+up".repeat(20_000))), "too much to be parsed"),
        (query(format!("{}up{}", "abs(".repeat(2_000), ")".repeat(2_000))), "too much to be parsed"),
        (format!("steps:\n{}", many(&|i| format!("- {{id: s{i}, manual: x, next: zz{i}}}\n"))), "no step `zz3999`"),
        (
            format!("steps:\n{}", many(&|i| format!("- {{id: s{i}, run: x, onFailure: 'goto:s0'}}\n"))),
            "from `s3999` the run can go round",
        ),
    ] {
        let found = problems(&text);
        assert!(found.iter().any(|problem| problem.message.contains(says)), "{says} {:?}", found.first());
    }
    assert_eq!(problems(&format!("steps:\n{}", many(&|i| format!("- {{id: s{i}, manual: x}}\n")))), []);
}

#[test]
fn what_is_right_is_not_told_wrong() {
    for steps in [
        "baseline: {helmRelease: ml}\nsteps:\n- {id: h, helm: {status: {release: ml}}}\n- {id: b, when: \"steps.h.outputs.status == 'deployed'\", run: x}\n",
        "steps:\n- {id: a, run: x, outputs: [count]}\n- {id: b, when: '3 < steps.a.outputs.count | int', run: x}\n",
        "params: {d: {type: duration, enum: [90s, 2m], default: 90s}, n: {type: number, enum: [1, 2], default: 1}}\nsteps:\n- {id: a, run: x, onFailure: 'goto:end'}\n",
        "baseline: {none: x}\nparams: {b: {type: bool}}\nsteps:\n- {id: a, helm: {upgrade: {release: r, chart: c, wait: '${{ params.b }}', install: true}}}\n- {id: b, kubernetes: {patch: {kind: Service, name: x, type: '${{ params.b }}', patch: {a: 1}}}}\n- {id: c, kubernetes: {delete: {kind: Pod, name: x, force: '${{ params.b }}'}}}\n",
        "steps:\n- {id: a, http: {url: 'http://x'}}\n- {id: b, run: x, when: \"steps.a.outputs.json.items[0].name == 'x' and 'y' not in steps.a.outputs.body\"}\n",
        "steps:\n- {id: a, run: x}\n- {id: b, when: \"steps.a.outcome in ['failed', 'skipped'] or 'steps.nope' == 'x'\", run: x}\n",
        "params: {w: {default: 5m}}\nprometheus: {url: 'http://x'}\nmetrics: {m: {query: 'sum(rate(x[${{ params.w }}]))', successCondition: result < 1}}\nsteps:\n- {id: a, run: x}\n",
    ] {
        let text: String = problems(steps).iter().map(Problem::render).collect();
        assert_eq!(text, "", "{steps}");
    }
}

/// A folder of runbooks that include each other.
fn with_child(parent: &str, child: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let head = "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: t}\n";
    std::fs::write(dir.path().join("child.yaml"), format!("{head}{child}")).unwrap();
    let path = dir.path().join("parent.yaml");
    std::fs::write(&path, format!("{head}{parent}")).unwrap();
    let problems = match runbook::load(&path) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(Problem::render).collect()
}

#[test]
fn a_nested_runbook_is_held_against_the_one_that_holds_it() {
    let call = "steps:\n- {id: a, runbook: {ref: ./child.yaml, with: {tga: x, n: many}}}\n";
    let text = with_child(call, "params: {tag: {required: true}, n: {type: int}}\nsteps:\n- {id: a, run: x}\n");
    for says in ["no param `tga`", "did you mean `tag`", "needs the param `tag`", "whole number"] {
        assert!(text.contains(says), "missing «{says}» in {text}");
    }
    let call = "target: {namespace: one}\nsteps:\n- {id: a, runbook: {ref: ./child.yaml}}\n";
    assert!(with_child(call, "target: {namespace: two}\nsteps:\n- {id: a, run: x}\n").contains("another target"));
    assert_eq!(with_child(call, "target: {namespace: one}\nsteps:\n- {id: a, run: x}\n"), "");
    let uses = "steps:\n- {id: a, title: '${{ baseline.revision }}', run: x}\n";
    assert!(with_child(call, uses).contains("in the runbook that holds this one"));
    let holds = "baseline: {helmRelease: ml}\nsteps:\n- {id: a, runbook: {ref: ./child.yaml}}\n";
    assert_eq!(with_child(holds, uses), "");
    for child in ["protected: true", "lockKey: other", "namespace: \"${{ params.n }}\""] {
        let text =
            with_child(call, &format!("target: {{{child}}}\nparams: {{n: {{}}}}\nsteps:\n- {{id: a, run: x}}\n"));
        assert!(text.contains("another target"), "{child}: {text}");
    }
    let twice = "steps:\n- {id: a, runbook: {ref: ./child.yaml}}\n- {id: b, runbook: {ref: ./child.yaml}}\n";
    assert_eq!(with_child(twice, "steps:\n- {id: a, rum: x}\n").matches("unknown key `rum`").count(), 1);
    let leads_back = "steps:\n- {id: a, onFailure: rollback, run: x}\n";
    assert_eq!(with_child(holds, leads_back), "", "the way back is the run's");
    assert!(with_child(call, leads_back).contains("no way back"));
    let lane = "steps:\n- {id: b, run: x}\nrollback: {runbook: ./child.yaml}\n";
    assert!(with_child(lane, leads_back).contains("way back already"));
    let undo = "steps:\n- {id: b, undo: a, run: x}\nrollback: {runbook: ./child.yaml}\n";
    assert_eq!(with_child(undo, "steps:\n- {id: a, run: x}\n"), "");
}

/// Every runbook this repository ships loads, with nothing to say about it.
#[test]
fn the_shipped_runbooks_pass_their_own_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "yaml") {
            let text: String = match runbook::load(&path) {
                Ok(loaded) => loaded.warnings.iter().map(Problem::render).collect(),
                Err(problems) => problems.iter().map(Problem::render).collect(),
            };
            assert_eq!(text, "", "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 8, "{count}");
}

/// The coverage table names runbooks and steps that are there.
#[test]
fn the_guide_is_covered_by_steps_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/guide-coverage.md")).unwrap();
    let mut count = 0;
    for name in table.split('`').skip(1).step_by(2).filter(|name| name.contains(".yaml#")) {
        let (file, id) = name.split_once('#').unwrap();
        let book = runbook::load(&root.join("runbooks").join(file)).unwrap().book;
        let (step, item) = id.split_once('/').map_or((id, None), |(step, item)| (step, Some(item)));
        let found = book.steps.iter().chain(&book.rollback).find(|found| found.id().as_str() == step);
        let found = found.unwrap_or_else(|| panic!("{name}: no such step"));
        if let Some(item) = item {
            let runbook::model::Action::Checklist(list) = &found.action else { panic!("{name}: not a checklist") };
            assert!(list.items.iter().any(|found| found.id == item), "{name}: no such item");
        }
        count += 1;
    }
    assert!(count > 60, "{count}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_makes_the_loader_panic(text in ".{0,400}") {
        let _ = runbook::load_str("t.yaml", &text);
    }

    #[test]
    fn no_broken_runbook_makes_the_loader_panic(cut in 0usize..9000, put in "[\\PC\n\t:{}\\[\\]-]{0,6}") {
        let text = include_str!("books/every-key.yaml");
        let cut = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let _ = runbook::load_str("t.yaml", &format!("{}{put}{}", &text[..cut], &text[cut..]));
    }
}
