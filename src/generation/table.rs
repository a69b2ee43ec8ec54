//! Samples as a polars table.

use super::{Features, Originality, Rung, Sample};
use crate::Result;
use polars::prelude::*;

/// One row a sample: how it was asked for, what it passes, what it copied, what music it is.
///
/// # Errors
/// The table cannot be put together.
pub fn table(samples: &[Sample]) -> Result<DataFrame> {
    let flags = |of: fn(&Sample) -> bool| samples.iter().map(of).collect::<Vec<_>>();
    let counts = |of: fn(&Sample) -> usize| samples.iter().map(|sample| of(sample) as u64).collect::<Vec<_>>();
    let copied = |of: fn(&Originality) -> Option<f64>| {
        samples.iter().map(|sample| sample.originality.as_ref().and_then(of)).collect::<Vec<Option<f64>>>()
    };
    let music = |of: fn(&Features) -> Option<f64>| {
        samples.iter().map(|sample| sample.features.as_ref().and_then(of)).collect::<Vec<Option<f64>>>()
    };
    Ok(df!(
        "sample" => counts(|sample| sample.number),
        "prompt" => samples.iter().map(|sample| sample.prompt.to_string()).collect::<Vec<_>>(),
        "n_chars" => counts(|sample| sample.raw.chars().count()),
        "ended" => flags(|sample| sample.ended),
        "parses" => flags(|sample| sample.validity.passes(Rung::ParsesStrictly)),
        "bars_fit" => flags(|sample| sample.validity.passes(Rung::BarsFit)),
        "passes_all" => flags(|sample| sample.validity.passes_all()),
        "longest_copy_notes" => copied(|originality| Some(originality.longest_copy_notes as f64)),
        "copied_phrases" => copied(|originality| originality.copied_phrases),
        "n_notes" => music(|features| Some(features.n_notes as f64)),
        "n_bars" => music(|features| Some(features.n_bars as f64)),
        "repeated_bar_share" => music(|features| features.repeated_bar_share),
    )?)
}
