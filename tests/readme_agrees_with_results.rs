//! The README's numbers are those of the committed study: each is looked up in `data/results/laptop`.

use music_scaling::figures::human;
use music_scaling::study::{RunRecord, read_records};
use serde_json::Value;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

fn results() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("data/results/laptop/results.json")).unwrap()).unwrap()
}

/// 1234567 → 1,234,567
fn with_commas(n: f64) -> String {
    let digits = format!("{n:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// The row of a run as the README has it.
fn row(label: &str, run: &RunRecord) -> String {
    let summary = &run.summary;
    let loss = if run.config.name.ends_with("-longer") { summary.best_val_loss } else { summary.val_loss };
    format!(
        "| {label} | {} | {} | {loss:.4} | {:.0} s | {} |",
        with_commas(summary.n_params as f64),
        human(summary.n_tokens as f64),
        summary.elapsed_s,
        with_commas(summary.tokens_per_s)
    )
}

#[test]
fn the_table_of_models_is_that_of_the_runs() {
    let runs = read_records(&root().join("data/results/laptop/runs.jsonl")).unwrap();
    let (readme, mut n_rows) = (readme(), 0);
    for line in readme.lines().filter(|line| line.starts_with("| Transformer ") || line.starts_with("| LSTM ")) {
        let label = line.split('|').nth(1).unwrap().trim();
        let (size, longer) = label.split_once(',').map_or((label, ""), |(size, _)| (size, "-longer")); // "…, five epochs"
        let name = format!("laptop-{}{longer}", size.to_lowercase().replace(' ', "-"));
        let run = runs.iter().find(|run| run.config.name == name).unwrap_or_else(|| panic!("no run {name}"));
        assert_eq!(line, row(label, run));
        n_rows += 1;
    }
    let extra = |run: &&RunRecord| ["-seed", "-isoflop-"].iter().any(|part| run.config.name.contains(part));
    assert_eq!(n_rows, runs.len() - runs.iter().filter(extra).count(), "both ladders and the longer runs, all of them");
}

#[test]
fn the_sentences_quote_the_results() {
    let results = results();
    let number = |path: &str| results.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path}"));
    let best = results["training_history"]["run"].as_str().unwrap();
    let runs = read_records(&root().join("data/results/laptop/runs.jsonl")).unwrap();
    let hash = runs.iter().find(|run| run.config.name == best).map(|run| run.config.hash()).unwrap();
    let tested = &results[format!("test/{hash}")];
    let of_test = |field: &str| tested[field].as_f64().unwrap();
    let rate = |name: &str| results["generation/rates"][name]["passed"].as_u64().unwrap();
    let order = number("/baselines~1ngram/order");
    let sentences = [
        format!(
            "| {order}-gram (Witten-Bell) | | {} | {:.4} |",
            human(number("/baselines~1ngram/n_tokens")),
            number("/baselines~1ngram/val_loss")
        ),
        format!("tested once on {} characters of held-out tunes", with_commas(of_test("n_test_tokens"))),
        format!("loss {:.4} (validation {:.4})", of_test("test_loss"), of_test("val_loss")),
        format!("perplexity {:.2}, {:.2} bits per character", of_test("perplexity"), of_test("bits_per_char")),
        format!("the {order}-gram needs {:.2}", number("/test~1ngram/bits_per_char")),
        format!("{} parse strictly, {} convert to MIDI", rate("valid"), rate("convertible")),
        format!("in {} all bars add up", rate("bars_add_up")),
        format!("{:+.4} nats", number("/prediction~1outcome/error")),
    ];
    let readme: Vec<String> = readme().split_whitespace().map(str::to_owned).collect();
    let readme = readme.join(" ");
    for sentence in sentences {
        assert!(readme.contains(&sentence), "the README does not say {sentence:?}");
    }
}
