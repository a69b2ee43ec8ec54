//! The committed results follow from the committed runs: every number of `results.json` that a fit, a comparison or a subtraction
//! made is computed again from `runs.jsonl`. What was measured on models or texts is listed by name; anything else fails.

use music_scaling::data::composed;
use music_scaling::fitting::{Law, published_fits};
use music_scaling::models::Family;
use music_scaling::study::{
    Axis, Budgets, Families, Floor, KnownSource, Outcome, Prediction, Preset, RunRecord, points, read_records,
};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Measured on models, texts or generated tunes, which are not in the repository: these cannot be computed from `runs.jsonl`.
const MEASURED: [&str; 10] = [
    "baselines/",
    "data/",
    "generation/",
    "test/",
    "tokens/",
    "by_position",
    "lstms/gradient_horizon",
    "models/",
    "prediction/lstm", // a prediction in words and round numbers, made before training
    "study",
];

struct Results {
    name: String,
    preset: Preset,
    folder: PathBuf,
    recorded: Map<String, Value>,
    runs: Vec<RunRecord>,
}

fn committed() -> Vec<Results> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/results");
    let Ok(folders) = std::fs::read_dir(&root) else { return Vec::new() };
    let open = |folder: PathBuf| {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(folder.join("results.json")).ok()?;
        let (_, preset) = Preset::load(&name).ok()?;
        let recorded = serde_json::from_str(&text).unwrap();
        let runs = read_records(&folder.join("runs.jsonl")).unwrap();
        Some(Results { name, preset, recorded, runs, folder })
    };
    folders.filter_map(|entry| open(entry.ok()?.path())).collect()
}

impl Results {
    /// The runs that the report was made from: as listed, else those named after the ladder's sizes.
    fn of(&self, family: Family) -> Vec<RunRecord> {
        let key = if family == Family::Transformer { "runs/transformer" } else { "runs/lstm" };
        let listed: Vec<String> = match self.recorded.get(key) {
            Some(names) => serde_json::from_value(names.clone()).unwrap(),
            None => self.preset.ladder(family, 67).into_iter().map(|size| size.name).collect(),
        };
        listed.iter().map(|name| self.run(name).clone()).collect()
    }

    fn run(&self, name: &str) -> &RunRecord {
        let found = self.runs.iter().find(|run| run.config.name == name);
        found.unwrap_or_else(|| panic!("{}: results.json needs the run {name}, which runs.jsonl lacks", self.name))
    }

    /// One run a size, without repeats from other seeds, smallest first.
    fn ladder_of(&self, family: Family) -> Vec<RunRecord> {
        let mut runs = self.of(family);
        runs.retain(|run| run.config.seed == self.preset.seed);
        runs
    }

    fn recompute(&self) -> Map<String, Value> {
        let families = Families {
            transformers: self.of(Family::Transformer),
            lstms: self.of(Family::Lstm),
            seed: self.preset.seed,
        };
        let mut results = families.results().unwrap();
        let checks = published_fits().into_iter().map(|fit| (fit.name, fit.check().unwrap().holds()));
        results.insert("published/reproduced".into(), json!(checks.collect::<Vec<_>>()));
        results.insert("published/exponents".into(), exponents(&families));
        results.insert("lstms/loss_minus_transformer_at_equal_size".into(), json!(self.gaps()));
        results.extend(self.predictions());
        if let Some(source) = self.recorded.get("entropy/source") {
            let measured = source["chars_per_tune"].as_f64().unwrap(); // the corpus is not in the repository, the grammar is
            results.insert("entropy/source".into(), json!(KnownSource::new(composed::entropy(), measured)));
            results.insert("entropy/floors".into(), json!(Floor::of_both(&families, &[]).unwrap()));
        }
        if let Some(names) = self.recorded.get("runs/longer") {
            let names: Vec<String> = serde_json::from_value(names.clone()).unwrap();
            let losses = names.iter().map(|name| (name.clone(), self.run(name).summary.best_val_loss));
            results.insert("longer/val_loss".into(), json!(losses.collect::<Vec<_>>()));
            results.insert("runs/longer".into(), json!(names));
        }
        if let Some(history) = self.recorded.get("training_history") {
            let run = self.run(history["run"].as_str().unwrap());
            let best_step = run.summary.best_step;
            let history = json!({ "run": run.config.name, "val_curve": run.val_curve, "best_step": best_step });
            results.insert("training_history".into(), history);
        }
        if let Some(listed) = self.recorded.get("runs/isoflop") {
            let listed: Vec<String> = serde_json::from_value(listed.clone()).unwrap();
            let runs = listed.iter().map(|name| self.run(name).clone()).collect();
            let n_unique_tokens = self.recorded["budgets/n_unique_tokens"].as_u64().unwrap() as usize;
            results.extend(Budgets { runs, n_unique_tokens }.results(&families).unwrap());
        }
        for family in [Family::Transformer, Family::Lstm] {
            let names: Vec<String> = self.of(family).iter().map(|run| run.config.name.clone()).collect();
            results.insert(format!("runs/{}", family.to_string().to_lowercase()), json!(names));
        }
        results
    }

    /// LSTM minus the Transformers' loss at its size, read off a straight line in ln N.
    fn gaps(&self) -> Vec<(f64, f64)> {
        let curve = points(&self.ladder_of(Family::Transformer), Axis::Params);
        let at = |n: f64| -> Option<f64> {
            let inside = n.clamp(curve[0].n_params, curve[curve.len() - 1].n_params);
            if (n / inside).ln().abs() > 0.1 {
                return None;
            }
            let pair = curve.windows(2).find(|pair| inside <= pair[1].n_params)?;
            let share = (inside / pair[0].n_params).ln() / (pair[1].n_params / pair[0].n_params).ln();
            Some(pair[0].val_loss + share * (pair[1].val_loss - pair[0].val_loss))
        };
        let lstms = points(&self.ladder_of(Family::Lstm), Axis::Params);
        lstms.iter().filter_map(|lstm| Some((lstm.n_params, lstm.val_loss - at(lstm.n_params)?))).collect()
    }

    /// The prediction of the largest Transformer and what became of it, in the forms that they are recorded in.
    fn predictions(&self) -> Map<String, Value> {
        let mut smaller = self.ladder_of(Family::Transformer);
        let largest = smaller.pop().unwrap();
        let from = points(&smaller, Axis::Params);
        let (law, log_law) = (Law::Power.fit(&from).unwrap(), Law::Log.fit(&from).unwrap());
        let (n, measured) = (largest.summary.n_params as f64, largest.summary.val_loss);
        let (predicted, log_law, interval) = (law.predict(n), log_law.predict(n), law.prediction_interval(n));
        let inside = interval.map(|interval| interval.contains(measured));
        let (error, log_law_error) = (measured - predicted, measured - log_law);
        let gain = smaller.iter().map(|run| run.summary.val_loss).fold(f64::INFINITY, f64::min) - measured;
        let runs: Vec<String> = smaller.iter().map(|run| run.config.hash()).collect();
        let (name, hash) = (&largest.config.name, largest.config.hash());
        let prediction = json!({
            "model": name, "model_hash": hash, "n_params": n, "law": "a·N^-alpha + c", "predicted": predicted,
            "interval": interval, "log_law": log_law, "points": from, "runs": runs,
            "unix_seconds": ANY, "written_at": ANY, "largest_trained_already": false,
        });
        let outcome = json!({
            "measured": measured, "error": error, "log_law_error": log_law_error, "inside": inside,
            "gain_of_last_step": gain, "prediction": prediction, "run": ANY,
        });
        [
            ("prediction/transformer-largest", prediction),
            ("prediction/transformer-largest/outcome", outcome.clone()),
            ("prediction/outcome", outcome),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into_iter()
        .collect()
    }
}

/// Stands for what cannot be known from the runs: a date.
const ANY: &str = "(any)";

fn exponents(families: &Families) -> Value {
    let fit = |family| Law::Power.fit(&families.points(family, Axis::Params)).unwrap();
    let mut all = vec![
        json!(("ours, Transformer", Family::Transformer, fit(Family::Transformer))),
        json!(("ours, LSTM", Family::Lstm, fit(Family::Lstm))),
    ];
    for published in published_fits() {
        let family = if published.name.ends_with("LSTM") { Family::Lstm } else { Family::Transformer };
        all.push(json!((published.name, family, Law::Power.fit(&published.points).unwrap())));
    }
    Value::Array(all)
}

/// Where a recorded value differs from the one computed again; a field that only the newer one has is no difference.
fn differences(place: &str, recorded: &Value, again: &Value, found: &mut Vec<String>) {
    match (recorded, again) {
        (_, Value::String(any)) if any == ANY => {}
        (Value::Object(recorded), Value::Object(again)) => {
            for (key, value) in recorded {
                let here = format!("{place}.{key}");
                match again.get(key) {
                    Some(again) => differences(&here, value, again, found),
                    None => found.push(format!("{here} is recorded but not recomputed")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(again)) if place == "scaling/sensitivity" => {
            for row in recorded {
                let same = again.iter().find(|it| it[0] == row[0] && it[1] == row[1]).unwrap_or(&Value::Null);
                differences(&format!("{place} {} {}", row[0], row[1]), &row[2], &same[2], found);
            }
        }
        (Value::Array(recorded), Value::Array(again)) => {
            if recorded.len() != again.len() {
                found.push(format!("{place} has {} entries, recomputed {}", recorded.len(), again.len()));
            }
            for (index, (recorded, again)) in recorded.iter().zip(again).enumerate() {
                differences(&format!("{place}[{index}]"), recorded, again, found);
            }
        }
        (Value::Number(recorded), Value::Number(again)) => {
            let (x, y) = (recorded.as_f64().unwrap(), again.as_f64().unwrap());
            if (x - y).abs() > 1e-9 + 1e-5 * x.abs().max(y.abs()) {
                found.push(format!("{place} is recorded as {x}, the runs give {y}"));
            }
        }
        (recorded, again) if recorded != again => {
            found.push(format!("{place} is recorded as {recorded}, the runs give {again}"))
        }
        _ => {}
    }
}

#[test]
fn every_derived_number_follows_from_the_runs() {
    for results in committed() {
        let (again, mut found, mut n_checked) = (results.recompute(), Vec::new(), 0);
        for (key, value) in &results.recorded {
            match again.get(key) {
                Some(again) => {
                    n_checked += 1;
                    differences(key, value, again, &mut found);
                }
                None if MEASURED.iter().any(|measured| key.starts_with(measured)) => {}
                None => found.push(format!("{key} is neither recomputed by this test nor listed as measured")),
            }
        }
        println!("{}: {n_checked} of {} entries recomputed", results.name, results.recorded.len());
        assert!(found.is_empty(), "{}/results.json:\n{}", results.name, found.join("\n"));
    }
}

#[test]
fn the_written_prediction_follows_from_the_smaller_runs() {
    for results in committed() {
        let Ok(text) = std::fs::read_to_string(results.folder.join("prediction.json")) else { continue };
        let written: Prediction = serde_json::from_str(&text).unwrap();
        let by_hash = |hash: &String| results.runs.iter().find(|run| run.config.hash() == *hash);
        let used: Vec<RunRecord> = written.runs.iter().filter_map(by_hash).cloned().collect();
        assert_eq!(
            points(&used, Axis::Params),
            written.points,
            "{}: the points are not those of the runs",
            results.name
        );
        let law = Law::Power.fit(&written.points).unwrap();
        let outcome: Outcome = written.compare(1.0, "any".into());
        assert!((law.predict(written.n_params) - written.predicted).abs() < 1e-9 * written.predicted);
        assert!((outcome.error - (1.0 - written.predicted)).abs() < 1e-12);
    }
}

#[test]
fn a_changed_number_is_found() {
    let (mut found, recorded) = (Vec::new(), json!({ "a": [1.0, { "b": 0.5 }], "c": "text" }));
    differences("x", &recorded, &recorded, &mut found);
    assert!(found.is_empty());
    differences("x", &recorded, &json!({ "a": [1.0, { "b": 0.50001 }], "c": "other" }), &mut found);
    assert_eq!(
        found,
        ["x.a[1].b is recorded as 0.5, the runs give 0.50001", "x.c is recorded as \"text\", the runs give \"other\""]
    );
}
