//! The table of a measurement: what was measured, ours, abcmidi's.

use super::f1::percentile;
use super::files::{AbcTune, Measured, MidiFile};
use super::{Kept, MusicReport, Prepared};
use music_scaling::data::tables;
use music_scaling::figures::show::{self, Html};
use music_scaling::prelude::{DataFrame, df};
use music_scaling::{Error, Result};
use serde::{Deserialize, Serialize};

/// One line of the table. `None`: not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub measure: String,
    pub ours: Option<f64>,
    pub abcmidi: Option<f64>,
    /// Whether the tool could be asked for this number at all.
    pub is_compared: bool,
}

impl Row {
    fn ours(measure: impl Into<String>, ours: impl Into<Option<f64>>) -> Row {
        let ours = ours.into().filter(|value| value.is_finite());
        Row { measure: measure.into(), ours, abcmidi: None, is_compared: false }
    }

    fn beside(self, abcmidi: impl Into<Option<f64>>) -> Row {
        Row { abcmidi: abcmidi.into().filter(|value| value.is_finite()), is_compared: true, ..self }
    }
}

impl MusicReport {
    pub(super) fn add(&mut self, measured: Measured) {
        self.midi.extend(measured.midi);
        self.tunes.extend(measured.tunes);
        self.failed.extend(measured.failed);
        for (sum, kept) in self.kept.iter_mut().zip(measured.kept) {
            *sum = sum.plus(kept);
        }
    }

    /// F1 within 1/16 beat of MIDI → our ABC → our MIDI, a value for each MIDI file that has notes.
    pub fn f1(&self) -> Vec<f64> {
        self.midi.iter().map(|file| file.f1).collect()
    }

    /// The same of MIDI → midi2abc -s → abc2midi, a value for each file that was tried; empty where it is not installed.
    pub fn abcmidi_f1(&self) -> Vec<f64> {
        self.midi.iter().filter_map(|file| Some(file.abcmidi.as_ref()?.f1)).collect()
    }

    /// All figures, in the order of the table.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::ours("files", self.n_files as f64),
            Row::ours("refused files and tunes", self.failed.len() as f64),
        ];
        if !self.midi.is_empty() {
            rows.extend(self.midi_rows());
        }
        if !self.tunes.is_empty() {
            rows.extend(self.tune_rows());
        }
        rows.extend(self.kept_rows());
        rows.extend(self.speed_rows());
        rows.extend(self.corpora.iter().filter(|corpus| corpus.problem.is_none()).flat_map(corpus_rows));
        rows
    }

    fn midi_rows(&self) -> Vec<Row> {
        let files = &self.midi;
        let peers: Vec<_> = files.iter().filter_map(|file| file.abcmidi.as_ref()).collect();
        let of = |value: fn(&MidiFile) -> f64| files.iter().map(value).collect::<Vec<f64>>();
        let (f1, f1_32, theirs) = (self.f1(), of(|file| file.f1_32), self.abcmidi_f1());
        let through: Vec<f64> = peers.iter().map(|peer| peer.f1_of_our_abc).collect();
        let converted: Vec<&MidiFile> = files.iter().filter(|file| file.n_chars > 0).collect();
        let chars = mean(converted.iter().map(|file| file.n_chars as f64));
        let their_chars = mean(peers.iter().filter_map(|peer| peer.n_chars).map(|n| n as f64));
        let both = converted.iter().filter_map(|file| Some((file.n_chars, file.abcmidi.as_ref()?.n_chars?)));
        let (our_sum, their_sum) = both.fold((0, 0), |(a, b), (ours, theirs)| (a + ours, b + theirs));
        let notes_of = |file: &&MidiFile| file.n_chars as f64 / file.n_notes.max(1) as f64;
        let share = |of: fn(&&&super::abcmidi::Peer) -> bool| share(peers.iter().filter(of).count(), peers.len());
        vec![
            Row::ours("MIDI files with notes", files.len() as f64),
            Row::ours("round trip F1 within 1/16 beat, median", percentile(&f1, 0.5)).beside(percentile(&theirs, 0.5)),
            Row::ours("round trip F1 within 1/16 beat, 10th percentile", percentile(&f1, 0.1))
                .beside(percentile(&theirs, 0.1)),
            Row::ours("round trip F1 within 1/32 beat, median", percentile(&f1_32, 0.5)),
            Row::ours("round trip F1 within 1/32 beat, 10th percentile", percentile(&f1_32, 0.1)),
            Row::ours("our ABC through abc2midi: F1 within 1/16 beat, median", percentile(&through, 0.5))
                .beside(percentile(&theirs, 0.5)),
            Row::ours("our ABC through abc2midi: F1 within 1/16 beat, 10th percentile", percentile(&through, 0.1))
                .beside(percentile(&theirs, 0.1)),
            Row::ours("files with an Error from abc2midi (%)", share(|peer| peer.error_in_ours))
                .beside(share(|peer| peer.error)),
            Row::ours("files with a Warning from abc2midi (%)", share(|peer| peer.warning_in_ours))
                .beside(share(|peer| peer.warning)),
            Row::ours("characters a file, mean", chars).beside(their_chars),
            Row::ours("characters, relative to midi2abc -s on the same files", our_sum as f64 / their_sum as f64)
                .beside(1.0),
            Row::ours("bytes of our ABC a note, largest", converted.iter().map(notes_of).fold(f64::NAN, f64::max)),
            Row::ours(
                "write(parse(text)) == text (% of MIDI files)",
                percent(converted.iter().filter(|file| file.is_idempotent).count(), converted.len()),
            ),
        ]
    }

    fn tune_rows(&self) -> Vec<Row> {
        let n_failed = self.failed.iter().filter(|failed| failed.stage == "read abc").count();
        let n_tried = self.tunes.len() + n_failed;
        let equal = |f1: fn(&AbcTune) -> Option<f64>| {
            let compared: Vec<f64> = self.tunes.iter().filter_map(f1).collect();
            share(compared.iter().filter(|f1| **f1 >= 0.99).count(), compared.len())
        };
        vec![
            Row::ours("ABC tunes", n_tried as f64),
            Row::ours(
                "tunes that the strict reader takes (%)",
                percent(self.tunes.iter().filter(|tune| tune.is_strict).count(), n_tried),
            ),
            Row::ours("tunes that the lenient reader takes (%)", percent(self.tunes.len(), n_tried)),
            Row::ours("as played: notes equal abc2midi's, F1 ≥ 0.99 (% of tunes)", equal(|tune| tune.f1_as_played))
                .beside(100.0),
            Row::ours("as written: notes equal abc2midi's, F1 ≥ 0.99 (% of tunes)", equal(|tune| tune.f1_as_written))
                .beside(100.0),
            Row::ours(
                "write(parse(write(tune))) == write(tune) (% of tunes)",
                percent(self.tunes.iter().filter(|tune| tune.is_idempotent).count(), self.tunes.len()),
            ),
        ]
    }

    fn kept_rows(&self) -> Vec<Row> {
        let [all, dropping, splitting] = self.kept;
        let rows = [("drop", dropping), ("split", splitting)].map(|(policy, kept)| {
            [
                Row::ours(format!("long tunes, {policy}: tunes kept"), kept.n_tunes as f64),
                Row::ours(format!("long tunes, {policy}: characters kept"), kept.n_chars as f64),
                Row::ours(format!("long tunes, {policy}: characters kept (%)"), percent(kept.n_chars, all.n_chars)),
                Row::ours(format!("long tunes, {policy}: notes kept (%)"), percent(kept.n_notes, all.n_notes)),
            ]
        });
        rows.into_iter().flatten().collect()
    }

    fn speed_rows(&self) -> Vec<Row> {
        let speed = &self.speed;
        let scaling = speed.on_one_core.zip(speed.on_all_cores).map(|(one, all)| all / one);
        vec![
            Row::ours("files and tunes timed", speed.n_files as f64),
            Row::ours("MIDI → ABC, files per CPU second", speed.midi_to_abc).beside(speed.midi2abc),
            Row::ours("ABC → MIDI, files per CPU second", speed.abc_to_midi).beside(speed.abc2midi),
            Row::ours("starting a process, CPU ms a file, of the above", 0.0).beside(speed.abcmidi_start_ms),
            Row::ours("there and back on one core, files per second", speed.on_one_core),
            Row::ours(format!("there and back on {} cores, files per second", speed.n_cores), speed.on_all_cores),
            Row::ours(format!("speed on {} cores over speed on one", speed.n_cores), scaling),
        ]
    }

    /// The table as polars has it: numbers as text, so that "not installed" has a place.
    pub fn table(&self) -> Result<DataFrame> {
        let rows = self.rows();
        let table = df!(
            "measure" => rows.iter().map(|row| row.measure.clone()).collect::<Vec<_>>(),
            "ours" => rows.iter().map(|row| self.ours_text(row)).collect::<Vec<_>>(),
            "abcmidi" => rows.iter().map(|row| self.abcmidi_text(row)).collect::<Vec<_>>(),
        );
        table.map_err(|error| Error::Data(format!("the table cannot be put together: {error}")))
    }

    /// The table for a notebook.
    pub fn show(&self) -> Result<Html> {
        Ok(show::table(&self.table()?))
    }

    /// Why files and tunes were refused, and how many.
    pub fn reasons(&self) -> Result<DataFrame> {
        tables::reasons(&self.failed)
    }

    fn ours_text(&self, row: &Row) -> String {
        let needs_tool = row.is_compared && row.ours.is_none() && !self.has_abcmidi;
        row.ours.map_or(if needs_tool { "not installed" } else { "–" }.into(), number)
    }

    fn abcmidi_text(&self, row: &Row) -> String {
        match (row.is_compared, self.has_abcmidi) {
            (false, _) => String::new(),
            (true, false) => "not installed".into(),
            (true, true) => row.abcmidi.map_or("–".into(), number),
        }
    }
}

/// How much of the music is the same, and how much of it leaks, ours beside random splits.
fn corpus_rows(corpus: &Prepared) -> Vec<Row> {
    let input = &corpus.input;
    let mut rows = vec![
        Row::ours(format!("{input}: prepared, files per second"), corpus.files_per_second),
        Row::ours(format!("{input}: characters in the splits"), corpus.n_chars as f64),
        Row::ours(format!("{input}: tunes and pieces in the splits"), corpus.n_tunes as f64),
        Row::ours(format!("{input}: groups of the same music"), corpus.n_groups as f64),
        Row::ours(format!("{input}: tunes and pieces in the largest group"), corpus.largest_group as f64),
    ];
    for leak in &corpus.leaks {
        let what = format!("{input}: {}-grams of {} found in training (%)", leak.n, leak.held_out);
        rows.push(Row::ours(format!("{what}, random splits"), leak.random_splits_percent));
        rows.push(Row::ours(what, leak.our_splits_percent));
    }
    rows
}

impl std::fmt::Display for MusicReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.rows();
        let width = rows.iter().map(|row| row.measure.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:<width$}  {:>13}  {:>13}", "", "ours", "abcmidi")?;
        for row in &rows {
            let line = format!("{:<width$}  {:>13}  {:>13}", row.measure, self.ours_text(row), self.abcmidi_text(row));
            writeln!(f, "{}", line.trim_end())?;
        }
        for (reason, n) in tables::count_reasons(&self.failed) {
            writeln!(f, "refused: {n} × {reason}")?;
        }
        for corpus in &self.corpora {
            if let Some(problem) = &corpus.problem {
                writeln!(f, "{} is no corpus by itself: {problem}", corpus.input)?;
            }
        }
        Ok(())
    }
}

impl Kept {
    fn plus(self, other: Kept) -> Kept {
        Kept {
            n_tunes: self.n_tunes + other.n_tunes,
            n_chars: self.n_chars + other.n_chars,
            n_notes: self.n_notes + other.n_notes,
        }
    }
}

/// Whole numbers as they are, others to four significant digits.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1000.0 {
        return format!("{value:.0}");
    }
    let digits = value.abs().log10().floor() as i32;
    format!("{value:.*}", (3 - digits).clamp(0, 4) as usize)
}

fn percent(n: usize, of: usize) -> f64 {
    100.0 * n as f64 / of as f64
}

/// Percent; `None` of nothing.
fn share(n: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| percent(n, of))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / n
}
