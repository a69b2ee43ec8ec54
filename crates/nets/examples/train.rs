//! Trains one small Transformer on a text that it makes itself, then lets it write. A few seconds.
//!
//! ```text
//! cargo run -p nets --example train
//! ```

use nets::models::{InitialSpread, Positions, TransformerSize};
use nets::training::{RunConfig, Runs};
use nets::{Result, TokenData, Tokenizer};

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join("nets-example");
    let scale = ["CDEFGABc|", "cBAGFEDC|", "CEGcGECz|", "DFAdAFDz|"];
    let text = |n: usize| (0..n).map(|i| scale[i * i / 3 % 4]).collect::<String>();
    let tokenizer = Tokenizer::from_text(&text(4))?;
    let (train, val, test) = (tokenizer.encode(&text(4000))?, tokenizer.encode(&text(100))?, Vec::new());
    let data = TokenData { dir: folder.join("data"), tokenizer, train, val, test };

    let entry = TransformerSize {
        name: "tiny".into(),
        n_layer: 1,
        n_head: 2,
        d_model: 32,
        d_ff: None,
        n_positions: 0,
        bias: false,
        tied: true,
        positions: Positions::Rotary,
        init: InitialSpread::ByWidth,
    };
    let size = entry.size(data.tokenizer.vocab_size(), 64);
    let config = RunConfig::new(&size.name, &size.model, &data, 60_000);
    let config = RunConfig { block_size: 64, batch_size: 8, n_evals: 4, ..config }.with_rates(3e-3, 0.1);
    let run = Runs::open(folder.join("runs"))?.get_or_train(&config, &data)?; // a second call loads it
    for (n_tokens, loss) in run.val_curve() {
        println!("after {n_tokens} tokens: {loss:.3} nats per token");
    }

    let mut decoder = run.best_model()?.decoder()?;
    let mut written = data.tokenizer.encode("C")?;
    for _ in 0..53 {
        let logits = decoder.next(written.last().map_or(0, |token| u32::from(*token)))?;
        let likeliest = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap_or(0);
        written.push(likeliest as u16);
    }
    println!("{}", data.tokenizer.decode(&written));
    Ok(())
}
