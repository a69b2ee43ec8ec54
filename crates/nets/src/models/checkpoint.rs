//! Parameters on disk: safetensors under the names that nanoGPT (Transformer) and torch.nn.LSTM (LSTM) use; files of
//! `torch.save` under the same names are read, too.

use super::Model;
use super::config::{LstmConfig, ModelConfig};
use super::torch_file;
use crate::files::{read_bytes, write_atomic};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// nanoGPT keeps a tied head under its own name too; it is written for its sake and skipped when read.
const TIED_HEAD: &str = "lm_head.weight";
const TOKEN_TABLE: &str = "transformer.wte.weight";

/// Writes every parameter, atomically.
pub(super) fn save(model: &Model, path: &Path) -> Result<()> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for (name, var) in model.parameters() {
        tensors.push((name.clone(), var.to_device(&Device::Cpu)?));
    }
    if matches!(model.config(), ModelConfig::Transformer(config) if config.tied)
        && let Some((_, table)) = tensors.iter().find(|(name, _)| name == TOKEN_TABLE).cloned()
    {
        tensors.push((TIED_HEAD.into(), table));
    }
    let cannot = |error: String| Error::Checkpoint(format!("cannot write {}: {error}", path.display()));
    let config = serde_json::to_string(&model.config()).map_err(|e| cannot(e.to_string()))?;
    let notes = HashMap::from([("config".to_string(), config)]); // one note alone: equal models are equal bytes
    let bytes = safetensors::serialize(tensors, Some(notes)).map_err(|e| cannot(e.to_string()))?;
    write_atomic(path, bytes)
}

/// A file's tensors under their plain names, and the config where the file tells it.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
    config: Option<ModelConfig>,
}

impl Contents {
    /// A file of `torch.save` where the name ends in .pt or .pth, else a safetensors file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase()).unwrap_or_default();
        let (tensors, config) = if ending == "pt" || ending == "pth" {
            let (tensors, config) = torch_file::read(path)?;
            (tensors, config.map(ModelConfig::Transformer))
        } else {
            read_safetensors(path)?
        };
        Ok(Contents {
            path: path.to_path_buf(),
            tensors: tensors.into_iter().map(|(name, tensor)| (plain_name(&name), tensor)).collect(),
            config,
        })
    }

    /// What the file says, else an LSTM's shape read off its tensors. A Transformer's tensors do not tell its number of heads.
    pub(super) fn config(&self) -> Result<ModelConfig> {
        if let Some(config) = &self.config {
            return Ok(config.clone());
        }
        let shape = |name: &str| self.tensors.get(name).map(Tensor::dims);
        match (shape("embedding.weight"), shape("lstm.weight_hh_l0")) {
            (Some(&[vocab_size, d_embed]), Some(&[_, d_hidden])) => {
                let n_layer = self.tensors.keys().filter(|name| name.starts_with("lstm.weight_hh_l")).count();
                Ok(ModelConfig::Lstm(LstmConfig { vocab_size, d_embed, d_hidden, n_layer }))
            }
            _ => Err(Error::Checkpoint(format!(
                "{} does not say what model it holds: a Transformer's number of heads cannot be read off its tensors; save it as nanoGPT does, with model_args, or an LSTM under the names embedding, lstm and head",
                self.path.display()
            ))),
        }
    }

    /// The tensor called `name`, as f32; missing or of another shape it is an error that names it.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let path = self.path.display();
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(Error::Checkpoint(format!("{path} has no tensor {name:?}; it belongs to another model")));
        };
        let (there, dtype) = (tensor.dims(), tensor.dtype());
        if there != shape {
            return Err(Error::Checkpoint(format!(
                "{path}: tensor {name:?} has shape {there:?} where this model has {shape:?}"
            )));
        }
        if !dtype.is_float() {
            return Err(Error::Checkpoint(format!("{path}: tensor {name:?} holds {dtype:?}, not F32")));
        }
        Ok(tensor.to_dtype(DType::F32)?.contiguous()?)
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self) -> Result<()> {
        let path = self.path.display();
        match self.tensors.keys().filter(|name| !is_spare(name)).min() {
            Some(name) => Err(Error::Checkpoint(format!(
                "{path} has a tensor {name:?} that this model has not; it belongs to another model"
            ))),
            None => Ok(()),
        }
    }
}

fn read_safetensors(path: &Path) -> Result<(HashMap<String, Tensor>, Option<ModelConfig>)> {
    let bytes = read_bytes(path)?;
    let damaged = |e: &dyn std::fmt::Display| {
        let path = path.display();
        Error::Checkpoint(format!(
            "{path} is not a whole safetensors file ({e}); it was probably cut off: use an earlier checkpoint"
        ))
    };
    let (_, head) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(&e))?;
    let config = head.metadata().as_ref().and_then(|notes| notes.get("config"));
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|e| damaged(&e))?;
    Ok((tensors, config.and_then(|text| serde_json::from_str(text).ok())))
}

/// torch.compile puts `_orig_mod.` in front of every name, training on several GPUs `module.`.
fn plain_name(name: &str) -> String {
    name.trim_start_matches("_orig_mod.").trim_start_matches("module.").trim_start_matches("_orig_mod.").to_string()
}

/// What a nanoGPT state dict may hold beyond parameters: a tied head, and the causal mask of old versions.
fn is_spare(name: &str) -> bool {
    name == TIED_HEAD || name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ladder;
    use candle_core::Var;

    fn model(name: &str, rung: usize) -> Model {
        Model::new(&ladder(name, 11, 16).unwrap()[rung].model, 3, &Device::Cpu).unwrap()
    }

    #[test]
    fn what_was_saved_is_loaded_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["smoke-transformer", "smoke-lstm", "b-transformer"] {
            let (model, path) = (model(name, 0), folder.path().join("model.safetensors"));
            model.save(&path).unwrap();
            let loaded = Model::load(&model.config(), &path, &Device::Cpu).unwrap();
            for ((name, a), (other, b)) in model.parameters().iter().zip(loaded.parameters()) {
                assert_eq!(name, other);
                let numbers = |v: &Var| v.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(numbers(a), numbers(b), "{name}");
            }
        }
    }

    #[test]
    fn wrappers_leave_no_trace_in_names() {
        for name in ["lm_head.weight", "_orig_mod.lm_head.weight", "module._orig_mod.lm_head.weight"] {
            assert_eq!(plain_name(name), "lm_head.weight");
        }
    }

    #[test]
    fn equal_models_are_equal_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            model("smoke-transformer", 0).save(folder.path().join(name)).unwrap();
            std::fs::read(folder.path().join(name)).unwrap()
        };
        assert_eq!(bytes("one"), bytes("other"));
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused_in_a_sentence() {
        let (model, folder) = (model("smoke-lstm", 0), tempfile::tempdir().unwrap());
        let path = folder.path().join("model.safetensors");
        model.save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = Model::load(&model.config(), &path, &Device::Cpu).unwrap_err().to_string();
            assert!(error.contains("is not a whole safetensors file"), "{length}: {error}");
        }
    }

    #[test]
    fn another_models_file_is_refused_by_the_tensor_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        model("smoke-transformer", 0).save(&path).unwrap();
        let refuse = |model: &Model| Model::load(&model.config(), &path, &Device::Cpu).unwrap_err().to_string();
        assert!(refuse(&model("smoke-lstm", 0)).contains("has no tensor \"embedding.weight\""));
        let error = refuse(&model("smoke-transformer", 1));
        assert!(
            error.contains("\"transformer.wte.weight\" has shape [11, 12] where this model has [11, 16]"),
            "{error}"
        );
        model("smoke-transformer", 2).save(&path).unwrap();
        let mut config = model("smoke-transformer", 2).config();
        if let ModelConfig::Transformer(config) = &mut config {
            config.n_layer = 1;
        }
        let error = Model::load(&config, &path, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("\"transformer.h.1.attn.c_attn.weight\" that this model has not"), "{error}");
    }
}
