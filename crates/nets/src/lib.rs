//! Language models over tokens: differentiable operations, models of two families, and the one training loop.
//!
//! ```
//! use nets::training::{RunConfig, Runs};
//! use nets::{TokenData, Tokenizer, models::ladder};
//!
//! # fn main() -> nets::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let folder = folder.path();
//! let text = "CDEFGABc|cBAGFEDC|".repeat(20);
//! let tokenizer = Tokenizer::from_text(&text)?;
//! let (train, val, test) = (tokenizer.encode(&text)?, tokenizer.encode(&text[..54])?, Vec::new());
//! let data = TokenData { dir: folder.join("scale"), tokenizer, train, val, test };
//!
//! let size = &ladder("smoke-lstm", data.tokenizer.vocab_size(), 16)?[0];
//! let config = RunConfig { block_size: 16, batch_size: 2, ..RunConfig::new(&size.name, &size.model, &data, 640) };
//! let run = Runs::open(folder.join("runs"))?.get_or_train(&config, &data)?;
//! assert_eq!((run.summary.n_steps, run.val_curve().len()), (20, 10));
//! # Ok(())
//! # }
//! ```

mod error;
pub mod files;
mod lock;
pub mod messages;
pub mod models;
pub mod ops;
mod token_data;
mod tokens;
pub mod training;
pub mod words;

pub use error::{Error, Result};
pub use files::{hash, short_hash};
pub use token_data::{Split, TokenData};
pub use tokens::Tokenizer;
