//! Weights to begin with, instead of drawn ones: of a finished run, or of a file from elsewhere.

use crate::files::{read_bytes, short_hash};
use crate::models::{Model, ModelConfig};
use crate::{Error, Result};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf, absolute};

/// Where the first weights come from. The optimiser starts anew, so that the run needs its warm-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// A file that [`Model::open`] reads; not part of a run's hash.
    pub path: PathBuf,
    /// Sixteen hex digits over its bytes.
    pub hash: String,
}

impl Origin {
    /// The weights of a file: ours, nanoGPT's `ckpt.pt`, or an LSTM's state dict.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Origin> {
        let path = absolute(&path).map_err(Error::file("find", path.as_ref()))?;
        Ok(Origin { hash: short_hash(&[&read_bytes(&path)?]), path })
    }

    /// The model in the file, which must be what the run trains.
    pub(super) fn model(&self, wanted: &ModelConfig, device: &Device) -> Result<Model> {
        let path = self.path.display();
        if Origin::open(&self.path)? != *self {
            return Err(Error::Checkpoint(format!(
                "{path} has changed since this run was planned; bring back the file with the hash {}, or plan the run again",
                self.hash
            )));
        }
        let model = Model::open(&self.path, device)?;
        match first_difference(&model.config(), wanted) {
            Some(difference) => Err(Error::Checkpoint(format!(
                "{path} holds another model than the run trains: {difference}; choose the size that the file holds"
            ))),
            None => Ok(model),
        }
    }
}

/// `d_model is 64 there and 128 here`
fn first_difference(there: &ModelConfig, here: &ModelConfig) -> Option<String> {
    let fields = |config| serde_json::to_value(config).unwrap_or_default(); // plain fields: cannot fail
    let (there, here) = (fields(there), fields(here));
    let mut names = std::iter::once("family").chain(here.as_object()?.keys().map(String::as_str));
    let name = names.find(|name| there.get(name) != here.get(name))?;
    Some(format!("{name} is {} there and {} here", there.get(name)?, here.get(name)?))
}

#[cfg(test)]
mod tests {
    use super::super::stand_in_tests::{config, data, folder, lstm, quiet_runs, transformer};
    use super::super::{RunConfig, evaluate};
    use super::*;

    #[test]
    fn a_run_begins_with_the_weights_of_another_and_is_another_run() {
        let (base, data) = (folder(), data());
        let runs = quiet_runs(&base);
        let first = runs.get_or_train(&config("first", transformer()), &data).unwrap();
        let origin = runs.origin("first", &data.tokenizer.hash()).unwrap();
        assert_eq!(
            origin,
            runs.origin(&origin.path.to_string_lossy(), "").unwrap(),
            "a run's best model is a file, too"
        );
        let one_step =
            RunConfig { n_tokens: 64, learning_rate: 0.0, min_learning_rate: 0.0, n_evals: 1, ..first.config.clone() };
        let config = RunConfig { name: "then".into(), origin: Some(origin.clone()), ..one_step.clone() };
        assert_ne!(config.hash(), one_step.hash());
        let moved = Origin { path: "elsewhere".into(), ..origin };
        assert_eq!(config.hash(), RunConfig { origin: Some(moved), ..config.clone() }.hash());
        let then = runs.get_or_train(&config, &data).unwrap(); // one step at rate 0 changes nothing
        let loss = evaluate(&first.best_model().unwrap(), &data.val, 16, 4).unwrap();
        assert!((then.summary.val_loss - loss).abs() < 1e-9, "{then}");
    }

    #[test]
    fn another_shape_another_file_and_an_unknown_name_are_said() {
        let (base, data) = (folder(), data());
        let runs = quiet_runs(&base);
        let path = base.join("w.safetensors");
        Model::new(&transformer(), 1, &Device::Cpu).unwrap().save(&path).unwrap();
        let origin = Origin::open(&path).unwrap();
        let mut wider = transformer();
        if let ModelConfig::Transformer(config) = &mut wider {
            config.d_model = 32;
        }
        let refuse = |model| {
            let config = RunConfig { origin: Some(origin.clone()), ..config("x", model) };
            runs.get_or_train(&config, &data).unwrap_err().to_string()
        };
        assert!(refuse(wider).contains("d_model is 16 there and 32 here"));
        assert!(refuse(lstm()).contains("family is \"transformer\" there and \"lstm\" here"));
        std::fs::write(&path, "else").unwrap();
        assert!(refuse(transformer()).contains("w.safetensors has changed since"));
        let error = runs.origin("nobody", "").unwrap_err().to_string();
        assert!(error.contains("no finished run nobody") && error.contains("file of weights"), "{error}");
    }
}
