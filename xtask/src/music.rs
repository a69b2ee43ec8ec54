//! MIDI ⇄ ABC, measured: what survives the round trip, what it costs, and how abcmidi does on the same files.
//!
//! The measure is note-level F1 over (onset, pitch, is drum), absolute onsets, drums included. A file that has notes and that
//! we refuse counts as F1 = 0.

mod abcmidi;
mod bars;
mod files;
mod report;
mod speed;
#[cfg(test)]
mod tests;

pub use report::percentile;

use files::{AbcTune, Measured, MidiFile};
use music_scaling::data::parallel::{Progress, for_each_file};
use music_scaling::data::{FailedFile, archives};
use music_scaling::{Error, Result};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Files and tunes whose conversion is timed: the first.
const N_TIMED: usize = 300;

/// What to measure.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Files, folders, .tar.gz or .zip archives of .mid and .abc files
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Leave abcmidi out even where it is installed
    #[arg(long)]
    pub alone: bool,
}

/// Everything that was measured; [`MusicReport::rows`] sums it up.
#[derive(Debug, Clone, Default)]
pub struct MusicReport {
    pub n_files: usize,
    pub has_abcmidi: bool,
    /// MIDI files that have notes.
    pub midi: Vec<MidiFile>,
    pub tunes: Vec<AbcTune>,
    pub failed: Vec<FailedFile>,
    pub speed: speed::Speed,
}

/// Measures all files of music in the paths.
pub fn measure(options: &Options) -> Result<MusicReport> {
    let has_abcmidi = !options.alone && abcmidi::is_installed();
    let mut report = MusicReport { has_abcmidi, ..MusicReport::default() };
    let mut to_time = Vec::new();
    let mut progress = Progress::new("xtask music", None);
    for path in &options.paths {
        let visit = |visitor: archives::Visitor| archives::visit(path, &archives::is_music_name, visitor);
        for_each_file(visit, |file| files::measure(file, has_abcmidi), &mut |measured: Measured| {
            progress.count(|| format!("{} refused", report.failed.len()));
            let n_wanted = N_TIMED.saturating_sub(to_time.len());
            to_time.extend(measured.to_time.into_iter().take(n_wanted));
            report.midi.extend(measured.midi);
            report.tunes.extend(measured.tunes);
            report.failed.extend(measured.failed);
            ControlFlow::Continue(())
        })?;
    }
    report.n_files = progress.n_files();
    if report.n_files == 0 {
        let paths: Vec<String> = options.paths.iter().map(|path| path.display().to_string()).collect();
        let paths = paths.join(", ");
        return Err(Error::Data(format!(
            "{paths}: no file that ends in .mid, .midi, .kar or .abc: nothing to measure"
        )));
    }
    report.speed = speed::measure(&to_time, has_abcmidi)?;
    Ok(report)
}
