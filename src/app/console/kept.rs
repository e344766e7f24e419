//! What steps printed before this console came, read back from the run's folder for the screen. Bounded: the newest of
//! each step. A script that still runs brings its own output along.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use crate::{
    audit,
    engine::Fact,
    observe::output::{LineCutter, OutputLine, OutputTail},
};

/// Of each step so much is read; the file has all of it.
const MOST: u64 = 256 << 10;

pub fn read_back(run_dir: &Path, tail: &mut OutputTail) {
    let Ok(facts) = audit::read_facts(run_dir) else { return };
    for (_, fact) in facts {
        let Fact::StepOutcome(end) = fact else { continue };
        let Some(output) = &end.done.output else { continue };
        let Ok((bytes, missed)) = end_of(&run_dir.join(&output.file)) else { continue };
        let (step, attempt) = (end.step.to_string(), end.attempt);
        let mut cutter = LineCutter::default();
        if missed > 0 {
            cutter.gap(); // its first line may be half of one
        }
        let mut missed = missed;
        let mut keep = |text| {
            tail.push(&OutputLine { step: step.clone(), attempt, text, missed: std::mem::take(&mut missed) });
        };
        cutter.push(&bytes, &mut keep);
        cutter.finish(&mut keep);
    }
}

/// The last bytes, and how many came before them.
fn end_of(path: &Path) -> std::io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let before = file.metadata()?.len().saturating_sub(MOST);
    file.seek(SeekFrom::Start(before))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok((bytes, before))
}
