//! MIDI ⇄ ABC, measured: what survives the round trip, what it costs, and how abcmidi does on the same files.
//!
//! The measure is note-level F1 over (onset, pitch, is drum), absolute onsets, drums included: see [`f1`]. A file that has
//! notes and that we refuse counts as F1 = 0.

mod abcmidi;
mod corpora;
mod f1;
mod files;
mod notes;
mod report;
mod speed;
#[cfg(test)]
mod tests;

pub use corpora::Prepared;
pub use files::{AbcTune, Kept, MidiFile};
pub use report::Row;
pub use speed::Speed;

use files::Measured;
use music_scaling::data::archives::{self, MusicFile, Visitor};
use music_scaling::data::parallel::{Progress, for_each_file};
use music_scaling::data::{FailedFile, short_hash};
use music_scaling::{Error, Result};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MusicOptions {
    /// Measure only so many files, a sample that the seed decides.
    pub limit: Option<usize>,
    pub seed: u64,
    /// Files and tunes whose conversion is timed: the first.
    pub n_timed: usize,
    /// Run abcmidi beside ours where it is installed.
    pub abcmidi: bool,
    /// Prepare each input as a corpus, too: groups of the same music, leaks.
    pub corpora: bool,
    /// Print no progress.
    pub quiet: bool,
}

impl Default for MusicOptions {
    fn default() -> MusicOptions {
        MusicOptions { limit: None, seed: 1337, n_timed: 300, abcmidi: true, corpora: false, quiet: false }
    }
}

/// Everything that [`music`] measured; [`MusicReport::rows`] sums it up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MusicReport {
    pub n_files: usize,
    pub has_abcmidi: bool,
    /// MIDI files that have notes.
    pub midi: Vec<MidiFile>,
    pub tunes: Vec<AbcTune>,
    pub failed: Vec<FailedFile>,
    /// What is there, what `drop` keeps of it, what `split` keeps.
    pub kept: [Kept; 3],
    pub speed: Speed,
    /// Empty where [`MusicOptions::corpora`] was not asked for.
    pub corpora: Vec<Prepared>,
}

/// Measures all files of music in `paths`: files, folders, archives.
pub fn music(paths: &[PathBuf], options: &MusicOptions) -> Result<MusicReport> {
    let chosen = choose(paths, options)?;
    let mut report = MusicReport { has_abcmidi: options.abcmidi && abcmidi::is_installed(), ..MusicReport::default() };
    let with_abcmidi = report.has_abcmidi;
    let mut to_time = Vec::new();
    let mut progress = Progress::new("bench music", Some(chosen.len()));
    for path in paths {
        let visit = |visitor: Visitor| visit_chosen(path, &chosen, visitor);
        for_each_file(visit, |file| files::measure(file, with_abcmidi), &mut |mut measured: Measured| {
            if options.quiet {
                progress.skip();
            } else {
                progress.count(|| format!("{} refused", report.failed.len()));
            }
            let n_wanted = options.n_timed.saturating_sub(to_time.len());
            to_time.extend(measured.to_time.drain(..).take(n_wanted));
            report.add(measured);
            ControlFlow::Continue(())
        })?;
    }
    report.n_files = progress.n_files();
    report.speed = speed::measure(&to_time, with_abcmidi)?;
    if options.corpora {
        report.corpora = paths.iter().map(|path| corpora::prepare(path)).collect::<Result<_>>()?;
    }
    Ok(report)
}

/// A file by its input and its path in there.
type Name = (PathBuf, String);

/// The names of the files to measure: all, or the sample.
fn choose(paths: &[PathBuf], options: &MusicOptions) -> Result<HashSet<Name>> {
    let mut names: Vec<Name> = Vec::new();
    for path in paths {
        let found = RefCell::new(Vec::new());
        let list_and_pass = |name: &str| {
            found.borrow_mut().extend(archives::is_music_name(name).then(|| name.to_string()));
            false
        };
        archives::visit(path, &list_and_pass, &mut |file: Result<MusicFile, FailedFile>| {
            found.borrow_mut().push(file.map_or_else(|failed| failed.source, |file| file.path)); // a single file
            ControlFlow::Continue(())
        })?;
        if path.is_dir() {
            let files = archives::list(path, &archives::is_music_name)?;
            *found.borrow_mut() = files.into_iter().map(|(_, name)| name).collect();
        }
        names.extend(found.into_inner().into_iter().map(|name| (path.clone(), name)));
    }
    if names.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let paths = paths.join(", ");
        return Err(Error::Data(format!(
            "{paths}: no file that ends in .mid, .midi, .kar or .abc: nothing to measure"
        )));
    }
    if let Some(limit) = options.limit {
        names.sort_by_cached_key(|(path, name)| {
            let path = path.to_string_lossy();
            short_hash(&[&options.seed.to_le_bytes(), path.as_bytes(), name.as_bytes()])
        });
        names.truncate(limit);
    }
    Ok(names.into_iter().collect())
}

fn visit_chosen(path: &Path, chosen: &HashSet<Name>, visitor: Visitor) -> Result<()> {
    let is_chosen = |name: &str| chosen.contains(&(path.to_path_buf(), name.to_string()));
    archives::visit(path, &is_chosen, &mut |file| {
        let name = file.as_ref().map_or_else(|failed| &failed.source, |file| &file.path);
        if is_chosen(name) { visitor(file) } else { ControlFlow::Continue(()) } // a single file is visited unasked
    })
}
