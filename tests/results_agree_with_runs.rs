//! The committed results follow from the committed runs: every number of `results.json` that a fit, a comparison or a subtraction
//! made is computed again from `runs.jsonl` and compared. `RENEW=1 cargo test --test results_agree_with_runs` writes it again.

use music_scaling::data::SourceEntropy;
use music_scaling::files::{read_json, write_json};
use music_scaling::fitting::{Law, published_fits};
use music_scaling::models::Family;
use music_scaling::study::{
    Axis, Budgets, Families, Floor, Prediction, Preset, Results, RunRecord, points, read_records,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

struct Committed {
    folder: PathBuf,
    preset: Preset,
    recorded: Results,
    prediction: Prediction,
    runs: Vec<RunRecord>,
}

fn committed(name: &str) -> Committed {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/results").join(name);
    let (_, preset) = Preset::load(name).unwrap();
    let recorded = read_json(folder.join("results.json"), "see above").unwrap();
    let prediction = read_json(folder.join("prediction.json"), "see above").unwrap();
    let runs = read_records(&folder.join("runs.jsonl")).unwrap();
    Committed { folder, preset, recorded, prediction, runs }
}

impl Committed {
    fn named<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<RunRecord> {
        let find = |name: &String| self.runs.iter().find(|run| run.config.name == *name).cloned();
        names.map(|name| find(name).unwrap_or_else(|| panic!("runs.jsonl lacks {name}"))).collect()
    }

    fn floors(&self, ladder: &[RunRecord]) -> Vec<Floor> {
        let is_shorter = |run: &&RunRecord| {
            let is_of = |size: &RunRecord| {
                self.preset.shorter.iter().any(|share| run.config.name == format!("{}-{share}x", size.config.name))
            };
            ladder.iter().any(is_of)
        };
        Floor::all(ladder, &self.runs.iter().filter(is_shorter).cloned().collect::<Vec<_>>()).unwrap()
    }

    /// The results as the runs give them; what was measured on models, texts or generated tunes stays.
    fn recompute(&self) -> Results {
        let recorded = &self.recorded;
        let of = |losses: &[(String, f64)]| self.named(losses.iter().map(|(name, _)| name));
        let families = Families {
            transformers: of(&recorded.transformers),
            lstms: of(&recorded.lstms),
            music: None,
            seed: self.preset.seed,
        };
        let laws = recorded.laws.as_ref().unwrap();
        let budgets = Budgets { runs: self.named(laws.isoflop_runs.iter()), n_unique_tokens: laws.n_unique_tokens };
        let largest = self.named(std::iter::once(&self.prediction.model)).remove(0);
        let outcome = self.prediction.compare(largest.summary.val_loss, largest.config.name);
        let losses = |runs: &[RunRecord]| runs.iter().map(RunRecord::name_and_loss).collect();
        let best_loss = |run: RunRecord| (run.config.name, run.summary.best_val_loss);
        Results {
            outcome: Some(outcome),
            lstm_minus_transformer: gaps(&families),
            transformers: losses(&families.transformers),
            lstms: losses(&families.lstms),
            laws: Some(budgets.results(&families)),
            reproduced: published_fits().iter().map(|fit| (fit.name.into(), fit.check().unwrap().holds())).collect(),
            exponents: json!(families.museum(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()),
            source: recorded.source.map(|source| SourceEntropy::new(source.entropy, source.chars_per_tune)),
            floors: match recorded.source {
                Some(_) => Family::ALL.iter().flat_map(|family| self.floors(families.of(*family))).collect(),
                None => Vec::new(),
            },
            longer: of(&recorded.longer).into_iter().map(best_loss).collect(),
            ..recorded.clone()
        }
    }
}

/// LSTM minus the Transformers' loss at its size, read off a straight line in ln N; without repeats from other seeds.
fn gaps(families: &Families) -> Vec<(f64, f64)> {
    let ladder = |family| {
        let runs = families.of(family).iter().filter(|run| run.config.seed == families.seed);
        points(&runs.cloned().collect::<Vec<_>>(), Axis::Params)
    };
    let curve = ladder(Family::Transformer);
    let at = |n: f64| -> Option<f64> {
        let inside = n.clamp(curve[0].n_params, curve[curve.len() - 1].n_params);
        if (n / inside).ln().abs() > 0.1 {
            return None;
        }
        let pair = curve.windows(2).find(|pair| inside <= pair[1].n_params)?;
        let share = (inside / pair[0].n_params).ln() / (pair[1].n_params / pair[0].n_params).ln();
        Some(pair[0].val_loss + share * (pair[1].val_loss - pair[0].val_loss))
    };
    ladder(Family::Lstm).iter().filter_map(|lstm| Some((lstm.n_params, lstm.val_loss - at(lstm.n_params)?))).collect()
}

/// Where a recorded value differs from the one computed again.
fn differences(place: &str, recorded: &Value, again: &Value, found: &mut Vec<String>) {
    match (recorded, again) {
        (Value::Object(recorded), Value::Object(again)) if recorded.keys().eq(again.keys()) => {
            recorded.iter().for_each(|(key, value)| differences(&format!("{place}.{key}"), value, &again[key], found));
        }
        (Value::Array(recorded), Value::Array(again)) if recorded.len() == again.len() => {
            for (index, (recorded, again)) in recorded.iter().zip(again).enumerate() {
                differences(&format!("{place}[{index}]"), recorded, again, found);
            }
        }
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            if (x - y).abs() > 1e-9 + 1e-5 * x.abs().max(y.abs()) {
                found.push(format!("{place} is recorded as {x}, the runs give {y}"));
            }
        }
        (recorded, again) if recorded != again => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            found.push(format!("{place} is recorded as {}, the runs give {}", short(recorded), short(again)));
        }
        _ => {}
    }
}

#[test]
fn every_derived_number_follows_from_the_runs() {
    for name in ["laptop", "composed"] {
        let committed = committed(name);
        let (again, mut found) = (committed.recompute(), Vec::new());
        differences("", &json!(committed.recorded), &json!(again), &mut found);
        if !found.is_empty() && std::env::var_os("RENEW").is_some() {
            write_json(committed.folder.join("results.json"), &again).unwrap();
        } else {
            let advice = "RENEW=1 cargo test --test results_agree_with_runs writes it again";
            assert!(found.is_empty(), "{name}/results.json: {advice}\n{}", found.join("\n"));
        }
    }
}

#[test]
fn the_written_prediction_follows_from_the_smaller_runs() {
    for name in ["laptop", "composed"] {
        let Committed { prediction: written, runs, .. } = committed(name);
        let by_hash = |hash: &String| runs.iter().find(|run| run.config.hash() == *hash);
        let used: Vec<RunRecord> = written.runs.iter().filter_map(by_hash).cloned().collect();
        assert_eq!(points(&used, Axis::Params), written.points, "{name}: the points are not those of the runs");
        let law = Law::Power.fit(&written.points).unwrap();
        assert!((law.predict(written.n_params) - written.predicted).abs() < 1e-9 * written.predicted);
        assert!(!written.void && (written.compare(1.0, "any".into()).error - (1.0 - written.predicted)).abs() < 1e-12);
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
