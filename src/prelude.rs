//! What a notebook needs: `use music_scaling::prelude::*;`
//!
//! The modules `data` and `study` are not in it: notebooks call variables so, and where one is gone, the compiler should miss the variable.

pub use crate::data::{Corpus, CorpusConfig, Split, TokenData, Tokenizer, Tune};
pub use crate::figures::look::{self, Colour};
pub use crate::figures::{self, Figure, Line, NamedValue, Reference, human, live, show};
pub use crate::fitting::{self, Comparison, Fit, Law, Objective, Point, Verdict};
pub use crate::game::{Class, Game, GameScore, Grid, Rules, Shape, interval_score};
pub use crate::generation;
pub use crate::lessons::{Answer, BLANK};
pub use crate::models::{self, Family, Model, ModelConfig, NGram, Size};
pub use crate::music::{self, Key, Meter, Note, Score, Voice, abc, audio, midi, quantise};
pub use crate::ops::{self, Dropout};
pub use crate::study::{
    Axis, BestNGram, Budgets, ByPosition, CorpusResult, Emergence, Exhibit, Families, Floors, GradientHorizon, Gzip,
    Induction, Judged, Jury, MusicCount, Outcome, Prediction, RunRecord, Start, Study, Subject, Sweep, TestResult,
    attention_arcs, attention_roll, countings_table, induction, laws_table, loss_by_position, museum_figure,
    museum_table, objectives_table, sensitivity_table,
};
pub use crate::training::{self, Run, RunConfig, Runs, evaluate};
pub use crate::{Error, Result};

// The crates that lessons use beside ours; `df!` makes a table.
pub use candle_core::{self, D, DType, Device, Tensor};
pub use candle_nn;
pub use plotters;
pub use polars::prelude::{Column, DataFrame, NamedFrom, Series, df};
pub use serde;
pub use serde_json::{self, json};
pub use std::sync::Arc;
