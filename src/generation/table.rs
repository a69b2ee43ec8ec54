//! Samples and rates as polars tables.

use super::{Metrics, Rates, Sample};
use crate::{Error, Result};
use polars::prelude::*;

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

fn no_table(error: PolarsError) -> Error {
    Error::Data(format!("the samples cannot be shown as a table: {error}"))
}
