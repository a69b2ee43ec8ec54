//! The table of a measurement: what was measured, ours, abcmidi's.

use super::MusicReport;
use super::abcmidi::Peer;
use super::files::{AbcTune, MidiFile};
use music_scaling::data::tables;

/// One line of the table. `None`: not measured.
#[derive(Debug, Clone)]
pub struct Row {
    pub measure: String,
    pub ours: Option<f64>,
    pub abcmidi: Option<f64>,
}

fn ours(measure: impl Into<String>, ours: impl Into<Option<f64>>) -> Row {
    let ours = ours.into().filter(|value| value.is_finite());
    Row { measure: measure.into(), ours, abcmidi: None }
}

fn both(measure: impl Into<String>, ours_is: impl Into<Option<f64>>, abcmidi: impl Into<Option<f64>>) -> Row {
    let abcmidi = abcmidi.into().filter(|value| value.is_finite());
    Row { abcmidi, ..ours(measure, ours_is) }
}

impl MusicReport {
    /// All figures, in the order of the table.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows =
            vec![ours("files", self.n_files as f64), ours("refused files and tunes", self.failed.len() as f64)];
        if !self.midi.is_empty() {
            rows.extend(self.midi_rows());
        }
        if !self.tunes.is_empty() {
            rows.extend(self.tune_rows());
        }
        rows.extend(self.speed_rows());
        rows
    }

    fn midi_rows(&self) -> Vec<Row> {
        let peers: Vec<&Peer> = self.midi.iter().filter_map(|file| file.abcmidi.as_ref()).collect();
        let of = |value: fn(&MidiFile) -> f64| self.midi.iter().map(value).collect::<Vec<f64>>();
        let of_peers = |value: fn(&Peer) -> f64| peers.iter().map(|peer| value(peer)).collect::<Vec<f64>>();
        let (f1, f1_32, theirs) = (of(|file| file.f1), of(|file| file.f1_32), of_peers(|peer| peer.f1));
        let through = of_peers(|peer| peer.f1_of_our_abc);
        let converted = self.midi.iter().filter(|file| file.n_chars > 0);
        let n_chars = converted.filter_map(|file| Some((file.n_chars, file.abcmidi.as_ref()?.n_chars?)));
        let (our_chars, their_chars) = n_chars.fold((0, 0), |(a, b), (ours, theirs)| (a + ours, b + theirs));
        let share_of = |is: fn(&Peer) -> bool| share(peers.iter().filter(|peer| is(peer)).count(), peers.len());
        let mut rows = vec![ours("MIDI files with notes", self.midi.len() as f64)];
        for (name, place) in [("median", 0.5), ("10th percentile", 0.1)] {
            let (ours_is, theirs) = (|values: &[f64]| percentile(values, place), percentile(&theirs, place));
            rows.push(both(format!("round trip F1 within 1/16 beat, {name}"), ours_is(&f1), theirs));
            rows.push(ours(format!("round trip F1 within 1/32 beat, {name}"), ours_is(&f1_32)));
            rows.push(both(
                format!("our ABC through abc2midi: F1 within 1/16 beat, {name}"),
                ours_is(&through),
                theirs,
            ));
        }
        let errors = (share_of(|peer| peer.error_in_ours), share_of(|peer| peer.error));
        let warnings = (share_of(|peer| peer.warning_in_ours), share_of(|peer| peer.warning));
        rows.push(both("files with an Error from abc2midi (%)", errors.0, errors.1));
        rows.push(both("files with a Warning from abc2midi (%)", warnings.0, warnings.1));
        let ratio = our_chars as f64 / their_chars as f64;
        rows.push(both("characters, relative to midi2abc -s on the same files", ratio, 1.0));
        rows
    }

    fn tune_rows(&self) -> Vec<Row> {
        let n_tried = self.tunes.len() + self.failed.iter().filter(|failed| failed.stage == "read abc").count();
        let n = |is: fn(&AbcTune) -> bool| self.tunes.iter().filter(|tune| is(tune)).count();
        let equal = |f1: fn(&AbcTune) -> Option<f64>| {
            let compared: Vec<f64> = self.tunes.iter().filter_map(f1).collect();
            share(compared.iter().filter(|f1| **f1 >= 0.99).count(), compared.len())
        };
        let (played, written) = (equal(|tune| tune.f1_as_played), equal(|tune| tune.f1_as_written));
        let n_counted = n(|tune| tune.has_equal_bars.is_some());
        let equal_bars = share(n(|tune| tune.has_equal_bars == Some(true)), n_counted);
        vec![
            ours("ABC tunes", n_tried as f64),
            both("as played: notes equal abc2midi's, F1 ≥ 0.99 (% of tunes)", played, 100.0),
            both("as written: notes equal abc2midi's, F1 ≥ 0.99 (% of tunes)", written, 100.0),
            ours(format!("bars with as many notes as the text has in them (% of {n_counted} tunes)"), equal_bars),
        ]
    }

    fn speed_rows(&self) -> Vec<Row> {
        let speed = &self.speed;
        let scaling = speed.on_one_core.zip(speed.on_all_cores).map(|(one, all)| all / one);
        vec![
            ours("files and tunes timed", speed.n_files as f64),
            both("MIDI → ABC, files per CPU second", speed.midi_to_abc, speed.midi2abc),
            both("ABC → MIDI, files per CPU second", speed.abc_to_midi, speed.abc2midi),
            both("starting a process, CPU ms a file, of the above", 0.0, speed.abcmidi_start_ms),
            ours("there and back on one core, files per second", speed.on_one_core),
            ours(format!("there and back on {} cores, files per second", speed.n_cores), speed.on_all_cores),
            ours(format!("speed on {} cores over speed on one", speed.n_cores), scaling),
        ]
    }
}

impl std::fmt::Display for MusicReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.rows();
        let width = rows.iter().map(|row| row.measure.chars().count()).max().unwrap_or(0);
        writeln!(f, "{:<width$}  {:>13}  {:>13}", "", "ours", "abcmidi")?;
        for row in &rows {
            let [ours, abcmidi] = [row.ours, row.abcmidi].map(|value| value.map_or(String::new(), number));
            writeln!(f, "{}", format!("{:<width$}  {ours:>13}  {abcmidi:>13}", row.measure).trim_end())?;
        }
        if !self.has_abcmidi {
            writeln!(f, "abcmidi is not installed, or was left out")?;
        }
        for (reason, n) in tables::count_reasons(&self.failed) {
            writeln!(f, "refused: {n} × {reason}")?;
        }
        Ok(())
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

/// Percent; `None` of nothing.
fn share(n: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| 100.0 * n as f64 / of as f64)
}

/// The value below which `share` of the values lie, interpolated; NaN for no values.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    let value = |i: usize| sorted.get(i.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
    let below = value(place as usize);
    below + (value(place as usize + 1) - below) * place.fract()
}
