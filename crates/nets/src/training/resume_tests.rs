//! Claims about resuming: however a run is interrupted, its end is the same, bit for bit.

use super::batches::random_for;
use super::checkpoint;
use super::device::with_threads;
use super::stand_in_tests::{config, data, folder, lstm, quiet_runs, transformer};
use super::trainer::Trainer;
use super::{Decay, Run, RunConfig, Summary, TrainOptions, stop_on_ctrl_c};
use crate::TokenData;
use crate::files::{read_bytes, read_text, write_json};
use rand::Rng;
use safetensors::SafeTensors;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// All that must not depend on interruptions: the bits of all weights and moments, and the metrics without times and memory.
fn record(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".safetensors"));
    names.sort();
    let mut record = Vec::new();
    for file in names {
        let bytes = read_bytes(dir.join(&file)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors = tensors.tensors();
        tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
        record.extend(tensors.iter().map(|(name, view)| (format!("{file} {name}"), view.data().to_vec())));
    }
    let metrics = read_text(dir.join("metrics.jsonl")).unwrap();
    for line in metrics.lines() {
        let untimed = line.split(",\"tokens_per_s\"").next().unwrap();
        record.push((untimed.to_string(), Vec::new()));
    }
    record
}

fn assert_same(one: &[(String, Vec<u8>)], other: &[(String, Vec<u8>)]) {
    let names = |record: &[(String, Vec<u8>)]| record.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for ((name, a), (_, b)) in one.iter().zip(other) {
        assert!(a == b, "{name} differs");
    }
}

/// Opens the run's folder and takes `steps` steps, then forgets everything, as a kill does.
fn train_and_drop(dir: &Path, config: &RunConfig, data: &TokenData, steps: usize) {
    fs::create_dir_all(dir).unwrap();
    write_json(dir.join("config.json"), config).unwrap();
    let options = TrainOptions { quiet: true, ..TrainOptions::default() };
    let work = || {
        let mut trainer = Trainer::open(config, data, dir, &options)?;
        (0..steps).try_for_each(|_| trainer.advance())
    };
    with_threads(Some(2), work).unwrap();
}

#[test]
fn a_run_killed_again_and_again_ends_with_the_bits_of_an_undisturbed_one() {
    for (name, model) in [("t", transformer()), ("l", lstm())] {
        let (base, data) = (folder(), data());
        let config = config(name, model);
        quiet_runs(&base.join("straight")).get_or_train(&config, &data).unwrap();
        let straight = record(&base.join("straight").join(name));
        assert_eq!(straight.iter().filter(|(name, _)| name.starts_with("step_")).count() % 5, 0);
        let killed = base.join("killed").join(name);
        for steps in [3, 9, 8, 1, 12, 10, 2] {
            train_and_drop(&killed, &config, &data, steps); // checkpoints at 8, 10, 16, 20, 24, 30, 32, 40
            let torn = fs::File::options().append(true).open(killed.join("metrics.jsonl"));
            std::io::Write::write_all(&mut torn.unwrap(), b"{\"step\":99,\"to").unwrap();
        }
        let run = quiet_runs(&base.join("killed")).get_or_train(&config, &data).unwrap();
        assert_same(&straight, &record(&killed));
        assert!(run.summary.finished);
        assert_eq!((run.metrics.len(), run.val_curve().len(), run.checkpoints().unwrap().len()), (40, 4, 5));
    }
}

#[test]
fn a_run_stopped_by_its_file_or_its_budget_goes_on_exactly() {
    let (base, data, config) = (folder(), data(), config("s", transformer()));
    quiet_runs(&base.join("straight")).get_or_train(&config, &data).unwrap();
    let mut stopped = quiet_runs(&base.join("stopped"));
    stopped.options.time_budget = Some(Duration::ZERO); // each call takes one step
    for step in 1..=5 {
        let run = stopped.get_or_train(&config, &data).unwrap();
        assert!(!run.summary.finished && stopped.find(&config).unwrap().is_none());
        assert_eq!(run.summary.n_steps, step);
    }
    stopped.options.time_budget = None;
    let stop_file = stopped.dir.join("s").join("STOP");
    let (hook_file, calls) = (stop_file.clone(), std::sync::atomic::AtomicUsize::new(0));
    stopped.options.live = Some(std::sync::Arc::new(move |live: &Run| {
        assert_eq!((live.summary.n_steps, live.config.n_steps(), live.metrics.len()), (6, 40, 6));
        if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            fs::write(&hook_file, "").unwrap();
        }
    }));
    assert_eq!(stopped.get_or_train(&config, &data).unwrap().summary.n_steps, 6, "the hook comes after the first step");
    assert!(!stop_file.exists(), "an obeyed STOP is taken away");
    stopped.options.live = None;
    assert!(stopped.get_or_train(&config, &data).unwrap().summary.finished);
    assert_same(&record(&base.join("straight").join("s")), &record(&base.join("stopped").join("s")));
}

#[test]
fn a_longer_run_begins_where_a_shorter_ones_cool_down_began_and_ends_with_the_bits_that_it_has_alone() {
    for (name, model) in [("t", transformer()), ("l", lstm())] {
        let (base, data) = (folder(), data());
        let short = RunConfig { decay: Decay::CoolDown { share: 0.25 }, ..config(name, model) }; // constant for steps 5 … 30
        let long = RunConfig { name: "long".into(), decay: Decay::CoolDown { share: 0.5 }, ..short.clone() };
        let long = long.for_budget(80 * 64); // 5 … 40
        assert_eq!((long.warmup_fraction, short.trunk_hash()), (0.05, long.trunk_hash()));
        let (alone, both) = (quiet_runs(&base.join("alone")), quiet_runs(&base.join("both")));
        let expected = alone.get_or_train(&long, &data).unwrap();
        both.get_or_train(&short, &data).unwrap();
        train_and_drop(&both.dir.join("cosine"), &RunConfig { decay: Decay::Cosine, ..short.clone() }, &data, 8); // not shared
        let run = both.get_or_train(&long, &data).unwrap();
        let weights =
            |run: &Run| record(&run.dir).into_iter().filter(|(name, _)| name.starts_with("state")).collect::<Vec<_>>();
        assert_same(&weights(&expected), &weights(&run));
        assert_eq!(run.metrics[..30].iter().map(|line| line.step).collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
        assert_eq!(
            run.metrics[29].val_loss,
            both.get(name).unwrap().metrics[29].val_loss,
            "the lines of the shorter run"
        );
        assert_eq!(
            (run.summary.n_tokens, run.summary.val_loss),
            (expected.summary.n_tokens, expected.summary.val_loss)
        );
        assert!(run.summary.best_step > 30 && run.best_model().is_ok());
        // A shorter one cannot begin after its own constant part: it is trained from its first step.
        let shorter = both.get_or_train(&RunConfig { name: "s".into(), ..short.for_budget(24 * 64) }, &data).unwrap();
        assert_eq!((shorter.summary.n_steps, shorter.val_curve().len()), (24, 4));
    }
}

#[test]
fn a_run_whose_patience_ends_is_finished_and_a_kill_changes_nothing() {
    let (base, data) = (folder(), data());
    let still = RunConfig { learning_rate: 0.0, min_learning_rate: 0.0, ..config("p", lstm()) }; // never better than at first
    let config = RunConfig { patience: Some(2), ..still }; // validated after steps 10, 20, 30 and 40
    let run = quiet_runs(&base.join("straight")).get_or_train(&config, &data).unwrap();
    let Summary { finished, n_steps, n_tokens, best_step, .. } = run.summary;
    assert_eq!((finished, n_steps, n_tokens, best_step), (true, 30, 30 * 64, 10));
    assert!(run.best_model().is_ok() && run.to_string().ends_with("(its patience ended)"), "{run}");
    let killed = quiet_runs(&base.join("killed"));
    train_and_drop(&killed.dir.join("p"), &config, &data, 30); // killed before it could write its summary
    assert_eq!(killed.get_or_train(&config, &data).unwrap().summary.n_steps, 30);
    assert_same(&record(&run.dir), &record(&killed.dir.join("p")));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_error_says_what_to_do() {
    let (base, data, config) = (folder(), data(), config("d", lstm()));
    let path = base.join("d/state.safetensors");
    train_and_drop(&base.join("d"), &config, &data, 9); // one checkpoint, at 8
    let whole = read_bytes(&path).unwrap();
    for length in [0, 5, 200, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = quiet_runs(&base).get_or_train(&config, &data).unwrap_err().to_string();
        assert!(error.contains("d/state.safetensors is cut off or damaged"), "{length}: {error}");
        assert!(error.ends_with("remove the folder to train this run again"), "{error}");
    }
}

const CHILD_DIR: &str = "MUSIC_SCALING_TEST_CHILD_DIR";

/// Long enough to be ended in the middle, with a checkpoint every ten steps and a metrics line every other.
fn long_config() -> RunConfig {
    RunConfig { n_tokens: 400 * 64, n_evals: 40, ..config("k", transformer()) }
}

#[test]
#[ignore = "the process that the next tests start and end"]
fn trains_until_it_is_ended() {
    if let Ok(dir) = std::env::var(CHILD_DIR) {
        stop_on_ctrl_c();
        quiet_runs(Path::new(&dir)).get_or_train(&long_config(), &data()).unwrap();
    }
}

/// Trains in another process until metrics.jsonl has `n_lines` lines, then sends it `signal`.
#[cfg(unix)]
fn train_apart_until(n_lines: usize, signal: &str, dir: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "training::resume_tests::trains_until_it_is_ended"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = || fs::read(dir.join("k/metrics.jsonl")).map_or(0, |text| text.iter().filter(|&&c| c == b'\n').count());
    while lines() < n_lines && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
    assert!(sent.is_ok());
    child.wait().unwrap();
}

#[test]
#[cfg(unix)]
fn a_process_killed_at_ten_random_moments_leaves_a_run_that_ends_with_the_same_bits() {
    let (base, data) = (folder(), data());
    quiet_runs(&base.join("straight")).get_or_train(&long_config(), &data).unwrap();
    let dir = base.join("killed");
    for kill in 0..10 {
        let moment = 18 * kill + random_for(7, "kill", kill as u64).random_range(1..18); // of 200 lines
        train_apart_until(moment, "-KILL", &dir);
    }
    let run = quiet_runs(&dir).get_or_train(&long_config(), &data).unwrap();
    assert!(run.summary.finished);
    assert_same(&record(&base.join("straight").join("k")), &record(&dir.join("k")));
    let names = fs::read_dir(dir.join("k")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<String> = names.filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, [""; 0], "half-written files are swept away, and the lock is gone with its holder");
}

#[test]
#[cfg(unix)]
fn ctrl_c_and_sigterm_leave_a_checkpoint_of_the_last_step_and_the_run_goes_on_exactly() {
    let (base, data) = (folder(), data());
    quiet_runs(&base.join("straight")).get_or_train(&long_config(), &data).unwrap();
    for signal in ["-INT", "-TERM"] {
        let dir = base.join(signal);
        train_apart_until(7, signal, &dir);
        let lines = read_text(dir.join("k/metrics.jsonl")).unwrap().lines().count();
        let step = checkpoint::load(&dir.join("k"), &long_config()).unwrap().unwrap().state.step;
        assert!((7..200).contains(&lines) && step / 2 == lines, "{lines} lines, a checkpoint at {step}");
        assert!(quiet_runs(&dir).get_or_train(&long_config(), &data).unwrap().summary.finished);
        assert_same(&record(&base.join("straight").join("k")), &record(&dir.join("k")));
    }
}
