//! Files that `torch.save` writes (`.pt`, `.pth`): nanoGPT's `ckpt.pt`, and plain state dicts, read by candle.
//!
//! ```text
//! a zip archive: NAME/data.pkl    a pickle; each of its tensors names a storage, an offset, a shape and strides
//!                NAME/data/KEY    the numbers of a storage, little-endian
//! nanoGPT's:     {model: state dict, model_args: {n_layer, n_head, n_embd, block_size, bias, vocab_size, …}, optimizer: …, …}
//! ```
//! Unlike Python's, candle's reader of pickles only builds lists, dictionaries and names: it runs nothing that a file asks for.

use super::config::TransformerConfig;
use crate::{Error, Result};
use candle_core::Tensor;
use candle_core::pickle::{Object, PthTensors, Stack};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Keys under which programs put the state dict when they save more than that; nanoGPT's first.
const STATE_DICTS: [&str; 3] = ["model", "state_dict", "model_state_dict"];

/// The tensors of a file, and the shape of a nanoGPT model where the file tells it.
pub(super) fn read(path: &Path) -> Result<(HashMap<String, Tensor>, Option<TransformerConfig>)> {
    let refuse = |what: &str| Error::Checkpoint(format!("{} {what}", path.display()));
    let root = pickle(path)?;
    let key = STATE_DICTS.into_iter().find(|key| matches!(field(&root, key), Some(Object::Dict(_))));
    let unreadable = |error| refuse(&format!("has a tensor that cannot be read ({error}); copy the file again"));
    let tensors = PthTensors::new(path, key).map_err(unreadable)?;
    let mut found = HashMap::new();
    for name in tensors.tensor_infos().keys() {
        if let Some(tensor) = tensors.get(name).map_err(unreadable)? {
            found.insert(name.clone(), tensor);
        }
    }
    if found.is_empty() {
        return Err(refuse("holds no state dict; save it as torch.save(model.state_dict(), …) or as nanoGPT does"));
    }
    let config = field(&root, "model_args").map(|args| model_args(args).map_err(|what| refuse(&what))).transpose()?;
    Ok((found, config))
}

/// What the archive's pickle says; the numbers of tensors are not in it.
fn pickle(path: &Path) -> Result<Object> {
    let refuse = |what: &str| Error::Checkpoint(format!("{} {what}", path.display()));
    let (mut start, mut file) = ([0u8; 1], File::open(path).map_err(Error::file("read", path))?);
    if file.read_exact(&mut start).is_ok() && start == [0x80] {
        return Err(refuse(
            "is a bare pickle, as PyTorch before 1.6 wrote: load it with torch.load and torch.save it again",
        ));
    }
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
        refuse(&format!("is not a whole file of torch.save ({error}); it was probably cut off: copy it again"))
    })?;
    let name =
        archive.file_names().find_map(|name| name.ok().filter(|name| name.ends_with("data.pkl")).map(String::from));
    let name = name.ok_or_else(|| refuse("has no data.pkl: it is an archive, but not one of torch.save"))?;
    let (mut bytes, mut stack) = (Vec::new(), Stack::empty());
    let read = archive.by_name(&name).map_err(std::io::Error::from).and_then(|mut entry| entry.read_to_end(&mut bytes));
    read.map_err(|error| refuse(&format!("has no readable part data.pkl ({error}); copy the file again")))?;
    stack
        .read_loop(&mut bytes.as_slice())
        .and_then(|()| stack.finalize())
        .map_err(|error| refuse(&format!("holds a pickle that cannot be read ({error}); save the state dict alone")))
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
    use candle_core::Device;
    use std::path::PathBuf;

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
