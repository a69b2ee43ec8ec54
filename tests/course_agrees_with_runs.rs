//! docs/course.md's table is that of the runs in data/results/course, and its rates are within one step of the best that was swept.

use music_scaling::study::{RunRecord, read_records};
use std::collections::BTreeMap;
use std::path::Path;

fn records(file: &str) -> Vec<RunRecord> {
    read_records(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/results/course").join(file)).unwrap()
}

/// 1234567 → 1,234,567
fn with_commas(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn the_table_is_that_of_the_runs() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/course.md")).unwrap();
    let runs = records("runs.jsonl");
    for run in &runs {
        let RunRecord { config, summary, .. } = run;
        let (n_params, rate, loss) = (with_commas(summary.n_params), config.learning_rate, summary.val_loss);
        let row = format!("| {} | {n_params} | {rate:.1e} | {loss:.4} |", config.name);
        assert!(page.lines().any(|line| line.starts_with(&row)), "docs/course.md has no row {row}");
        assert_eq!((config.n_tokens, config.data_hash.as_str()), (2_315_994, "652efa55fbeabb0e"), "{}", config.name);
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| b-")).count(), runs.len());
}

#[test]
fn rates_are_within_a_factor_of_two_of_the_best_that_was_swept() {
    let mut best: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for RunRecord { config, summary, .. } in records("rates.jsonl") {
        let size = config.name.split("-rate-").next().unwrap().to_string();
        let found = best.entry(size).or_insert((f64::NAN, f64::INFINITY));
        if summary.val_loss < found.1 {
            *found = (config.learning_rate, summary.val_loss);
        }
    }
    assert_eq!(best.len(), 4);
    let runs = records("runs.jsonl");
    for (size, (rate, _)) in best {
        let used = runs.iter().find(|run| run.config.name == size).unwrap().config.learning_rate;
        assert!((0.5..=2.0).contains(&(used / rate)), "{size}: {used:e} where {rate:e} was best");
    }
}
