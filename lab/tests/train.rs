//! `train` in scripts: what stands on stdout, what ends it, and what its exit code says.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// The smoke study under another name with `changes` to its preset, and the folder that its data go to.
fn preset(name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    write_preset(&folder.join(format!("{name}.toml")), changes)
}

fn write_preset(path: &Path, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = include_str!("../../src/study/smoke.toml").to_string();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    std::fs::write(path, text).unwrap();
    path.to_path_buf()
}

fn train(preset: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
    command.arg("train").arg("--preset").arg(preset).args(arguments);
    command.env("MUSIC_SCALING_ROOT", concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.env("MUSIC_SCALING_DATA", preset.parent().unwrap());
    command
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

const SHORT: (&str, &str) = ("n_tokens = 60_000", "n_tokens = 5_000");

#[test]
fn json_says_which_run_it_is_of_and_stands_alone_on_stdout() {
    let preset = preset("train-json", &[SHORT]);
    let size = "smoke-transformer-tiny";
    let output = train(&preset, &["--size", size, "--json"]).output().unwrap();
    let [run] = &json_lines(&output)[..] else { panic!("{output:?}") };
    assert_eq!((run["run"].as_str(), run["family"].as_str()), (Some(size), Some("transformer")));
    assert_eq!((run["seed"].as_u64(), run["finished"].as_bool()), (Some(1337), Some(true)));
    assert!((run["learning_rate"].as_f64().unwrap() - 2e-3 * 128.0 / 12.0).abs() < 1e-12, "{run}");
    assert!(run["hash"].as_str().unwrap().len() == 16 && run["data_hash"].as_str().unwrap().len() == 16, "{run}");
    assert!(run["val_loss"].as_f64().unwrap() > 0.5, "{run}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("finished, val_loss"), "progress is on stderr");
}

#[test]
fn one_stop_file_stops_all_with_75_and_the_study_goes_on() {
    let path = preset("train-stop", &[("n_tokens = 60_000", "n_tokens = 6_000_000_000")]);
    let mut child = train(&path, &[]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let runs = path.with_file_name("studies").join("train-stop").join("runs");
    let first = runs.join("smoke-transformer-tiny");
    for _ in 0..3000 {
        if first.join("config.json").exists() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(1)); // a STOP file from before the training would be taken away
    std::fs::write(first.join("STOP"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let trained: Vec<_> = std::fs::read_dir(&runs).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(trained, ["smoke-transformer-tiny"], "neither the other sizes nor the other family were begun");
    let records = runs.with_file_name("results").join("runs.jsonl");
    assert_eq!(std::fs::read_to_string(&records).unwrap(), "", "no run is no line");
    write_preset(&path, &[SHORT]);
    assert!(train(&path, &["--size", "smoke-transformer-small"]).output().unwrap().status.success());
    assert_eq!(std::fs::read_to_string(&records).unwrap().lines().count(), 1);
}

#[test]
fn a_family_that_diverges_leaves_the_other_its_training_and_is_named_at_the_end() {
    let hot = ("transformer_learning_rate = { peak = 2e-3, at_width = 128 }", "transformer_learning_rate = 1e30");
    let preset = preset("train-diverges", &[SHORT, hot]);
    let output = train(&preset, &["--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let names: Vec<String> = json_lines(&output).iter().map(|run| run["run"].as_str().unwrap().to_string()).collect();
    assert_eq!(names, ["tiny", "small", "medium", "large"].map(|size| format!("smoke-lstm-{size}")));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("error: run smoke-transformer-tiny: the "), "{last}");
    assert!(last.contains("a preset calls it transformer_learning_rate"), "{last}");
}

#[test]
fn the_help_names_sizes_that_exist_and_explains_every_option() {
    let output = Command::new(env!("CARGO_BIN_EXE_music-scaling")).args(["train", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let laptop = include_str!("../../src/study/laptop.toml");
    let named = |word: &&str| word.starts_with("laptop-");
    let mut names = help.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(named).peekable();
    assert!(names.peek().is_some());
    names.for_each(|name| assert!(laptop.contains(&format!("\"{name}\"")), "there is no size {name}"));
    let bare = help.lines().filter(|line| line.trim_start().starts_with("--") && line.trim().split("  ").count() < 2);
    assert_eq!(bare.collect::<Vec<_>>(), [""; 0], "options without a word");
}
