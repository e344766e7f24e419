//! The archive of a run, unpacked in another place.

use std::fs;

use ripcord::audit::{export::export, verify::verify};

use super::lab::*;

#[test]
fn an_archive_verifies_elsewhere_and_so_do_its_sums() {
    let lab = Lab::whole();
    let (mut archive, mut again) = (Vec::new(), Vec::new());
    export(lab.state(), RUN, &mut archive).unwrap();
    export(lab.state(), RUN, &mut again).unwrap();
    assert_eq!(archive, again, "the same run gives the same bytes");
    let elsewhere = tempfile::TempDir::new().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(&archive[..])).unpack(elsewhere.path()).unwrap();
    let state = elsewhere.path().join(RUN);
    assert_eq!(verify(&state, RUN).exit, 0, "{}", verify(&state, RUN).render());
    let sums = std::process::Command::new("sha256sum")
        .args(["-c", "--quiet", "SHA256SUMS"])
        .current_dir(&state)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{sums:?}");
    let log = state.join("runs").join(RUN).join("output/a.1.log");
    fs::write(&log, "it is not so\n").unwrap();
    assert_eq!(verify(&state, RUN).exit, 1);
}
