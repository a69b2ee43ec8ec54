//! A folder of tunes of one's own becomes a corpus, and a small model learns it: under a minute.
//! `cargo run -p music-scaling --example prepare_and_train -- FOLDER`; without a folder, composed tunes stand in.

use music_scaling::data::{Corpus, CorpusConfig, Split};
use music_scaling::models::{InitialSpread, ModelConfig, Positions, TransformerConfig};
use music_scaling::training::{RunConfig, Runs};
use std::path::Path;

fn main() -> music_scaling::Result<()> {
    let source = std::env::args().nth(1).unwrap_or("composed".into());
    let folder = Path::new("target/example-corpus");
    let corpus = Corpus::get_or_prepare(&CorpusConfig::of(source), folder)?;
    println!("{corpus}\nthe first: {}", corpus.first_tune(Split::Train)?);
    let data = corpus.tokens()?;
    let model = ModelConfig::Transformer(TransformerConfig {
        vocab_size: data.tokenizer.vocab_size(),
        n_positions: 64,
        n_layer: 2,
        n_head: 2,
        d_model: 32,
        d_ff: 128,
        bias: true,
        tied: false,
        positions: Positions::Rotary,
        init: InitialSpread::ByWidth,
    });
    let config = RunConfig {
        block_size: 64,
        batch_size: 8,
        learning_rate: 5e-3,
        n_evals: 4,
        ..RunConfig::new("small", &model, &data, 100_000)
    };
    let run = Runs::open(folder.join("runs"))?.get_or_train(&config, &data)?;
    let uniform = (data.tokenizer.vocab_size() as f64).ln();
    println!("validation loss {:.3} nats per character; knowing nothing costs {uniform:.3}", run.summary.val_loss);
    Ok(())
}
