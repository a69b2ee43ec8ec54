//! `prepare`: a corpus, converted, filtered, split and tokenised.

use super::output::{keep_stdout_for, print_json};
use lab::Result;
use music_scaling::data::split::Groups;
use music_scaling::data::{Corpus, CorpusConfig, Split, Tokenizer};
use music_scaling::study::place;
use serde::Serialize;
use std::path::PathBuf;

pub(crate) fn prepare(corpus: String, max_tunes: Option<usize>, data: Option<PathBuf>, json: bool) -> Result<()> {
    #[derive(Serialize)]
    struct Prepared {
        folder: PathBuf,
        n_files: usize,
        success_rate: f64,
        n_tunes: [usize; 3],
        n_tokens: [usize; 3],
        vocab_size: usize,
        groups_of_same_music: Groups,
    }
    keep_stdout_for(json);
    let config = CorpusConfig { max_tunes, ..CorpusConfig::of(corpus) };
    let data_folder = match data {
        Some(folder) => folder,
        None => place::data_folder(&place::find_root()?),
    };
    let corpus = Corpus::get_or_prepare(&config, &data_folder)?;
    if !json {
        println!("{corpus}");
        return Ok(());
    }
    print_json(&Prepared {
        n_files: corpus.n_files,
        success_rate: corpus.success_rate(),
        n_tunes: Split::ALL.map(|split| corpus.n_tunes(split)),
        n_tokens: Split::ALL.map(|split| corpus.n_chars(split)), // a token is a character
        vocab_size: Tokenizer::load(&corpus.dir)?.vocab_size(),
        groups_of_same_music: corpus.groups,
        folder: corpus.dir,
    })
}
