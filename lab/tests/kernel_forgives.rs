//! What a kernel answers to the cells that beginners write, and to an interrupt.
//!
//! Needs the set-up of `cargo run -- study` or `cargo run -- lab`; skips with a sentence where it was not made.

use lab::Lab;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

/// Kernels that start side by side may choose the same port.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn answers(steps: &Value) -> Option<Vec<Value>> {
    let lab = Lab::open().unwrap();
    if !lab.python().exists() || !lab.evcxr().exists() || !lab.runner_script().exists() {
        println!("skipped: the notebook kernel is not set up (cargo run -- study --preset smoke does it)");
        return None;
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let data = tempfile::tempdir().unwrap();
    let mut driver = lab.python_command();
    driver.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drive_kernel.py")).arg(steps.to_string());
    driver.env("STUDY", "smoke").env("MUSIC_SCALING_DATA", data.path()).stderr(Stdio::inherit());
    let output = driver.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn a_variable_that_cannot_be_kept_is_answered_in_words_and_the_others_stay() {
    let cells =
        ["let x = 3.0_f64;", "let f = |x: f64| x * 2.0;", "let mut v = Vec::new();", "let a = std::", "x + 1.0"];
    let steps: Vec<Value> = cells.iter().map(|cell| json!({ "cell": cell })).collect();
    let Some(answers) = answers(&json!(steps)) else { return };
    let error = |i: usize| answers[i]["error"].as_str().unwrap();
    assert!(error(1).contains("The variable `f` is a closure"), "{}", error(1));
    assert!(error(2).contains("type annotations needed"), "{}", error(2));
    assert!(!error(3).is_empty() && !error(3).contains("music_scaling"), "{}", error(3));
    assert_eq!(answers[4]["result"], "4.0");
}

#[test]
fn an_interrupted_training_is_saved_a_panic_names_the_line_and_variables_stay() {
    let steps = json!([
        { "cell": "use music_scaling::prelude::*;\nlet mut study = Study::open_default()?;\nlet kept = 42;" },
        { "cell": "study.preset.training.n_tokens = Some(30_000_000);" },
        { "cell": "let run = study.train_size(\"smoke-lstm-tiny\")?;", "interrupt_at": "to go" },
        { "cell": "let none: Vec<u32> = vec![];\nnone[7]" },
        { "cell": "kept" },
    ]);
    let Some(answers) = answers(&steps) else { return };
    let said = answers[2].to_string();
    assert!(said.contains("stopped after step") && said.contains("all variables are kept"), "{said}");
    let panic = answers[3]["printed"].as_str().unwrap();
    assert!(panic.contains("panicked: index out of bounds") && panic.contains("in the line: none[7]"), "{panic}");
    assert!(!panic.contains("lib.rs") && panic.lines().count() < 5, "{panic}");
    assert_eq!(answers[4]["result"], "42");
}
