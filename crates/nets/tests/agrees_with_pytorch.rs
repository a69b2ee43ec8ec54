//! The same weights and tokens give what PyTorch computed: logits to 1e-4, loss to 1e-5, gradients to 1e-3 of the largest.
//!
//! The committed cases were written by `tests/fixtures/make_torch_case.py`.

use candle_core::{DType, Device, Tensor};
use nets::models::{InitialSpread, LstmConfig, Model, ModelConfig, Positions, TransformerConfig, ladder};
use nets::ops::{Dropout, set_fused};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Whether fused forms run is a switch of the whole process: one comparison at a time.
static SWITCH: Mutex<()> = Mutex::new(());

type Tensors = HashMap<String, Tensor>;

fn numbers(x: &Tensor) -> Vec<f32> {
    x.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference, in units of the largest expected number (of 1 where that is smaller).
fn difference(ours: &Tensor, theirs: &Tensor, least: f32) -> f32 {
    assert_eq!(ours.dims(), theirs.dims());
    let (ours, theirs) = (numbers(ours), numbers(theirs));
    let size = theirs.iter().fold(least, |top, x| top.max(x.abs()));
    ours.iter().zip(&theirs).fold(0.0f32, |top, (a, b)| top.max((a - b).abs())) / size
}

/// Runs both forms of the model of `path` and compares it with `expected`: tokens, targets, logits, loss and grad.<name>.
fn compare(case: &str, config: &ModelConfig, path: &Path, expected: &Tensors) {
    let ids = |name: &str| expected[name].to_dtype(DType::U32).unwrap();
    let (tokens, targets) = (ids("tokens"), ids("targets"));
    let model = Model::load(config, path, &Device::Cpu).unwrap();
    let _alone = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    for fused in [false, true] {
        set_fused(fused);
        let case = format!("{case}, {}", if fused { "fused" } else { "composite" });
        compare_one_form(&case, &model, (&tokens, &targets), expected);
    }
}

fn compare_one_form(case: &str, model: &Model, (tokens, targets): (&Tensor, &Tensor), expected: &Tensors) {
    let logits = model.forward(tokens, &mut Dropout::off()).unwrap();
    assert!(difference(&logits, &expected["logits"], 1.0) < 1e-4, "{case}: logits");
    let loss = model.loss(tokens, targets, &mut Dropout::off()).unwrap();
    let theirs = numbers(&expected["loss"])[0];
    assert!((loss.to_scalar::<f32>().unwrap() - theirs).abs() < 1e-5, "{case}: loss {loss}, not {theirs}");
    let grads = loss.backward().unwrap();
    for (name, var) in model.parameters() {
        let difference = difference(grads.get(var).unwrap(), &expected[&format!("grad.{name}")], 1e-6);
        assert!(difference < 1e-3, "{case}: the gradient of {name} is off by {difference} of its largest entry");
    }
}

fn committed_case(name: &str, config: &ModelConfig) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.safetensors"));
    let mut expected = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let names: Vec<String> = expected.keys().filter_map(|key| key.strip_prefix("param.").map(String::from)).collect();
    let params: Tensors =
        names.iter().map(|name| (name.clone(), expected.remove(&format!("param.{name}")).unwrap())).collect();
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("weights.safetensors");
    candle_core::safetensors::save(&params, &weights).unwrap();
    compare(name, config, &weights, &expected);
}

fn gpt(bias: bool, tied: bool) -> ModelConfig {
    let (vocab_size, n_positions, n_layer, n_head, d_model, d_ff) = (13, 16, 2, 3, 12, 20);
    let (positions, init) = (Positions::Learned, InitialSpread::Fixed);
    let config =
        TransformerConfig { vocab_size, n_positions, n_layer, n_head, d_model, d_ff, bias, tied, positions, init };
    ModelConfig::Transformer(config)
}

#[test]
fn a_transformer_with_biases_and_its_own_head_agrees() {
    committed_case("torch_transformer_biased_untied", &gpt(true, false));
}

#[test]
fn a_transformer_without_biases_and_with_a_tied_head_agrees() {
    committed_case("torch_transformer_bias_free_tied", &gpt(false, true));
}

#[test]
fn an_lstm_agrees() {
    committed_case(
        "torch_lstm",
        &ModelConfig::Lstm(LstmConfig { vocab_size: 13, d_embed: 7, d_hidden: 10, n_layer: 2 }),
    );
}

#[test]
fn files_of_torch_save_give_pytorchs_logits() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["torch_nanogpt_ckpt", "torch_lstm_state"] {
        let model = Model::open(fixtures.join(format!("{name}.pt")), &Device::Cpu).unwrap();
        let path = fixtures.join(format!("{name}_logits.safetensors"));
        let expected = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
        let logits = model.forward(&expected["tokens"].to_dtype(DType::U32).unwrap(), &mut Dropout::off()).unwrap();
        assert!(difference(&logits, &expected["logits"], 1e-3) < 1e-4, "{name}");
    }
}

/// What is saved here loads by name in the modules of nanoGPT and in torch.nn.LSTM, and means the same there. Runs where
/// `MUSIC_SCALING_TORCH_PYTHON` names a Python that has torch and safetensors.
#[test]
fn our_files_load_in_pytorch_where_it_is_given() {
    let Ok(python) = std::env::var("MUSIC_SCALING_TORCH_PYTHON") else {
        println!("MUSIC_SCALING_TORCH_PYTHON names no Python with torch: nothing to compare.");
        return;
    };
    let sizes = [("a-transformer", "n_layer=4 n_head=4 n_embd=144 block_size=16 bias=False"), ("smoke-lstm", "")];
    for (name, arguments) in sizes {
        let config = &ladder(name, 13, 16).unwrap()[0].model;
        let model = Model::new(config, 3, &Device::Cpu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        model.save(&path).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/make_torch_case.py");
        let mut command = std::process::Command::new(&python);
        let output = command.arg(script).arg("--loads").arg(&path).args(arguments.split_whitespace()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let tokens =
            |first: u32| Tensor::from_vec((first..first + 8).collect::<Vec<u32>>(), (1, 8), &Device::Cpu).unwrap();
        let loss = model.loss_value(&tokens(1), &tokens(2)).unwrap();
        let theirs: f64 = said.trim().rsplit_once("loss=").unwrap().1.parse().unwrap();
        assert!((loss - theirs).abs() < 2e-5, "{name}: {loss}, not {theirs}");
    }
}
