//! Long stories: the engine neither grows nor slows in ways a person would feel.

use serde_json::json;

use super::*;

#[test]
fn a_hundred_quiet_steps_run_in_one_go_of_reports() {
    let steps: Vec<_> = (0..100).map(|n| json!({"id": format!("s{n}"), "confirm": "none", "run": "true"})).collect();
    let mut bottle = Bottle::started(Value::Array(steps), json!([]));
    for n in 0..100 {
        bottle.ok(&format!("s{n}"));
    }
    assert_eq!(bottle.status(), RunStatus::Succeeded);
}
