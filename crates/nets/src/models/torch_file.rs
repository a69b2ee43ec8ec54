//! Files that `torch.save` writes (`.pt`, `.pth`): nanoGPT's `ckpt.pt`, and plain state dicts.
//!
//! ```text
//! a zip archive: NAME/data.pkl    a pickle; each of its tensors names a storage, an offset, a shape and strides
//!                NAME/data/KEY    the numbers of a storage, little-endian f32, f64, f16 or bf16
//! nanoGPT's:     {model: state dict, model_args: {n_layer, n_head, n_embd, block_size, bias, vocab_size, …}, optimizer: …, …}
//! ```
//! Unlike Python's, this reader of pickles only builds lists, dictionaries and names: it runs nothing that a file asks for.

use super::checkpoint::{Array, f32_numbers};
use super::config::TransformerConfig;
use crate::{Error, Result};
use candle_core::DType;
use candle_core::pickle::{Object, Stack};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Keys under which programs put the state dict when they save more than that; nanoGPT's first.
const STATE_DICTS: [&str; 3] = ["model", "state_dict", "model_state_dict"];

/// The tensors of a file, and the shape of a nanoGPT model where the file tells it.
pub(super) fn read(path: &Path) -> Result<(HashMap<String, Array>, Option<TransformerConfig>)> {
    let mut file = TorchFile::open(path)?;
    let root = file.pickle()?;
    let state_dict = STATE_DICTS.iter().find_map(|key| field(&root, key).filter(|value| entries(value).is_some()));
    let mut arrays = HashMap::new();
    for (name, value) in entries(state_dict.unwrap_or(&root)).into_iter().flatten() {
        if let (Object::Unicode(name), Some(tensor)) = (name, tensor_arguments(value)) {
            arrays.insert(name.clone(), file.array(name, tensor)?);
        }
    }
    if arrays.is_empty() {
        return Err(file.refuse("holds no state dict; save it as torch.save(model.state_dict(), …) or as nanoGPT does"));
    }
    let config = field(&root, "model_args").map(|args| file.model_args(args)).transpose()?;
    Ok((arrays, config))
}

/// An archive that is being read.
struct TorchFile<'a> {
    path: &'a Path,
    archive: ZipArchive<BufReader<File>>,
    folder: String,
}

impl<'a> TorchFile<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let refuse = |what: &str| Error::Checkpoint(format!("{} {what}", path.display()));
        let mut start = [0u8; 2];
        let read = |_| File::open(path);
        let mut file = read(()).map_err(Error::file("read", path))?;
        let is_bare_pickle = file.read_exact(&mut start).is_ok() && start[0] == 0x80;
        if is_bare_pickle {
            return Err(refuse(
                "is a bare pickle, as PyTorch before 1.6 wrote: load it with torch.load and torch.save it again",
            ));
        }
        let file = BufReader::new(read(()).map_err(Error::file("read", path))?);
        let archive = ZipArchive::new(file).map_err(|error| {
            refuse(&format!("is not a whole file of torch.save ({error}); it was probably cut off: copy it again"))
        })?;
        let pickle = archive.file_names().find_map(|name| name.ok()?.strip_suffix("data.pkl").map(String::from));
        let folder = pickle.ok_or_else(|| refuse("has no data.pkl: it is an archive, but not one of torch.save"))?;
        let mut file = TorchFile { path, archive, folder };
        match file.entry("byteorder") {
            Ok(order) if order != b"little" => Err(file.refuse("has big-endian numbers; save it on another machine")),
            _ => Ok(file), // files of older versions do not say
        }
    }

    fn refuse(&self, what: &str) -> Error {
        Error::Checkpoint(format!("{} {what}", self.path.display()))
    }

    fn entry(&mut self, name: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let found = self.archive.by_name(&format!("{}{name}", self.folder)).map_err(|error| error.to_string());
        match found.and_then(|mut entry| entry.read_to_end(&mut bytes).map_err(|error| error.to_string())) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.refuse(&format!("has no readable part {name} ({error}); copy the file again"))),
        }
    }

    fn pickle(&mut self) -> Result<Object> {
        let bytes = self.entry("data.pkl")?;
        let mut stack = Stack::empty();
        stack.read_loop(&mut bytes.as_slice()).and_then(|()| stack.finalize()).map_err(|error| {
            self.refuse(&format!("holds a pickle that cannot be read ({error}); save the state dict alone"))
        })
    }

    /// The numbers of one tensor, row after row, given the arguments of torch's `_rebuild_tensor_v2`.
    fn array(&mut self, name: &str, arguments: &[Object]) -> Result<Array> {
        let Some(Place { dtype, key, offset, shape, strides }) = Place::of(arguments) else {
            return Err(self.refuse(&format!("has a tensor {name:?} of another kind than f32, f64, f16 or bf16")));
        };
        let bytes = self.entry(&format!("data/{key}"))?;
        let numbers = f32_numbers(&bytes, dtype)?;
        let numbers = gather(&numbers, offset, &shape, &strides)
            .ok_or_else(|| self.refuse(&format!("has too few numbers for its tensor {name:?}; copy the file again")))?;
        Ok(Array { shape, numbers })
    }

    /// The shape of a nanoGPT model: its head is the token table, its mlp four times as wide as the model.
    fn model_args(&self, args: &Object) -> Result<TransformerConfig> {
        let number = |name: &str| {
            field(args, name)
                .and_then(whole)
                .ok_or_else(|| self.refuse(&format!("has model_args without a number {name:?}: it is not nanoGPT's")))
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
}

/// Where a tensor's numbers are.
struct Place {
    dtype: DType,
    key: String,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl Place {
    /// From (storage, offset, shape, strides, …) with the storage ("storage", its type, its key, the device, its length).
    fn of(arguments: &[Object]) -> Option<Self> {
        let [Object::PersistentLoad(storage), offset, Object::Tuple(shape), Object::Tuple(strides), ..] = arguments
        else {
            return None;
        };
        let Object::Tuple(storage) = &**storage else { return None };
        let [_, Object::Class { class_name, .. }, Object::Unicode(key), ..] = storage.as_slice() else { return None };
        let dtype = match class_name.as_str() {
            "FloatStorage" => DType::F32,
            "DoubleStorage" => DType::F64,
            "HalfStorage" => DType::F16,
            "BFloat16Storage" => DType::BF16,
            _ => return None,
        };
        let numbers = |list: &[Object]| list.iter().map(whole).collect::<Option<Vec<usize>>>();
        let (shape, strides) = (numbers(shape)?, numbers(strides)?);
        (shape.len() == strides.len()).then_some(Place {
            dtype,
            key: key.clone(),
            offset: whole(offset)?,
            shape,
            strides,
        })
    }
}

/// The numbers of a strided tensor in the order of its indices; `None` where they reach beyond the storage.
fn gather(storage: &[f32], offset: usize, shape: &[usize], strides: &[usize]) -> Option<Vec<f32>> {
    let n: usize = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size))?;
    if n > storage.len() {
        return None; // also a tensor that repeats its numbers without end
    }
    let mut numbers = Vec::with_capacity(n);
    for i in 0..n {
        let (mut rest, mut at) = (i, offset);
        for (size, stride) in shape.iter().zip(strides).rev() {
            at = at.checked_add((rest % size).checked_mul(*stride)?)?;
            rest /= size;
        }
        numbers.push(*storage.get(at)?);
    }
    Some(numbers)
}

fn entries(object: &Object) -> Option<&[(Object, Object)]> {
    if let Object::Dict(entries) = object { Some(entries) } else { None }
}

fn field<'a>(object: &'a Object, key: &str) -> Option<&'a Object> {
    let found = entries(object)?.iter().find(|(name, _)| matches!(name, Object::Unicode(name) if name == key));
    found.map(|(_, value)| value)
}

fn whole(object: &Object) -> Option<usize> {
    match object {
        Object::Int(n) => usize::try_from(*n).ok(),
        Object::Long(n) => usize::try_from(*n).ok(),
        _ => None,
    }
}

/// What a tensor, or a parameter around one, is rebuilt from; `None` for anything else.
fn tensor_arguments(object: &Object) -> Option<&[Object]> {
    let Object::Reduce { callable, args } = object else { return None };
    let (Object::Class { class_name, .. }, Object::Tuple(args)) = (&**callable, &**args) else { return None };
    match class_name.as_str() {
        "_rebuild_tensor_v2" => Some(args),
        "_rebuild_parameter" => tensor_arguments(args.first()?),
        _ => None,
    }
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
        let path = std::env::temp_dir().join(format!("music-scaling-torch-{}-{name}.pt", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let error = Model::open(&path, &Device::Cpu).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
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

    #[test]
    fn strided_numbers_are_put_in_order() {
        let storage = [9.0, 1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        assert_eq!(gather(&storage, 1, &[2, 3], &[1, 2]).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(gather(&storage, 2, &[2, 3], &[1, 2]), None, "one number beyond the storage");
        assert_eq!(gather(&storage, 0, &[], &[]).unwrap(), [9.0]);
    }
}
