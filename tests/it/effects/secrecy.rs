//! Declared secrets: resolved at the moment of use, and nowhere at rest.

use std::path::Path;

use ripcord::engine::message::{Report, Ticket};

use super::hands::{Hands, done, failure, script};

const TOKEN: &str = "s3cr3t-t0ken/value";
const HOLDER: [(&str, &str); 1] = [("api-token", TOKEN)];

/// Every file below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![std::fs::read(path).unwrap()] }
        })
        .collect()
}

fn holds(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn a_secret_reaches_the_child_and_nothing_else() {
    let mut hands = Hands::with(&HOLDER, None);
    // Split over writes, encoded, as an output, and in the last line, which goes into the message.
    let text = r#"printf '%s' "${TOKEN:0:7}"; sleep 0.05; printf '%s\n' "${TOKEN:7}"
        printf '%s' "$TOKEN" | base64
        echo "token=$TOKEN" >> "$RIPCORD_OUTPUT"
        echo "length=${#TOKEN}" >> "$RIPCORD_OUTPUT"
        echo "denied for $TOKEN" >&2; exit 7"#;
    hands.perform_with(&Ticket::new("step", 1), script(text), &[("TOKEN", "${{ secrets.api-token }}")], None);
    let report = hands.end().await;
    assert!(!holds(format!("{report:?}").as_bytes(), TOKEN), "{report:?}");
    let failed = failure(report);
    assert_eq!(failed.done.outputs["length"], TOKEN.len().to_string(), "the child had it whole");
    assert_eq!(failed.done.outputs["token"], "[redacted:api-token]");
    assert!(failed.message.contains("denied for [redacted:api-token]"), "{}", failed.message);
    let printed = String::from_utf8(hands.output(&failed.done)).unwrap();
    assert_eq!(printed.matches("[redacted:api-token]").count(), 3, "{printed}");
    for file in files(&hands.run_dir()) {
        assert!(!holds(&file, TOKEN) && !holds(&file, "czNjcjN0"), "{}", String::from_utf8_lossy(&file));
    }
    assert!(hands.lines().iter().all(|line| !line.contains("s3cr3t")));
}

#[tokio::test]
async fn a_secret_that_is_missing_starts_nothing() {
    let mut hands = Hands::new();
    hands.perform_with(&Ticket::new("step", 1), script("touch ran"), &[("T", "${{ secrets.gone }}")], None);
    let failed = failure(hands.end().await);
    assert_eq!(failed.reason, "render");
    assert!(failed.message.contains("«gone»"), "{}", failed.message);
    assert!(!hands.path("ran").exists());
}

#[tokio::test]
async fn much_output_with_a_secret_in_it_is_kept_whole_but_for_the_secret() {
    let mut hands = Hands::with(&HOLDER, None);
    let text = r#"for n in $(seq 20000); do echo "$n $TOKEN"; done"#;
    hands.perform_with(&Ticket::new("step", 1), script(text), &[("TOKEN", "${{ secrets.api-token }}")], None);
    let report: Report = hands.end().await;
    let done = done(report);
    let expected: String = (1..=20000).map(|n| format!("{n} [redacted:api-token]\n")).collect();
    assert!(hands.output(&done) == expected.as_bytes(), "every line, in order, redacted");
}
