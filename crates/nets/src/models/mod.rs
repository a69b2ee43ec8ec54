//! Language models over tokens: what they are, how large, how they run, and how they are kept.
//!
//! [`ModelConfig`] describes a model and counts it exactly; [`ladder`] names families of growing sizes; [`Model`] runs one:
//! logits, loss, gradients (by candle's `backward`), generation ([`Decoder`]) and checkpoints. [`NGram`] and
//! [`gzip_bits_per_char`] are the baselines that every curve is drawn against.

mod checkpoint;
mod config;
mod decoder;
mod ladders;
mod lstm;
mod ngram;
mod parameters;
mod torch_file;
mod transformer;

pub use config::{Family, InitialSpread, LstmConfig, ModelConfig, Positions, TransformerConfig};
pub use decoder::Decoder;
pub use ladders::{LstmSize, Size, TransformerSize, ladder};
pub use lstm::Lstm;
pub use ngram::{NGram, gzip_bits_per_char, gzip_bits_per_char_after};
pub use transformer::Transformer;

use crate::ops::{self, Dropout};
use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use checkpoint::Contents;
use parameters::Parameters;
use std::path::Path;

/// A model of either family with its parameters.
#[derive(Debug, Clone)]
pub enum Model {
    /// A GPT.
    Transformer(Transformer),
    /// A recurrent network.
    Lstm(Lstm),
}

impl Model {
    /// A fresh model; the same seed gives the same parameters on every machine.
    ///
    /// # Errors
    /// The config contradicts itself, or the device has no room.
    pub fn new(config: &ModelConfig, seed: u64, device: &Device) -> Result<Self> {
        Self::with_parameters(config, Parameters::draw(seed, device))
    }

    /// A model with the parameters of a safetensors file, or of a file of `torch.save` (`.pt`, `.pth`: nanoGPT's `ckpt.pt`, a
    /// state dict), under nanoGPT's or torch.nn.LSTM's names.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or holds another model.
    pub fn load(config: &ModelConfig, path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::with_parameters(config, Parameters::read(Contents::read(path.as_ref())?, device))
    }

    /// The model that a file holds, where the file says which: ours, nanoGPT's `ckpt.pt`, or an LSTM's state dict.
    ///
    /// # Errors
    /// The file cannot be read or is damaged, or does not say what model it holds.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let contents = Contents::read(path.as_ref())?;
        Self::with_parameters(&contents.config()?, Parameters::read(contents, device))
    }

    fn with_parameters(config: &ModelConfig, parameters: Parameters) -> Result<Self> {
        config.validate()?;
        Ok(match config {
            ModelConfig::Transformer(config) => Model::Transformer(Transformer::new(config, parameters)?),
            ModelConfig::Lstm(config) => Model::Lstm(Lstm::new(config, parameters)?),
        })
    }

    /// Writes the parameters as safetensors, atomically. nanoGPT and torch.nn.LSTM load the file by name:
    ///
    /// ```python
    /// from safetensors.torch import load_file
    /// model = GPT(GPTConfig(n_layer=5, n_head=4, n_embd=128, block_size=256, bias=False, vocab_size=67, dropout=0.0))
    /// model.load_state_dict(load_file("best.safetensors"))
    /// ```
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        checkpoint::save(self, path.as_ref())
    }

    /// What kind of model this is.
    pub fn config(&self) -> ModelConfig {
        match self {
            Model::Transformer(model) => ModelConfig::Transformer(model.config().clone()),
            Model::Lstm(model) => ModelConfig::Lstm(model.config().clone()),
        }
    }

    fn all_parameters(&self) -> &Parameters {
        match self {
            Model::Transformer(model) => &model.parameters,
            Model::Lstm(model) => &model.parameters,
        }
    }

    /// Every parameter with its state-dict name, in a fixed order. A tied head is not listed twice.
    pub fn parameters(&self) -> &[(String, Var)] {
        self.all_parameters().list()
    }

    /// Where they are.
    pub fn device(&self) -> Device {
        self.parameters().first().map_or(Device::Cpu, |(_, parameter)| parameter.device().clone())
    }

    /// The same parameters (not a copy of them), run without keeping anything for gradients: for evaluation.
    ///
    /// # Errors
    /// A parameter is missing; not for models made here.
    pub fn without_gradients(&self) -> Result<Self> {
        Self::with_parameters(&self.config(), self.all_parameters().without_gradients())
    }

    /// Logits (B, T, V) for `tokens` (B, T) of u32: at each position, for the token that comes next.
    ///
    /// # Errors
    /// A token is outside the vocabulary, the context is longer than the position table, or the device fails.
    pub fn forward(&self, tokens: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        match self {
            Model::Transformer(model) => model.forward(tokens, dropout),
            Model::Lstm(model) => model.forward(tokens, dropout),
        }
    }

    /// Mean loss in nats per token (a scalar) of predicting `targets` (B, T) from `tokens` (B, T). Its `backward()` gives
    /// the gradient of every parameter; [`Model::loss_and_gradients`] gives it sooner.
    ///
    /// # Errors
    /// As for [`Model::forward`]; or the two shapes differ.
    pub fn loss(&self, tokens: &Tensor, targets: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        same_shape(tokens, targets)?;
        ops::cross_entropy(&self.forward(tokens, dropout)?, targets)
    }

    /// The value of [`Model::loss`] alone, nothing kept for gradients: each core takes some of the sequences.
    ///
    /// # Errors
    /// As for [`Model::loss`].
    pub fn loss_value(&self, tokens: &Tensor, targets: &Tensor) -> Result<f64> {
        same_shape(tokens, targets)?;
        let model = self.without_gradients()?;
        if self.device().is_cuda() && ops::fused() {
            return ops::value_on_gpu(|| model.loss(tokens, targets, &mut Dropout::off()));
        }
        if !self.runs_fused() {
            return Ok(f64::from(model.loss(tokens, targets, &mut Dropout::off())?.to_scalar::<f32>()?));
        }
        ops::mean_loss(tokens.dim(0)?, |piece| {
            let of_piece = |x: &Tensor| x.narrow(0, piece.start, piece.len());
            model.loss(&of_piece(tokens)?, &of_piece(targets)?, &mut Dropout::off())
        })
    }

    /// The value of [`Model::loss`] and the gradient of every parameter: each core takes some of the sequences. The next call with
    /// the same `dropout` draws the same masks.
    ///
    /// # Errors
    /// As for [`Model::loss`].
    pub fn loss_and_gradients(&self, tokens: &Tensor, targets: &Tensor, dropout: &Dropout) -> Result<(f64, GradStore)> {
        same_shape(tokens, targets)?;
        if self.device().is_cuda() && ops::fused() {
            let (loss, mut grads) = ops::gradients_on_gpu(|| self.loss(tokens, targets, &mut dropout.clone()))?;
            return Ok((loss, self.store(|var| Ok(grads.remove(&var.id())))?));
        }
        if !self.runs_fused() {
            let loss = self.loss(tokens, targets, &mut dropout.clone())?;
            return Ok((f64::from(loss.to_scalar::<f32>()?), loss.backward()?));
        }
        let (loss, mut grads) = ops::mean_loss_and_gradients(tokens.dim(0)?, self.config().n_params(), |piece| {
            let of_piece = |x: &Tensor| x.narrow(0, piece.start, piece.len());
            self.loss(&of_piece(tokens)?, &of_piece(targets)?, &mut dropout.starting_at(piece.start))
        })?;
        let tensor = |var: &Var, grad| Ok(Tensor::from_vec(grad, var.shape(), var.device())?);
        Ok((loss, self.store(|var| grads.remove(&var.id()).map(|grad| tensor(var, grad)).transpose())?))
    }

    /// The gradients of the parameters as candle keeps them.
    fn store(&self, mut gradient: impl FnMut(&Var) -> Result<Option<Tensor>>) -> Result<GradStore> {
        let mut store = Tensor::zeros((), DType::F32, &Device::Cpu)?.backward()?; // candle makes an empty one in no other way
        for (_, var) in self.parameters() {
            if let Some(grad) = gradient(var)? {
                store.insert(var, grad);
            }
        }
        Ok(store)
    }

    fn runs_fused(&self) -> bool {
        self.parameters().iter().all(|(_, var)| ops::runs_fused(&[var]))
    }

    /// Generation of one sequence, token by token, over as long a context as the model can see.
    ///
    /// # Errors
    /// The device fails.
    pub fn decoder(&self) -> Result<Decoder> {
        self.decoders(1, None)
    }

    /// Generation of `n` sequences in lock step. A Transformer looks back over at most `context` tokens: the block size of training,
    /// where the position table is longer than that. `None`: over as many as it can see.
    ///
    /// # Errors
    /// The device fails, or has no room for the keys and values: 2·n_layer·d_model·context numbers for each sequence.
    pub fn decoders(&self, n: usize, context: Option<usize>) -> Result<Decoder> {
        Decoder::new(self, n, context.unwrap_or(usize::MAX))
    }
}

fn same_shape(tokens: &Tensor, targets: &Tensor) -> Result<()> {
    if tokens.dims() == targets.dims() {
        return Ok(());
    }
    let (tokens, targets) = (tokens.dims(), targets.dims());
    Err(Error::Tensor(format!("tokens {tokens:?} and targets {targets:?} must have the same shape")))
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
