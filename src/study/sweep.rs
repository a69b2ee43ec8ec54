//! `sweep`: the trainings that a preset's table `[sweep]` lists, each of them one task for this machine or for a cluster.
//!
//! ```toml
//! [sweep]
//! sizes = ["mine-s", "mine-m"]       # left out: all
//! learning_rate = [1e-3, 2e-3, 4e-3] # the peak, in both families and at every width
//! seed = [1, 2]
//! dropout = [0.0, 0.1]               # so any field of [training] but train_subset, which would change the data
//!
//! [sweep.slurm]                      # lines of the sbatch array, as they stand
//! time = "02:00:00"
//! gres = "gpu:1"
//! ```
//! Every size is trained with every combination. Tasks count the sizes from the smallest Transformer to the largest LSTM, then the
//! fields by name, the last one fastest. All runs stand in the study's folder `sweep`, one folder each.

use super::{Preset, Study};
use crate::models::{Family, Size};
use crate::training::{Run, RunConfig, Runs};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The table `[sweep]` of a preset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepTable {
    /// The sizes that are trained; empty: all.
    #[serde(default)]
    pub sizes: Vec<String>,
    /// Options of `sbatch`, by their long names.
    #[serde(default)]
    pub slurm: BTreeMap<String, String>,
    /// The fields and what each is set to.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Vec<Value>>,
}

/// What one task sets.
type Combination<'a> = Vec<(&'a str, &'a Value)>;

impl SweepTable {
    fn combinations(&self) -> Vec<Combination<'_>> {
        let mut all: Vec<Combination> = vec![Vec::new()];
        for (field, values) in &self.fields {
            let mut longer = Vec::with_capacity(all.len() * values.len());
            for before in &all {
                for value in values {
                    let mut combination = before.clone();
                    combination.push((field, value));
                    longer.push(combination);
                }
            }
            all = longer;
        }
        all
    }
}

impl Preset {
    /// What is wrong with the table `[sweep]`, in words.
    pub(super) fn check_sweep(&self) -> Result<(), String> {
        let Some(sweep) = &self.sweep else { return Ok(()) };
        if let Some((field, _)) = sweep.fields.iter().find(|(_, values)| values.is_empty()) {
            return Err(format!("sweep.{field} lists nothing"));
        }
        let mut known = self.transformer.iter().map(|size| &size.name).chain(self.lstm.iter().map(|size| &size.name));
        if let Some(name) = sweep.sizes.iter().find(|name| !known.clone().any(|known| known == *name)) {
            let names: Vec<&str> = known.by_ref().map(String::as_str).collect();
            return Err(format!("sweep.sizes names {name:?}, which is none of {}", names.join(", ")));
        }
        sweep.combinations().iter().try_for_each(|combination| self.with(combination).map(|_| ()))
    }

    /// This preset with some fields set.
    fn with(&self, combination: &Combination) -> Result<Preset, String> {
        let preset = Preset { sweep: None, ..self.clone() };
        let mut said = serde_json::to_value(&preset).map_err(|error| error.to_string())?;
        for &(field, value) in combination {
            match field {
                "seed" => said["seed"] = value.clone(),
                "learning_rate" => {
                    for family in ["transformer_learning_rate", "lstm_learning_rate"] {
                        said["training"][family] = json!({ "peak": value });
                    }
                }
                "train_subset" => return Err("sweep.train_subset would change the data; make a preset for each".into()),
                _ => {
                    for other in ["n_tokens", "n_epochs"].iter().filter(|_| matches!(field, "n_tokens" | "n_epochs")) {
                        said["training"][other] = Value::Null; // one of them says the budget
                    }
                    said["training"][field] = value.clone();
                }
            }
        }
        let preset: Preset = serde_json::from_value(said).map_err(|error| format!("sweep: {error}"))?;
        preset.check().map(|()| preset).map_err(|what| format!("sweep: {what}"))
    }
}

impl Study {
    /// The runs of the preset's sweep, a task each, in their order.
    ///
    /// # Errors
    /// The preset has no table `[sweep]`, or the corpus cannot be prepared.
    pub fn sweep_configs(&self) -> Result<Vec<RunConfig>> {
        let Some(sweep) = &self.preset.sweep else {
            let name = self.name();
            return Err(Error::Config(format!(
                "the preset of {name} has no table [sweep]; give it one, such as learning_rate = [1e-3, 2e-3]"
            )));
        };
        let (data, mut configs) = (self.data()?, Vec::new());
        let vocab_size = data.tokenizer.vocab_size();
        let ladders = |preset: &Preset| Family::ALL.map(|family| preset.ladder(family, vocab_size)).concat();
        for Size { name, .. } in ladders(&self.preset) {
            if !sweep.sizes.is_empty() && !sweep.sizes.contains(&name) {
                continue;
            }
            for combination in sweep.combinations() {
                let preset = self.preset.with(&combination).map_err(Error::Config)?;
                let of_preset = ladders(&preset); // a block_size has its own table of positions
                let Some(size) = of_preset.iter().find(|size| size.name == name) else { continue };
                let n_tokens = preset.training.budget(data.train.len());
                let config = preset.run_config(self.run_config(size, &data), size, n_tokens);
                let set = combination.iter().map(|(field, value)| format!("-{field}-{}", short(value)));
                let name = [name.clone()].into_iter().chain(set).collect();
                configs.push(RunConfig { name, ..config });
            }
        }
        Ok(configs)
    }

    /// Where they are.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn sweep_runs(&self) -> Result<Runs> {
        Ok(Runs::open(self.folder().join("sweep"))?) // apart, so that none of them stands in for a run of the ladder
    }

    /// Trains one task of the sweep; a half-done one goes on.
    ///
    /// # Errors
    /// There is no such task, or its training failed.
    pub fn train_sweep(&self, task: usize) -> Result<Run> {
        let configs = self.sweep_configs()?;
        let Some(config) = configs.get(task) else {
            let last = configs.len().saturating_sub(1);
            return Err(Error::Config(format!("the sweep has the tasks 0 to {last}, and no task {task}")));
        };
        Ok(self.sweep_runs()?.get_or_train(config, &*self.data()?)?)
    }
}

/// `2e-3`, `16`, `true`
fn short(value: &Value) -> String {
    match value.as_f64().filter(|_| !value.is_u64()) {
        Some(number) if number != 0.0 && number.abs() < 0.01 => format!("{number:e}"),
        _ => value.to_string().replace('"', ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ModelConfig;

    const PRESET: &str = include_str!("smoke.toml");

    fn with(sweep: &str) -> Result<Preset> {
        Preset::parse(&format!("{PRESET}\n[sweep]\n{sweep}"), "mine.toml")
    }

    #[test]
    fn every_combination_is_listed_once_the_last_field_fastest() {
        let preset = with("learning_rate = [1e-3, 2e-3]\nseed = [1, 2]\nn_tokens = [5000]").unwrap();
        let sweep = preset.sweep.clone().unwrap();
        let combinations = sweep.combinations();
        let said: Vec<String> = combinations
            .iter()
            .map(|combination| combination.iter().map(|(field, value)| format!("{field} {} ", short(value))).collect())
            .collect();
        let expected = [
            "1e-3 n_tokens 5000 seed 1",
            "1e-3 n_tokens 5000 seed 2",
            "2e-3 n_tokens 5000 seed 1",
            "2e-3 n_tokens 5000 seed 2",
        ];
        assert_eq!(said, expected.map(|text| format!("learning_rate {text} ")));
        let last = preset.with(&combinations[3]).unwrap();
        assert_eq!((last.seed, last.training.n_tokens, last.training.n_epochs), (2, Some(5000), None));
        assert_eq!(
            (last.training.transformer_learning_rate.at(7), last.training.lstm_learning_rate.at(99)),
            (2e-3, 2e-3)
        );
        assert_eq!(Preset { sweep: None, ..preset.clone() }.hash(), Preset::parse(PRESET, "smoke").unwrap().hash());
    }

    #[test]
    fn a_longer_block_has_a_model_that_sees_as_far() {
        let preset = with("block_size = [64, 512]").unwrap();
        let sweep = preset.sweep.clone().unwrap();
        for (combination, block_size) in sweep.combinations().iter().zip([64, 512]) {
            let of_block = preset.with(combination).unwrap();
            assert_eq!(of_block.training.block_size, block_size);
            for size in of_block.ladder(Family::Transformer, 40) {
                let ModelConfig::Transformer(model) = size.model else { panic!("{}", size.name) };
                assert_eq!(model.n_positions, block_size);
            }
        }
    }

    #[test]
    fn what_cannot_be_swept_is_named() {
        for (sweep, expected) in [
            ("widht = [1]", "unknown field `widht`"),
            ("seed = []", "sweep.seed lists nothing"),
            ("sizes = [\"xxl\"]", "sweep.sizes names \"xxl\", which is none of smoke-transformer-"),
            ("batch_size = [8, 0]", "sweep: training.batch_size must be above 0"),
            ("train_subset = [100]", "sweep.train_subset would change the data"),
        ] {
            let said = with(sweep).unwrap_err().to_string();
            assert!(said.starts_with("the preset mine.toml is not valid: ") && said.contains(expected), "{said}");
        }
    }
}
