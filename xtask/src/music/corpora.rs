//! The inputs as corpora: how much of the music is the same, and how much of what is held out stands in the training text.

use music_scaling::data::{Corpus, CorpusConfig, Leak};
use music_scaling::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// One input, prepared with the default choices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Prepared {
    pub input: String,
    /// Tunes and pieces of tunes in the splits.
    pub n_tunes: usize,
    pub n_chars: usize,
    /// Groups of the same music, each within one split.
    pub n_groups: usize,
    /// Tunes and pieces in the largest of them.
    pub largest_group: usize,
    pub files_per_second: f64,
    pub leaks: Vec<Leak>,
    /// Why the input makes no corpus, where it makes none.
    pub problem: Option<String>,
}

/// Prepares an input in a folder of its own, which is removed afterwards.
pub(super) fn prepare(path: &Path) -> Result<Prepared> {
    let input = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let folder = std::env::temp_dir().join(format!("music-scaling-bench-corpus-{}", std::process::id()));
    let prepared = Corpus::get_or_prepare(&CorpusConfig::of(path.to_string_lossy()), &folder)
        .and_then(|corpus| Ok((corpus.leaks_by_length()?, corpus)));
    let prepared = match prepared {
        Ok((leaks, corpus)) => Prepared {
            input,
            n_tunes: corpus.n_kept(),
            n_chars: music_scaling::data::Split::ALL.map(|split| corpus.n_chars(split)).iter().sum(),
            n_groups: corpus.groups.n_groups,
            largest_group: corpus.groups.largest,
            files_per_second: corpus.n_files as f64 / corpus.seconds.max(1e-3),
            leaks,
            problem: None,
        },
        Err(problem) => Prepared { input, problem: Some(problem.to_string()), ..Prepared::default() },
    };
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", folder)(error)),
        _ => Ok(prepared),
    }
}
