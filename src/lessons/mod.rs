//! What a lesson adds to a study: the reader's own predictions, kept until the result is there, and exercises that check an answer.
//!
//! In a notebook both begin as [`BLANK`]:
//!
//! ```no_run
//! # use music_scaling::prelude::*;
//! # let study = Study::open_default()?;
//! study.guess("02.4", 4..=5)?;            // before the result: the reader's number, range or word in place of BLANK
//! study.reveal("02.4", 5, 3..=4)?;         // after it: what was found, and what the notebook's authors had said
//! study.tally("02")?;                     // at the end: who was right how often
//! study.check("02.1", BLANK)?;            // an exercise
//! # Ok::<(), Error>(())
//! ```

mod answer;
mod exercises;
mod guesses;

pub use answer::{Answer, BLANK};
