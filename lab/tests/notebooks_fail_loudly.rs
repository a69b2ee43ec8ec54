//! A cell that panics and a cell whose `?` fails are reported as successful by the kernel; the runner must fail on both.
//!
//! Needs the set-up of `cargo run -- study` or `cargo run -- lab`; skips with a sentence where it was not made.

use lab::Lab;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

/// Kernels that start side by side may choose the same port.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn run_cells(name: &str, cells: &[&str]) -> Option<(bool, String)> {
    let lab = Lab::open().unwrap();
    if !lab.python().exists() || !lab.evcxr().exists() || !lab.runner_script().exists() {
        println!("skipped: the notebook kernel is not set up (cargo run -- study --preset smoke does it)");
        return None;
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let cells: Vec<_> = cells
        .iter()
        .map(|source| {
            serde_json::json!({ "cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": null })
        })
        .collect();
    let notebook = serde_json::json!({ "nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, executed) = (folder.join(format!("{name}.ipynb")), folder.join(format!("{name}-executed.ipynb")));
    std::fs::write(&source, notebook.to_string()).unwrap();
    let mut runner = lab.python_command();
    runner.arg(lab.runner_script()).arg(&source).arg(&executed);
    runner.stdin(Stdio::piped()).stdout(Stdio::piped()); // its stdin stays open while the cells run
    let mut runner = runner.spawn().unwrap();
    let leash = runner.stdin.take();
    let output = runner.wait_with_output().unwrap();
    drop(leash);
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn a_panic_fails_the_run_and_is_shown() {
    if let Some((succeeded, output)) =
        run_cells("panic", &["println!(\"before\");", "let n: Option<u32> = None; n.unwrap();"])
    {
        assert!(!succeeded, "{output}");
        assert!(
            output.contains("before") && output.contains("cell 1 failed") && output.contains("panicked"),
            "{output}"
        );
    }
}

#[test]
fn an_error_from_a_question_mark_fails_the_run_with_its_sentence() {
    let cells = ["use music_scaling::prelude::*;", "Study::open(\"latop\")?;"];
    if let Some((succeeded, output)) = run_cells("question-mark", &cells) {
        assert!(!succeeded, "{output}");
        assert!(output.contains("there is no preset \"latop\""), "{output}");
    }
}

#[test]
fn good_cells_pass() {
    let cells =
        ["use music_scaling::prelude::*;", "let bars = 3u32;", "assert_eq!(bars, 3); println!(\"{bars} bars\");"];
    if let Some((succeeded, output)) = run_cells("good", &cells) {
        assert!(succeeded && output.contains("3 bars"), "{output}");
    }
}

#[test]
fn a_change_of_the_source_does_not_disturb_a_running_kernel() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/lib.rs");
    let open = format!(
        "let file = std::fs::File::options().append(true).open({source:?})?; let before = file.metadata()?.modified()?;"
    );
    let cells = [
        "use music_scaling::prelude::*; let study = Study::open(\"smoke\")?;",
        &open,
        "file.set_modified(std::time::SystemTime::now())?;", // cargo takes it for a change
        "use music_scaling::music::key; println!(\"{study}\");",
        "file.set_modified(before)?;",
    ];
    if let Some((succeeded, output)) = run_cells("changed-source", &cells) {
        assert!(succeeded && output.contains("smoke"), "{output}");
    }
}
