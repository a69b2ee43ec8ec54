//! Samples as a polars table.

use super::{Metrics, Sample};
use crate::Result;
use polars::prelude::*;

/// One row a sample: how it was asked for, what it passes, what it copied, what music it is.
///
/// # Errors
/// The table cannot be put together.
pub fn table(samples: &[Sample]) -> Result<DataFrame> {
    let flags = |of: fn(&Sample) -> bool| samples.iter().map(of).collect::<Vec<_>>();
    let counts = |of: fn(&Sample) -> usize| samples.iter().map(|sample| of(sample) as u64).collect::<Vec<_>>();
    let shares = |of: fn(&Sample) -> Option<f64>| samples.iter().map(of).collect::<Vec<_>>();
    let music = |of: fn(&Metrics) -> f64| {
        samples.iter().map(|sample| sample.metrics.as_ref().map(of)).collect::<Vec<Option<f64>>>()
    };
    Ok(df!(
        "sample" => counts(|sample| sample.number),
        "prompt" => samples.iter().map(|sample| sample.prompt.to_string()).collect::<Vec<_>>(),
        "temperature" => samples.iter().map(|sample| sample.prompt.drawing.temperature).collect::<Vec<_>>(),
        "top_k" => samples.iter().map(|sample| sample.prompt.drawing.top_k.map(|top_k| top_k as u64)).collect::<Vec<_>>(),
        "n_chars" => counts(|sample| sample.raw.chars().count()),
        "ended" => flags(|sample| sample.ended),
        "valid" => flags(|sample| sample.validity.parses_strictly),
        "bars_add_up" => flags(|sample| sample.validity.bars_add_up),
        "midi" => flags(|sample| sample.validity.survives_round_trip),
        "abc2midi" => samples.iter().map(|sample| sample.validity.abc2midi).collect::<Vec<_>>(),
        "headers_added" => counts(|sample| sample.headers_added.len()),
        "longest_copy" => counts(|sample| sample.originality.longest_copy_chars),
        "copied_16_grams" => shares(|sample| sample.originality.copied_16_grams),
        "copied_32_grams" => shares(|sample| sample.originality.copied_32_grams),
        "n_notes" => music(|metrics| metrics.n_notes as f64),
        "n_bars" => music(|metrics| metrics.n_bars as f64),
        "notes_per_bar" => music(|metrics| metrics.notes_per_bar),
        "pitch_range" => music(|metrics| f64::from(metrics.pitch_range)),
        "pitch_class_entropy" => music(|metrics| metrics.pitch_class_entropy),
        "in_scale_share" => music(|metrics| metrics.in_scale_share),
    )?)
}
