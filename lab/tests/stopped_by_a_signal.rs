//! Ctrl-C, sent to the program alone: the training saves, and the exit code says what happened.

#![cfg(unix)]

use lab::{Lab, notebooks};
use music_scaling::study::{Study, place};
use music_scaling::training;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A preset whose first training takes hours, and the folder for its runs.
fn long_study(name: &str) -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let smoke = include_str!("../../src/study/smoke.toml");
    let long = smoke.replace("n_tokens = 60_000\n", "n_tokens = 6_000_000_000\n");
    assert_ne!(long, smoke);
    let preset = folder.join(format!("{name}.toml"));
    std::fs::write(&preset, long).unwrap();
    let runs = folder.join("studies").join(name).join("runs");
    (preset, runs)
}

fn wait_for_a_line_of(runs: &Path) -> PathBuf {
    for _ in 0..3000 {
        for run in std::fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if std::fs::metadata(run.join("metrics.jsonl")).is_ok_and(|file| file.len() > 0)
                || run.join("last.json").exists()
            {
                return run;
            }
            if run.join("config.json").exists() {
                std::thread::sleep(Duration::from_secs(1)); // some steps of a training that writes its first line later
                return run;
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no training began in {}", runs.display());
}

fn send(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

fn is_saved(run: &Path) -> bool {
    let names = std::fs::read_dir(run).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    !run.join("summary.json").exists() && names.into_iter().any(|name| name.starts_with("last"))
}

#[test]
fn a_training_saves_and_the_exit_code_is_130_or_143() {
    let root = place::find_root().unwrap();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (preset, runs) = long_study(&format!("train{signal}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
        command.arg("train").arg("--preset").arg(&preset).arg("--root").arg(&root);
        command.env(place::DATA_VARIABLE, preset.parent().unwrap()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let run = wait_for_a_line_of(&runs);
        send(signal, child.id());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("the same command goes on from here") && said.trim_end().lines().count() == 1, "{said}");
        assert!(is_saved(&run), "{run:?}");
    }
}

/// Skipped with a sentence where the kernel is not set up.
#[test]
fn a_training_in_a_notebook_saves() {
    let lab = Lab::open().unwrap();
    if !lab.python().exists() || !lab.evcxr().exists() || !lab.runner_script().exists() {
        println!("skipped: the notebook kernel is not set up (cargo run -- study --preset smoke does it)");
        return;
    }
    let (preset, runs) = long_study("notebook");
    // SAFETY: the other test of this file reads no variable that is set here; its child gets its own value.
    unsafe { std::env::set_var(place::DATA_VARIABLE, preset.parent().unwrap()) };
    let study = Study::open(&preset.to_string_lossy()).unwrap();
    let source = "use music_scaling::prelude::*; let runs = Study::open_default()?.train(Family::Transformer)?;";
    let cell = serde_json::json!({ "cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": null });
    let notebook = serde_json::json!({ "nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell] });
    let path = preset.with_file_name("long.ipynb");
    std::fs::write(&path, notebook.to_string()).unwrap();
    training::stop_on_ctrl_c();
    let waiting = std::thread::spawn(move || {
        let run = wait_for_a_line_of(&runs);
        send("-INT", std::process::id());
        run
    });
    let error = notebooks::execute(&lab, &study, &path, &path.with_file_name("executed.ipynb")).unwrap_err();
    assert_eq!(error.to_string(), "long.ipynb was broken off");
    let run = waiting.join().unwrap();
    assert!(is_saved(&run), "{run:?}");
}
