//! The README's numbers are those of the committed study: each is looked up in `data/results/laptop`; those of docs/course.md in
//! `data/results/course`.

use music_scaling::figures::human;
use music_scaling::files::read_json;
use music_scaling::study::Start;
use music_scaling::study::{Results, RunRecord, read_records};
use std::collections::BTreeMap;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
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
    let results: Results = read_json(root().join("data/results/laptop/results.json"), "see above").unwrap();
    let tested = results.test.values().find(|tested| Some(&tested.run) == results.best_run.as_ref()).unwrap();
    let ngram = results.baselines.ngram.unwrap();
    let test_ngram = results.test_ngram.unwrap();
    let generation = results.generation;
    let passing = |writer: &str| {
        let mut judged = generation.judged.iter().chain(&generation.people);
        let one = judged.find(|one| one.writer == writer && one.start != Some(Start::Nothing)).unwrap();
        one.rates.passes_all
    };
    let gain = |run: &str| generation.induction.iter().find(|one| one.run == run).unwrap().gain();
    let best = tested.run.as_str();
    let sentences = [
        format!("| {}-gram (Witten-Bell) | | {} | {:.4} |", ngram.order, human(ngram.n_tokens as f64), ngram.val_loss),
        format!("tested once on {} characters of held-out tunes", with_commas(tested.n_test_tokens as f64)),
        format!("loss {:.4} (validation {:.4})", tested.test_loss, tested.val_loss),
        format!("perplexity {:.2}, {:.2} bits per character", tested.perplexity, tested.bits_per_char),
        format!("the {} needs {:.2}", test_ngram.run, test_ngram.bits_per_char),
        format!(
            "Of {} tunes that it writes from a header {:.0} % pass every rung of the ladder, of people's held-out tunes {:.0} %",
            passing(best).n,
            100.0 * passing(best).rate,
            100.0 * passing("people").rate
        ),
        format!(
            "the largest LSTM, whose loss is higher, passes in {:.0} %",
            100.0 * passing("laptop-lstm-xl-longer").rate
        ),
        format!("worth {:.2} nats a character to the best Transformer", gain(best)),
        format!("{:+.4} nats", results.outcome.unwrap().error),
    ];
    let readme: Vec<String> = readme().split_whitespace().map(str::to_owned).collect();
    let readme = readme.join(" ");
    for sentence in sentences {
        assert!(readme.contains(&sentence), "the README does not say {sentence:?}");
    }
}

#[test]
fn the_table_of_the_recipe_is_that_of_its_runs() {
    let runs = read_records(&root().join("data/results/recipe/runs.jsonl")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/recipe.md")).unwrap();
    let mut n_runs = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let name = line.split('`').nth(1).unwrap();
        let of_size = |run: &&RunRecord| run.config.name.split("-seed").next() == Some(name);
        let losses: Vec<f64> = runs.iter().filter(of_size).map(|run| run.summary.val_loss).collect();
        let listed: Vec<String> = losses.iter().map(|loss| format!("{loss:.4}")).collect();
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        assert_eq!(line, format!("| `{name}` | {} | {mean:.4} |", listed.join(", ")));
        n_runs += losses.len();
    }
    assert_eq!(n_runs, runs.len(), "every run is in the table");
}

fn of_course(file: &str) -> Vec<RunRecord> {
    read_records(&root().join("data/results/course").join(file)).unwrap()
}

#[test]
fn the_courses_table_is_that_of_its_runs() {
    let page = std::fs::read_to_string(root().join("docs/course.md")).unwrap();
    let runs = of_course("runs.jsonl");
    for run in &runs {
        let RunRecord { config, summary, .. } = run;
        let (n_params, rate, loss) = (with_commas(summary.n_params as f64), config.learning_rate, summary.val_loss);
        let row = format!("| {} | {n_params} | {rate:.1e} | {loss:.4} |", config.name);
        assert!(page.lines().any(|line| line.starts_with(&row)), "docs/course.md has no row {row}");
        assert_eq!((config.n_tokens, config.data_hash.as_str()), (2_315_994, "652efa55fbeabb0e"), "{}", config.name);
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| b-")).count(), runs.len());
}

#[test]
fn the_courses_rates_are_within_a_factor_of_two_of_the_best_that_was_swept() {
    let mut best: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for RunRecord { config, summary, .. } in of_course("rates.jsonl") {
        let size = config.name.split("-rate-").next().unwrap().to_string();
        let found = best.entry(size).or_insert((f64::NAN, f64::INFINITY));
        if summary.val_loss < found.1 {
            *found = (config.learning_rate, summary.val_loss);
        }
    }
    assert_eq!(best.len(), 6);
    let runs = of_course("runs.jsonl");
    for (size, (rate, _)) in best {
        let used = runs.iter().find(|run| run.config.name == size).unwrap().config.learning_rate;
        assert!((0.5..=2.0).contains(&(used / rate)), "{size}: {used:e} where {rate:e} was best");
    }
}
