//! A corpus as polars tables: its tunes, its failures, and what it is made of.

use super::{Corpus, FailedFile, LongTunes, Split, Tune};
use crate::Result;
use polars::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The sixteen families of eight General MIDI programs each.
#[rustfmt::skip]
const INSTRUMENT_FAMILIES: [&str; 16] = [
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
];

/// Width of the classes of tempo, in quarter notes per minute.
const TEMPO_CLASS_BPM: usize = 20;

impl Corpus {
    /// One row a tune, kept and dropped, with everything but its text: for polars to filter, group and count.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn table(&self) -> Result<DataFrame> {
        let tunes = self.map_tunes(|tune| Tune { abc: String::new(), ..tune.clone() })?;
        let texts = |of: fn(&Tune) -> Option<&str>| tunes.iter().map(of).collect::<Vec<_>>();
        let counts = |of: fn(&Tune) -> usize| tunes.iter().map(|tune| of(tune) as u64).collect::<Vec<_>>();
        Ok(df!(
            "tune_id" => texts(|tune| Some(&tune.tune_id)),
            "artist" => texts(|tune| tune.artist.as_deref()),
            "title" => texts(|tune| tune.title.as_deref()),
            "key" => texts(|tune| Some(&tune.key)),
            "meter" => texts(|tune| Some(&tune.meter)),
            "tempo_bpm" => tunes.iter().map(|tune| tune.tempo_bpm).collect::<Vec<_>>(),
            "n_voices" => counts(|tune| tune.n_voices),
            "n_notes" => counts(|tune| tune.n_notes),
            "n_bars" => counts(|tune| tune.n_bars),
            "n_chars" => counts(|tune| tune.n_chars),
            "split" => texts(|tune| tune.split.map(Split::name)),
            "dropped_because" => texts(|tune| tune.dropped_because.as_deref()),
        )?)
    }

    /// One row a failed file: source, stage, reason.
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn failed_table(&self) -> Result<DataFrame> {
        let column = |of: fn(&FailedFile) -> &str| self.failed.iter().map(of).collect::<Vec<_>>();
        Ok(df!(
            "source" => column(|failed| &failed.source),
            "stage" => column(|failed| &failed.stage),
            "reason" => column(|failed| &failed.reason),
        )?)
    }

    /// Tunes, characters and lengths of each split.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn by_split(&self) -> Result<DataFrame> {
        let all = self.map_kept(|tune| (tune.split, tune.n_chars))?;
        let of = |split| all.iter().filter(move |tune| tune.0 == Some(split)).map(|tune| tune.1);
        let lengths = Split::ALL.map(|split| sorted(of(split)));
        Ok(df!(
            "split" => Split::ALL.map(Split::name),
            "n_tunes" => lengths.each_ref().map(|lengths| lengths.len() as u64),
            "n_chars" => lengths.each_ref().map(|lengths| lengths.iter().sum::<u64>()),
            "mean_chars" => lengths.each_ref().map(|lengths| mean(lengths)),
            "median_chars" => lengths.each_ref().map(|lengths| quantile(lengths, 0.5)),
        )?)
    }

    /// Tunes and characters that the policies for long tunes keep, and the characters' share of all that were read. What `drop`
    /// keeps can be seen in a corpus that was split; a corpus that dropped knows only itself.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn by_policy(&self) -> Result<DataFrame> {
        let tunes = self.map_tunes(|tune| (tune.is_kept(), tune.is_piece(), tune.n_chars))?;
        let count = |name, keeps: fn(bool, bool) -> bool| {
            let kept = || tunes.iter().filter(|tune| keeps(tune.0, tune.1)).map(|tune| tune.2 as u64);
            (name, kept().count() as u64, kept().sum::<u64>())
        };
        let mut rows = vec![count("as read", |_, _| true), count("drop", |is_kept, is_piece| is_kept && !is_piece)];
        if self.config.long_tunes == LongTunes::Split {
            rows.push(count("split", |is_kept, _| is_kept));
        }
        let n_read = rows[0].2.max(1) as f64;
        Ok(df!(
            "long tunes" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            "n_tunes" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            "n_chars" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
            "percent" => rows.iter().map(|row| 100.0 * row.2 as f64 / n_read).collect::<Vec<_>>(),
        )?)
    }

    /// Characters, bars, notes and voices of the kept tunes: mean and quantiles.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn lengths(&self) -> Result<DataFrame> {
        let all = self.map_kept(|tune| [tune.n_chars, tune.n_bars, tune.n_notes, tune.n_voices])?;
        let measures = [0, 1, 2, 3].map(|measure| sorted(all.iter().map(|of_tune| of_tune[measure])));
        let at = |share: f64| measures.each_ref().map(|numbers| quantile(numbers, share));
        Ok(df!(
            "of a kept tune" => ["n_chars", "n_bars", "n_notes", "n_voices"],
            "mean" => measures.each_ref().map(|numbers| mean(numbers)),
            "minimum" => at(0.0),
            "10 %" => at(0.1),
            "median" => at(0.5),
            "90 %" => at(0.9),
            "maximum" => at(1.0),
        )?)
    }

    /// Tempi in classes of 20 quarter notes per minute, in order of tempo.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn by_tempo(&self) -> Result<DataFrame> {
        let classes = count(self.map_kept(|tune| tune.tempo_bpm.max(0.0) as usize / TEMPO_CLASS_BPM)?);
        let label = |class: &usize| format!("{}–{}", class * TEMPO_CLASS_BPM, (class + 1) * TEMPO_CLASS_BPM - 1);
        Ok(df!(
            "tempo_bpm" => classes.keys().map(label).collect::<Vec<_>>(),
            "n_tunes" => classes.values().copied().collect::<Vec<_>>(),
        )?)
    }

    /// Families of General MIDI instruments, and drums, by the number of tunes that use them and their share of all tunes.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn by_instrument(&self) -> Result<DataFrame> {
        frequencies("instrument", self.map_kept(|tune| instruments(&tune.abc))?.concat(), self.n_kept())
    }

    /// Why tunes were dropped.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn drop_reasons(&self) -> Result<DataFrame> {
        let reasons: Vec<String> = self.map_tunes(|tune| tune.dropped_because.clone())?.into_iter().flatten().collect();
        frequencies("dropped_because", reasons, self.n_dropped())
    }

    /// Stages and reasons of failures, places, numbers and quoted text left out.
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn failure_reasons(&self) -> Result<DataFrame> {
        frequencies("failure", self.failed.iter().map(reason).collect(), self.failed.len())
    }
}

/// Stages and reasons of failures, places, numbers and quoted text left out, and how often each occurs, the most frequent first.
pub fn count_reasons(failed: &[FailedFile]) -> Vec<(String, u64)> {
    most_frequent(failed.iter().map(reason))
}

fn reason(failed: &FailedFile) -> String {
    let quotes = failed.reason.split('"').enumerate().map(|(i, part)| if i % 2 == 1 { "…" } else { part });
    let without_quotes = quotes.collect::<Vec<_>>().join("\"");
    let parts = without_quotes.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty());
    format!("{}: {}", failed.stage, parts.collect::<Vec<_>>().join("n"))
}

/// How often each value occurs, in the values' order.
fn count<T: Ord>(values: impl IntoIterator<Item = T>) -> BTreeMap<T, u64> {
    let mut n_of = BTreeMap::new();
    values.into_iter().for_each(|value| *n_of.entry(value).or_default() += 1);
    n_of
}

fn most_frequent(values: impl IntoIterator<Item = String>) -> Vec<(String, u64)> {
    let mut rows: Vec<(String, u64)> = count(values).into_iter().collect();
    rows.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    rows
}

/// Names and how often each occurs, the most frequent first, and percent of `total`.
fn frequencies(name: &str, values: Vec<String>, total: usize) -> Result<DataFrame> {
    let (names, n): (Vec<String>, Vec<u64>) = most_frequent(values).into_iter().unzip();
    let percent: Vec<f64> = n.iter().map(|&n| 100.0 * n as f64 / total.max(1) as f64).collect();
    Ok(df!(name => names, "n" => n, "percent" => percent)?)
}

/// The instrument families of a tune's `%%MIDI program` and `%%MIDI channel 10` lines, each once.
fn instruments(abc: &str) -> Vec<String> {
    let directives = abc.lines().filter_map(|line| line.trim().strip_prefix("%%MIDI "));
    let families: BTreeSet<&str> = directives.filter_map(family).collect();
    families.into_iter().map(str::to_string).collect()
}

fn family(directive: &str) -> Option<&'static str> {
    let mut words = directive.split_whitespace();
    let what = words.next()?;
    let number: usize = words.last()?.parse().ok()?; // "program 40" or, with a channel first, "program 2 40"
    match what {
        "program" => INSTRUMENT_FAMILIES.get(number / 8).copied(),
        "channel" if number == 10 => Some("drums"),
        _ => None,
    }
}

fn sorted(values: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut values: Vec<u64> = values.map(|value| value as u64).collect();
    values.sort_unstable();
    values
}

fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / (values.len() as f64).max(1.0)
}

/// The value below which the share of the sorted values lies; 0 for no values.
fn quantile(sorted: &[u64], share: f64) -> u64 {
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::corpus::tests::corpus_of;
    use crate::data::tune::tests::tune;

    fn corpus(folder: &tempfile::TempDir) -> Corpus {
        let mut tunes: Vec<Tune> = (0..5).map(|i| tune(&format!("t{i}"), &"x".repeat(100 * (i + 1)))).collect();
        tunes[0].split = Some(Split::Train);
        tunes[1].split = Some(Split::Train);
        tunes[1].meter = "6/8".to_string();
        tunes[2].split = Some(Split::Val);
        tunes[3].split = Some(Split::Test);
        tunes[4].drop_because("too long");
        tunes[0].abc = "V:1\n%%MIDI program 40\nV:2\n%%MIDI program 2 41\nV:3\n%%MIDI channel 10\n".to_string();
        let failed = vec![FailedFile::new("a.abc:1", "read abc", "line 3, column 14: a bar too many")];
        corpus_of(folder.path(), &tunes, failed)
    }

    fn cell(table: &DataFrame, column: &str, row: usize) -> String {
        let value = table.column(column).unwrap().get(row).unwrap();
        value.to_string().trim_matches('"').to_string()
    }

    #[test]
    fn the_table_has_a_row_a_tune() {
        let folder = tempfile::tempdir().unwrap();
        let table = corpus(&folder).table().unwrap();
        assert_eq!(table.shape(), (5, 12));
        assert_eq!(
            (cell(&table, "tune_id", 4), cell(&table, "dropped_because", 4), cell(&table, "n_chars", 4)),
            ("t4".into(), "too long".into(), "500".into())
        );
    }

    #[test]
    fn lengths_and_tempi_are_of_kept_tunes_and_reasons_without_places() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(&folder);
        let splits = corpus.by_split().unwrap();
        assert_eq!(
            (cell(&splits, "n_tunes", 0), cell(&splits, "n_chars", 0), cell(&splits, "mean_chars", 0)),
            ("2".into(), "300".into(), "150.0".into())
        );
        assert_eq!(cell(&corpus.by_tempo().unwrap(), "tempo_bpm", 0), "120–139");
        assert_eq!(cell(&corpus.lengths().unwrap(), "maximum", 0), "400");
        assert_eq!(cell(&corpus.drop_reasons().unwrap(), "dropped_because", 0), "too long");
        assert_eq!(
            cell(&corpus.failure_reasons().unwrap(), "failure", 0),
            "read abc: line n, column n: a bar too many"
        );
        assert_eq!(corpus.failed_table().unwrap().shape(), (1, 3));
    }

    #[test]
    fn what_dropping_would_keep_is_seen_beside_what_splitting_keeps() {
        let mut tunes: Vec<Tune> = (0..4).map(|i| tune(&format!("t{i}"), &"x".repeat(100))).collect();
        tunes[1].tune_id = "t1~1".to_string(); // a piece
        tunes[3].drop_because("at most 100 characters");
        for (tune, split) in tunes.iter_mut().zip(Split::ALL) {
            tune.split = Some(split);
        }
        let folder = tempfile::tempdir().unwrap();
        let table = corpus_of(folder.path(), &tunes, Vec::new()).by_policy().unwrap();
        let rows = [("as read", "4", "100.0"), ("drop", "2", "50.0"), ("split", "3", "75.0")];
        for (row, (name, n_tunes, percent)) in rows.into_iter().enumerate() {
            let cells = ["long tunes", "n_tunes", "percent"].map(|column| cell(&table, column, row));
            assert_eq!(cells, [name, n_tunes, percent]);
        }
    }

    #[test]
    fn instruments_are_families_and_drums_once_a_tune() {
        let folder = tempfile::tempdir().unwrap();
        let table = corpus(&folder).by_instrument().unwrap();
        let row = |row| ["instrument", "n", "percent"].map(|column| cell(&table, column, row));
        assert_eq!(
            (table.height(), row(0), row(1)),
            (2, ["drums", "1", "25.0"].map(Into::into), ["strings", "1", "25.0"].map(Into::into))
        );
    }
}
