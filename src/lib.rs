//! A scaling-law laboratory for music language models.
//!
//! The story in one breath: MIDI files become [`music`] scores and ABC text; [`data`] turns tunes into tokens and splits;
//! [`models`] are five Transformers and four LSTMs of growing size, built from the differentiable operations in [`ops`];
//! [`training`] teaches them and keeps a record of each run; [`fitting`] lays power laws through their losses and says
//! what the points can and cannot tell; [`generation`] lets the best model write tunes, which are checked and played;
//! [`figures`] draws all of it. A [`study`] holds one such undertaking together, and the [`lab`] runs it in notebooks.
//!
//! ```text
//! music → data → models (ops) → training → fitting → figures
//!                                   └────→ generation ─┘
//! ```

pub mod bench;
pub mod data;
pub mod error;
pub mod figures;
pub mod files;
pub mod fitting;
pub mod generation;
pub mod lab;
pub mod messages;
pub mod models;
pub mod music;
pub mod ops;
pub mod prelude;
pub mod study;
pub mod training;

pub use error::{Error, Result};
