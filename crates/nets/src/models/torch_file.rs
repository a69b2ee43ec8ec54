//! Files that `torch.save` writes (`.pt`, `.pth`): nanoGPT's `ckpt.pt`, and plain state dicts, read by candle.
//!
//! ```text
//! a zip archive: NAME/data.pkl    a pickle; each of its tensors names a storage, an offset, a shape and strides
//!                NAME/data/KEY    the numbers of a storage, little-endian
//! nanoGPT's:     {model: state dict, model_args: {n_layer, n_head, n_embd, block_size, bias, vocab_size, …}, optimizer: …, …}
//! ```
//! Unlike Python's, candle's reader of pickles only builds lists, dictionaries and names: it runs nothing that a file asks for.

use super::config::{InitialSpread, Positions, TransformerConfig};
use crate::{Error, Result};
use candle_core::pickle::{Object, Stack, TensorInfo};
use candle_core::{Device, Tensor};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// Keys under which programs put the state dict when they save more than that; nanoGPT's first.
const STATE_DICTS: [&str; 3] = ["model", "state_dict", "model_state_dict"];
const NO_STATE_DICT: &str = "holds no state dict; save it as torch.save(model.state_dict(), …) or as nanoGPT does";

type Archive = ZipArchive<BufReader<File>>;

/// The tensors of a file, and the shape of a nanoGPT model where the file tells it. What holds no numbers that a model could have,
/// such as a causal mask of booleans, is left out.
pub(super) fn read(path: &Path) -> Result<(HashMap<String, Tensor>, Option<TransformerConfig>)> {
    let refuse = |what: &str| Error::Checkpoint(format!("{} {what}", path.display()));
    let mut archive = open(path)?;
    let (root, folder) = pickle(&mut archive).map_err(|what| refuse(&what))?;
    let saved = STATE_DICTS.into_iter().find_map(|key| field(&root, key).filter(|it| matches!(it, Object::Dict(_))));
    let Object::Dict(entries) = saved.unwrap_or(&root) else { return Err(refuse(NO_STATE_DICT)) };
    let mut found = HashMap::new();
    for (name, value) in entries {
        if let Ok(Some(info)) = value.clone().into_tensor_info(name.clone(), &folder) {
            let tensor = tensor(&mut archive, &info);
            let unreadable = |what| refuse(&format!("has a tensor {} that {what}", info.name));
            found.insert(info.name.clone(), tensor.map_err(unreadable)?);
        }
    }
    if found.is_empty() {
        return Err(refuse(NO_STATE_DICT));
    }
    let config = field(&root, "model_args").map(|args| model_args(args).map_err(|what| refuse(&what))).transpose()?;
    Ok((found, config))
}

fn open(path: &Path) -> Result<Archive> {
    let refuse = |what: &str| Error::Checkpoint(format!("{} {what}", path.display()));
    let (mut start, mut file) = ([0u8; 1], File::open(path).map_err(Error::file("read", path))?);
    if file.read_exact(&mut start).is_ok() && start == [0x80] {
        return Err(refuse(
            "is a bare pickle, as PyTorch before 1.6 wrote: load it with torch.load and torch.save it again",
        ));
    }
    ZipArchive::new(BufReader::new(file)).map_err(|error| {
        refuse(&format!("is not a whole file of torch.save ({error}); it was probably cut off: copy it again"))
    })
}

/// What the archive's pickle says, and the folder inside the archive that holds the numbers.
fn pickle(archive: &mut Archive) -> Result<(Object, PathBuf), String> {
    let ends_so = |name: &str| name.ends_with("data.pkl");
    let name = archive.file_names().find_map(|name| name.ok().filter(|name| ends_so(name)).map(String::from));
    let name = name.ok_or("has no data.pkl: it is an archive, but not one of torch.save")?;
    let (mut bytes, mut stack) = (Vec::new(), Stack::empty());
    let read = archive.by_name(&name).map_err(std::io::Error::from).and_then(|mut entry| entry.read_to_end(&mut bytes));
    read.map_err(|error| format!("has no readable part data.pkl ({error}); copy the file again"))?;
    let root = stack.read_loop(&mut bytes.as_slice()).and_then(|()| stack.finalize());
    let root =
        root.map_err(|error| format!("holds a pickle that cannot be read ({error}); save the state dict alone"))?;
    Ok((root, PathBuf::from(name.trim_end_matches(".pkl"))))
}

/// The numbers of one tensor, row after row or column after column. Else: what is wrong with it, to end a sentence.
fn tensor(archive: &mut Archive, info: &TensorInfo) -> Result<Tensor, String> {
    let (layout, dtype) = (&info.layout, info.dtype);
    let size = (layout.shape().elem_count() * dtype.size_in_bytes()) as u64;
    let (offset, mut bytes) = (layout.start_offset() as u64, Vec::new()); // in bytes
    let read = archive.by_name(&info.path).map_err(std::io::Error::from).and_then(|mut entry| {
        std::io::copy(&mut entry.by_ref().take(offset), &mut std::io::sink())?;
        entry.take(size).read_to_end(&mut bytes)
    });
    match read {
        Ok(length) if length as u64 == size => {}
        Ok(_) => return Err("is cut off; copy the file again".to_string()),
        Err(error) => return Err(format!("cannot be read ({error}); copy the file again")),
    }
    let mut dims = layout.dims().to_vec();
    let tensor = if layout.is_contiguous() {
        Tensor::from_raw_buffer(&bytes, dtype, &dims, &Device::Cpu)
    } else if layout.is_fortran_contiguous() {
        dims.reverse();
        let order: Vec<usize> = (0..dims.len()).rev().collect();
        Tensor::from_raw_buffer(&bytes, dtype, &dims, &Device::Cpu).and_then(|columns| columns.permute(order))
    } else {
        return Err("is a view with gaps; save it after .contiguous()".to_string());
    };
    tensor.map_err(|error| format!("cannot be read ({error}); copy the file again"))
}

/// The shape of a nanoGPT model: its head is the token table, its mlp four times as wide as the model.
fn model_args(args: &Object) -> Result<TransformerConfig, String> {
    let number = |name: &str| {
        let number = match field(args, name) {
            Some(Object::Int(n)) => usize::try_from(*n).ok(),
            Some(Object::Long(n)) => usize::try_from(*n).ok(),
            _ => None,
        };
        number.ok_or_else(|| format!("has model_args without a number {name:?}: it is not nanoGPT's"))
    };
    let d_model = number("n_embd")?;
    Ok(TransformerConfig {
        vocab_size: number("vocab_size")?,
        n_positions: number("block_size")?,
        n_layer: number("n_layer")?,
        n_head: number("n_head")?,
        d_model,
        d_ff: d_model.saturating_mul(4),
        bias: !matches!(field(args, "bias"), Some(Object::Bool(false))), // its first versions always had biases
        tied: true,
        positions: Positions::Learned,
        init: InitialSpread::Fixed,
    })
}

fn field<'a>(object: &'a Object, key: &str) -> Option<&'a Object> {
    let Object::Dict(entries) = object else { return None };
    let found = entries.iter().find(|(name, _)| matches!(name, Object::Unicode(name) if name == key));
    found.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Model, ModelConfig};

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
    }

    fn refusal(name: &str, bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{name}.pt"));
        std::fs::write(&path, bytes).unwrap();
        let error = Model::open(&path, &Device::Cpu).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn a_nanogpt_checkpoint_says_what_model_it_holds() {
        let model = Model::open(fixture("torch_nanogpt_ckpt.pt"), &Device::Cpu).unwrap();
        let ModelConfig::Transformer(config) = model.config() else { panic!("not a Transformer") };
        assert_eq!((config.n_layer, config.n_head, config.d_model, config.d_ff), (2, 2, 8, 32));
        assert_eq!((config.vocab_size, config.n_positions, config.bias, config.tied), (13, 16, false, true));
    }

    /// Files of other people's trainings, where they lie beside the project.
    #[test]
    fn a_mask_of_booleans_is_skipped_and_wrappers_are_stripped_from_names() {
        let shared = std::env::var("MUSIC_SCALING_SHARED")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
        let cases = PathBuf::from(shared).join("cases/training");
        for name in ["boolmask.pt", "ddp.pt"] {
            if !cases.join(name).exists() {
                println!("{name} is not beside the project: skipped");
                continue;
            }
            let model = Model::open(cases.join(name), &Device::Cpu).unwrap();
            let ModelConfig::Transformer(config) = model.config() else { panic!("{name} is not a Transformer") };
            assert_eq!(config.n_layer, 2, "{name}");
            assert!(
                model.parameters().iter().all(|(name, _)| !name.contains("module.") && !name.contains("attn.bias"))
            );
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused_in_a_sentence() {
        let whole = std::fs::read(fixture("torch_nanogpt_ckpt.pt")).unwrap();
        for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
            let error = refusal("cut", &whole[..length]);
            assert!(error.starts_with("FILE is not a whole file of torch.save ("), "{length}: {error}");
        }
    }

    #[test]
    fn a_damaged_pickle_never_panics() {
        let whole = std::fs::read(fixture("torch_lstm_state.pt")).unwrap();
        let at = whole.windows(9).position(|bytes| bytes == b"embedding").unwrap();
        for shift in 0..200 {
            let mut damaged = whole.clone();
            damaged[at + shift] ^= 0x55;
            let error = refusal("damaged", &damaged);
            assert!(error.starts_with("FILE ") && error.len() > 40, "{shift}: {error}"); // its checksum differs, at least
        }
    }

    #[test]
    fn foreign_files_are_refused_in_a_sentence() {
        assert!(refusal("old", b"\x80\x02}q\x00.").contains("is a bare pickle, as PyTorch before 1.6 wrote"));
        let mut empty = std::io::Cursor::new(Vec::new());
        zip::ZipWriter::new(&mut empty).finish().unwrap();
        assert_eq!(
            refusal("zip", empty.get_ref()),
            "FILE has no data.pkl: it is an archive, but not one of torch.save"
        );
    }
}
