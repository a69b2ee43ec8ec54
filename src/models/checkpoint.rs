//! Parameters on disk: safetensors under the names that nanoGPT (Transformer) and torch.nn.LSTM (LSTM) use.

use super::Model;
use super::config::ModelConfig;
use super::parameters::{Parameters, Spec};
use crate::files::{read_bytes, write_atomic};
use crate::{Error, Result};
use candle_core::{Device, Var};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// nanoGPT keeps a tied head under its own name too; it is written for its sake and skipped when read.
const TIED_HEAD: &str = "lm_head.weight";
const TOKEN_TABLE: &str = "transformer.wte.weight";

/// Writes every parameter, atomically.
pub(super) fn save(model: &Model, path: &Path) -> Result<()> {
    let mut arrays = Vec::new();
    for (name, var) in model.parameters() {
        let bytes: Vec<u8> = var.flatten_all()?.to_vec1::<f32>()?.iter().flat_map(|x| x.to_le_bytes()).collect();
        arrays.push((name.clone(), var.dims().to_vec(), bytes));
    }
    if matches!(model.config(), ModelConfig::Transformer(config) if config.tied)
        && let Some((_, shape, bytes)) = arrays.iter().find(|(name, ..)| name == TOKEN_TABLE).cloned()
    {
        arrays.push((TIED_HEAD.into(), shape, bytes));
    }
    let cannot = |error: String| Error::Checkpoint(format!("cannot write {}: {error}", path.display()));
    let config = serde_json::to_string(&model.config()).map_err(|e| cannot(e.to_string()))?;
    let notes = HashMap::from([("format".to_string(), "pt".to_string()), ("config".to_string(), config)]);
    let views = arrays
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| cannot(e.to_string()))?;
    let bytes = safetensors::serialize(views, Some(notes)).map_err(|e| cannot(e.to_string()))?;
    write_atomic(path, bytes)
}

/// Reads the parameters that `specs` ask for; anything missing, of another shape or unknown is an error that names it.
pub(super) fn load(path: &Path, specs: &[Spec], device: &Device) -> Result<Parameters> {
    let bytes = read_bytes(path)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| {
        let path = path.display();
        Error::Checkpoint(format!(
            "{path} is not a whole safetensors file ({e}); it was probably cut off: use an earlier checkpoint"
        ))
    })?;
    let by_name: HashMap<String, TensorView> =
        file.tensors().into_iter().map(|(name, view)| (plain_name(&name), view)).collect();
    let mut list = Vec::with_capacity(specs.len());
    for spec in specs {
        let numbers = match by_name.get(&spec.name) {
            Some(view) => numbers(view, spec, path)?,
            None => {
                let (path, name) = (path.display(), &spec.name);
                return Err(Error::Checkpoint(format!("{path} has no tensor {name:?}; it belongs to another model")));
            }
        };
        list.push((spec.name.clone(), Var::from_vec(numbers, spec.shape.as_slice(), device)?));
    }
    let wanted = |name: &String| specs.iter().any(|spec| spec.name == *name) || is_spare(name);
    match by_name.keys().filter(|name| !wanted(name)).min() {
        Some(name) => {
            let path = path.display();
            Err(Error::Checkpoint(format!(
                "{path} has a tensor {name:?} that this model has not; it belongs to another model"
            )))
        }
        None => Ok(Parameters::from_list(list)),
    }
}

/// torch.compile puts `_orig_mod.` in front of every name.
fn plain_name(name: &str) -> String {
    name.strip_prefix("_orig_mod.").unwrap_or(name).to_string()
}

/// What a nanoGPT state dict may hold beyond parameters: a tied head, and the causal mask of old versions.
fn is_spare(name: &str) -> bool {
    name == TIED_HEAD || name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
}

fn numbers(view: &TensorView, spec: &Spec, path: &Path) -> Result<Vec<f32>> {
    let (path, name) = (path.display(), &spec.name);
    if view.dtype() != Dtype::F32 {
        return Err(Error::Checkpoint(format!("{path}: tensor {name:?} holds {:?}, not F32", view.dtype())));
    }
    if view.shape() != spec.shape {
        let (there, here) = (view.shape(), &spec.shape);
        return Err(Error::Checkpoint(format!(
            "{path}: tensor {name:?} has shape {there:?} where this model has {here:?}"
        )));
    }
    let chunks = view.data().chunks_exact(4);
    Ok(chunks.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ladder;

    fn model(name: &str, rung: usize) -> Model {
        Model::new(&ladder(name, 11, 16).unwrap()[rung].config, 3, &Device::Cpu).unwrap()
    }

    fn file(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("music-scaling-checkpoint-{}-{name}.safetensors", std::process::id()))
    }

    #[test]
    fn what_was_saved_is_loaded_bit_by_bit() {
        for name in ["smoke-transformer", "smoke-lstm", "b-transformer"] {
            let (model, path) = (model(name, 0), file(name));
            model.save(&path).unwrap();
            let loaded = Model::load(&model.config(), &path, &Device::Cpu).unwrap();
            std::fs::remove_file(&path).unwrap();
            for ((name, a), (other, b)) in model.parameters().iter().zip(loaded.parameters()) {
                assert_eq!(name, other);
                let numbers = |v: &Var| v.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(numbers(a), numbers(b), "{name}");
            }
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused_in_a_sentence() {
        let (model, path) = (model("smoke-lstm", 0), file("cut"));
        model.save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = Model::load(&model.config(), &path, &Device::Cpu).unwrap_err().to_string();
            assert!(error.contains("is not a whole safetensors file"), "{length}: {error}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn another_models_file_is_refused_by_the_tensor_that_differs() {
        let path = file("other");
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
        std::fs::remove_file(&path).unwrap();
    }
}
