//! A scaling-law laboratory for music language models.
//!
//! The story in one breath: MIDI files become [`music`] scores and ABC text; [`data`] turns tunes into tokens and splits;
//! [`models`] are Transformers and LSTMs of growing size, built from the differentiable operations in [`ops`];
//! [`training`] teaches them and keeps a record of each run; [`fitting`] lays power laws through their losses and says
//! what the points can and cannot tell; [`generation`] lets the best model write tunes, which are checked and played;
//! [`figures`] draws all of it. A [`study`] holds one such undertaking together.
//!
//! ```text
//! music → data → models (ops) → training → fitting → figures
//!                                   └────→ generation ─┘
//! ```

pub mod data;
pub mod error;
pub mod figures;
pub mod generation;
pub mod lessons;
pub mod prelude;
pub mod study;

pub use abc_score as music;
pub use error::{Error, Result};
pub use nets::{files, messages, models, ops, training, words};
pub use scaling_laws as fitting;
