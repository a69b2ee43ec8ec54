//! Language models over tokens: differentiable operations, models of two families, and the one training loop.

mod error;
pub mod files;
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
