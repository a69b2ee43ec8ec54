//! `sweep`: the same bits however its tasks are run, ended and begun again; side by side, and as an array of a real Slurm where there
//! is one.

#![cfg(unix)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

const TABLE: &str = "\n[sweep]\nsizes = [\"smoke-transformer-tiny\", \"smoke-lstm-small\"]\nlearning_rate = [2e-3, 8e-3]\nseed = [1, 2]\n";

/// The smoke study with a sweep of eight runs, for data in a folder of its own.
fn preset(name: &str, more: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let smoke = include_str!("../../src/study/smoke.toml");
    let longer = smoke.replace("n_tokens = 60_000\n", "n_tokens = 400_000\n");
    assert_ne!(longer, smoke);
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, longer + TABLE + more).unwrap();
    path
}

fn sweep(preset: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
    command.arg("sweep").arg(preset).args(arguments).env("RAYON_NUM_THREADS", "1");
    command.env("MUSIC_SCALING_ROOT", concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.env("MUSIC_SCALING_DATA", preset.parent().unwrap());
    command
}

fn ended_well(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// (name, loss) of each run.
fn losses(preset: &Path) -> Vec<(String, f64)> {
    let text = ended_well(&sweep(preset, &["--status", "--json"]).output().unwrap());
    let said: Value = serde_json::from_str(&text).unwrap();
    let run = |run: &Value| (run["name"].as_str().unwrap().to_string(), run["val_loss"].as_f64().unwrap_or(f64::NAN));
    said["runs"].as_array().unwrap().iter().map(run).collect()
}

fn runs_folder(preset: &Path) -> PathBuf {
    let name = preset.file_stem().unwrap();
    preset.with_file_name("studies").join(name).join("sweep")
}

/// Starts a task and waits until it has trained a little.
fn begin(preset: &Path, task: usize, name: &str) -> Child {
    let mut child = sweep(preset, &["--task", &task.to_string()]).stdout(Stdio::null()).spawn().unwrap();
    let metrics = runs_folder(preset).join(name).join("metrics.jsonl");
    while child.try_wait().unwrap().is_none() && !std::fs::metadata(&metrics).is_ok_and(|file| file.len() > 0) {
        sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn tasks_that_were_killed_and_began_again_end_with_the_bits_of_a_sequential_sweep() {
    let (sequential, broken) = (preset("sweep-sequential", ""), preset("sweep-broken", ""));
    ended_well(&sweep(&sequential, &[]).output().unwrap());
    let expected = losses(&sequential);
    let names: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names[..4],
        ["2e-3-seed-1", "2e-3-seed-2", "8e-3-seed-1", "8e-3-seed-2"]
            .map(|set| format!("smoke-transformer-tiny-learning_rate-{set}"))
    );
    assert_eq!(names.len(), 8);

    let mut killed = begin(&broken, 1, names[1]);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let mut warned = begin(&broken, 6, names[6]);
    Command::new("kill").args(["-USR1", &warned.id().to_string()]).status().unwrap();
    let code = warned.wait().unwrap().code();
    assert!(code == Some(75) || code == Some(0), "75 says that it goes on, 0 that it was done by then: {code:?}");
    let text = ended_well(&sweep(&broken, &["--jobs", "2"]).output().unwrap());
    assert_eq!(losses(&broken), expected);
    assert!(text.contains("8 of 8 runs are finished"), "{text}");
    assert!(text.contains("best  smoke-lstm-small: smoke-lstm-small-learning_rate-"), "{text}");

    let list = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
        command.arg("runs").args([runs_folder(&broken), runs_folder(&sequential)]).args(arguments);
        ended_well(&command.output().unwrap())
    };
    assert_eq!(list(&[]).lines().count(), 8, "the same run of two folders is one");
    let best = list(&["--best", "--csv"]);
    let lowest = |size: &str| {
        let of_size = expected.iter().filter(|(name, _)| name.starts_with(size));
        of_size.map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min)
    };
    let rows: Vec<&str> = best.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{best}");
    for (row, size) in rows.iter().zip(["smoke-transformer-tiny", "smoke-lstm-small"]) {
        assert!(row.starts_with(size) && row.contains(&format!(",{},", lowest(size))), "{best}");
    }
}

#[test]
fn a_dry_run_says_what_each_run_takes_and_bad_input_what_is_wrong() {
    let preset = preset("sweep-dry", "");
    let text = ended_well(&sweep(&preset, &["--dry-run"]).output().unwrap());
    assert!(
        text.contains("8 runs of 8, 0 exist") && text.contains("smoke-lstm-small-learning_rate-8e-3-seed-2 "),
        "{text}"
    );
    let error = |arguments: &[&str]| String::from_utf8(sweep(&preset, arguments).output().unwrap().stderr).unwrap();
    assert_eq!(error(&["--task", "8"]), "error: the sweep has the tasks 0 to 7, and no task 8\n");
    let without =
        Command::new(env!("CARGO_BIN_EXE_music-scaling")).args(["sweep", "smoke", "--status"]).output().unwrap();
    assert!(String::from_utf8_lossy(&without.stderr).contains("has no table [sweep]"), "{without:?}");
    let no_slurm = sweep(&preset, &["--slurm"]).env("PATH", "").output().unwrap();
    let said = String::from_utf8_lossy(&no_slurm.stderr).into_owned();
    assert!(said.contains("there is no Slurm here") && said.contains("--jobs N"), "{said}");
}

/// Needs a Slurm that answers, such as one of a single machine.
#[test]
fn an_array_of_slurm_gives_the_same_bits_though_two_tasks_were_requeued() {
    let answers = Command::new("sinfo").arg("--noheader").output().is_ok_and(|output| output.status.success());
    if !answers {
        eprintln!("skipped: no Slurm answers here");
        return;
    }
    let slurm = "[sweep.slurm]\nmem = \"500M\"\nexport = \"ALL\"\n";
    let (sequential, array) = (preset("sweep-slurm-sequential", ""), preset("sweep-slurm", slurm));
    ended_well(&sweep(&sequential, &[]).output().unwrap());
    let expected = losses(&sequential);
    let said = ended_well(&sweep(&array, &["--slurm"]).output().unwrap());
    let job = said.split("Submitted batch job ").nth(1).and_then(|rest| rest.split(':').next()).unwrap().to_string();
    for task in [0, 5] {
        let metrics = runs_folder(&array).join(&expected[task].0).join("metrics.jsonl");
        for _ in 0..3000 {
            if std::fs::metadata(&metrics).is_ok_and(|file| file.len() > 0) {
                break;
            }
            sleep(Duration::from_millis(20));
        }
        let _ = Command::new("scontrol").args(["requeue", &format!("{job}_{task}")]).status(); // one that is done by now stays done
    }
    for _ in 0..3000 {
        if losses(&array).iter().all(|(_, loss)| loss.is_finite()) {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert_eq!(losses(&array), expected);
}
