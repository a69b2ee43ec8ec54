//! Samples and rates as polars tables.

use super::{Metrics, Rates, Sample};
use crate::data::TokenData;
use crate::{Error, Result};
use polars::prelude::*;

/// A number that a sample may have.
type Quantity = fn(&Sample) -> Option<f64>;

/// One row a sample: how it was asked for, what it passes, what it copied, what music it is.
pub fn table(samples: &[Sample]) -> Result<DataFrame> {
    let flags = |of: fn(&Sample) -> bool| samples.iter().map(of).collect::<Vec<_>>();
    let counts = |of: fn(&Sample) -> usize| samples.iter().map(|sample| of(sample) as u64).collect::<Vec<_>>();
    let shares = |of: fn(&Sample) -> Option<f64>| samples.iter().map(of).collect::<Vec<_>>();
    let music = |of: fn(&Metrics) -> f64| {
        samples.iter().map(|sample| sample.metrics.as_ref().map(of)).collect::<Vec<Option<f64>>>()
    };
    let table = df!(
        "sample" => counts(|sample| sample.number),
        "prompt" => samples.iter().map(|sample| sample.prompt.to_string()).collect::<Vec<_>>(),
        "temperature" => samples.iter().map(|sample| sample.prompt.temperature).collect::<Vec<_>>(),
        "top_k" => samples.iter().map(|sample| sample.prompt.top_k.map(|top_k| top_k as u64)).collect::<Vec<_>>(),
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
    );
    table.map_err(no_table)
}

impl Rates {
    /// One row a rate: how many passed, of how many, and the 95 % interval.
    pub fn table(&self) -> Result<DataFrame> {
        let rows = self.rows();
        let table = df!(
            "of the raw output" => rows.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
            "passed" => rows.iter().map(|(_, rate)| rate.passed as u64).collect::<Vec<_>>(),
            "n" => rows.iter().map(|(_, rate)| rate.n as u64).collect::<Vec<_>>(),
            "rate" => rows.iter().map(|(_, rate)| rate.rate).collect::<Vec<_>>(),
            "low" => rows.iter().map(|(_, rate)| rate.low).collect::<Vec<_>>(),
            "high" => rows.iter().map(|(_, rate)| rate.high).collect::<Vec<_>>(),
        );
        table.map_err(no_table)
    }
}

/// Samples beside the first `n_tunes` tunes of the validation split, measured alike: rates, copied shares and mean metrics, in
/// one row each. Real tunes repeat phrases that others have and break rules too: their column is the mark to reach.
pub fn compare_with_held_out(samples: &[Sample], data: &TokenData, n_tunes: usize) -> Result<DataFrame> {
    let (ours, theirs) = (measures(samples), measures(&Sample::held_out(data, n_tunes)));
    let column = |of: &[(String, Option<f64>)]| of.iter().map(|(_, value)| *value).collect::<Vec<_>>();
    let table = df!(
        "rate or mean" => ours.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        "generated" => column(&ours),
        "held-out tunes" => column(&theirs),
    );
    table.map_err(no_table)
}

/// Every rate of our own reader, then means over the samples that have the quantity.
fn measures(samples: &[Sample]) -> Vec<(String, Option<f64>)> {
    let rates = Rates::of(samples);
    let asked = [("abc2midi converts it".to_string(), rates.abc2midi.map(|rate| rate.rate))]; // a row even where it is not installed
    let ours = rates.own_rows().into_iter().map(|(name, rate)| (name.to_string(), (rate.n > 0).then_some(rate.rate)));
    let means: [(&str, Quantity); 11] = [
        ("bars that do not add up", |sample| Some(sample.validity.n_bar_errors as f64)),
        ("longest copy (characters)", |sample| Some(sample.originality.longest_copy_chars as f64)),
        ("16-grams copied", |sample| sample.originality.copied_16_grams),
        ("32-grams copied", |sample| sample.originality.copied_32_grams),
        ("voices", |sample| Some(sample.metrics.as_ref()?.n_voices as f64)),
        ("notes", |sample| Some(sample.metrics.as_ref()?.n_notes as f64)),
        ("bars", |sample| Some(sample.metrics.as_ref()?.n_bars as f64)),
        ("notes per bar", |sample| Some(sample.metrics.as_ref()?.notes_per_bar)),
        ("pitch range (semitones)", |sample| Some(f64::from(sample.metrics.as_ref()?.pitch_range))),
        ("pitch-class entropy (bits)", |sample| Some(sample.metrics.as_ref()?.pitch_class_entropy)),
        ("notes in the scale", |sample| Some(sample.metrics.as_ref()?.in_scale_share)),
    ];
    let mean = |of: Quantity| {
        let values: Vec<f64> = samples.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    ours.chain(asked).chain(means.map(|(name, of)| (name.to_string(), mean(of)))).collect()
}

fn no_table(error: PolarsError) -> Error {
    Error::Data(format!("the samples cannot be shown as a table: {error}"))
}
