//! The preparation of a corpus: its files are read and put away tune by tune; then tunes are chosen and split by their rows;
//! then the files are written. Memory holds a row of each tune and never the text. Everything is made in the folder
//! `.unfinished` and put in its place at the end: a preparation that was killed begins again and ends with the same bytes.

use super::corpus_files;
use super::near_duplicates::near_duplicates;
use super::parallel::{Progress, for_each_file};
use super::reading::{self, Reading};
use super::row::{Fate, Row};
use super::sources::Source;
use super::split::{Groups, assign_splits};
use super::tune_store::TuneStore;
use super::{Corpus, CorpusConfig, FailedFile, Split, Tokenizer};
use crate::files::{self, Lock};
use crate::messages::say;
use crate::{Error, Result};
use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

/// With fewer, the standard error of a loss over tunes is commonly larger than a size step of a ladder.
const FEW_TUNES: usize = 30;

impl Corpus {
    /// Opens the corpus in `data_dir/<name>`, and prepares it first if it isn't there or was made by other choices or from other
    /// files: it is known by its choices and by the content of its files, wherever they lie.
    ///
    /// # Errors
    /// The source is unknown, cannot be got or read, or holds fewer than three different tunes; the folder cannot be written.
    pub fn get_or_prepare(config: &CorpusConfig, data_dir: &Path) -> Result<Corpus> {
        config.check()?;
        if let Err(unknown) = Source::require(config) {
            return Corpus::whose_source_is_gone(config, data_dir).ok_or(unknown);
        }
        let content = Source::content(config)?;
        let dir = data_dir.join(config.folder_name(&content));
        if let Some(corpus) = Corpus::find(&dir, config, &content) {
            return Ok(corpus);
        }
        let _lock = lock(&dir)?;
        if let Some(corpus) = Corpus::find(&dir, config, &content) {
            return Ok(corpus); // somebody else was preparing it
        }
        let source = Source::get(config, data_dir)?;
        let drafts = dir.join(".unfinished");
        let _ = fs::remove_dir_all(&drafts); // what was killed is of no use, and nearly always there is none
        fs::create_dir_all(&drafts).map_err(Error::file("create the folder", &drafts))?;
        let prepared = prepare(config, &source, &dir, &drafts);
        let _ = fs::remove_dir_all(&drafts); // holds nothing of worth any more
        let corpus = Corpus { source_stamp: content, ..prepared? };
        files::write_json(dir.join("corpus.json"), &corpus)?;
        if corpus.n_tunes(Split::Val) < FEW_TUNES {
            say(format_args!(
                "warning: {} has few tunes for validation ({}): a loss over them depends on which they are; hold out more, such as \
                 split = [80, 10, 10] in a preset's [corpus]",
                config.name(),
                corpus.n_tunes(Split::Val)
            ));
        }
        Ok(corpus)
    }

    /// The corpus in the folder, if it is whole and made with these choices from these files.
    fn find(dir: &Path, config: &CorpusConfig, content: &str) -> Option<Corpus> {
        let found = Corpus::read(dir)?;
        let is_same = found.config_hash == config.hash() && found.source_stamp == content;
        is_same.then(|| Corpus { config: config.clone(), ..found })
    }

    /// The newest corpus that was prepared from a source that is there no more.
    fn whose_source_is_gone(config: &CorpusConfig, data_dir: &Path) -> Option<Corpus> {
        let folders = fs::read_dir(data_dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let of_config = folders.filter_map(|dir| Corpus::read(&dir)).filter(|corpus| corpus.config == *config);
        of_config
            .max_by_key(|corpus| fs::metadata(corpus.dir.join("corpus.json")).and_then(|file| file.modified()).ok())
    }
}

/// Makes all files of the corpus but `corpus.json`, whose contents it returns.
fn prepare(config: &CorpusConfig, source: &Source, dir: &Path, drafts: &Path) -> Result<Corpus> {
    let (mut store, seconds) = read(config, source, drafts)?;
    let (order, groups) = choose(&mut store, config, source)?;
    let tokenizer = match source {
        Source::Tokens { dir } => Some(Tokenizer::load(dir)?), // its models know it
        _ => None,
    };
    Ok(Corpus {
        version: corpus_files::VERSION,
        config_hash: config.hash(),
        source_stamp: String::new(),
        config: config.clone(),
        n_files: store.n_files,
        n_inputs: store.n_inputs,
        seconds,
        contents: corpus_files::write(dir, drafts, &store, &order, tokenizer)?,
        groups,
        dir: dir.to_path_buf(),
        failed: store.failed,
    })
}

/// Keeps others from preparing the same corpus; ends with the value, or with the program however it ends.
fn lock(dir: &Path) -> Result<Lock> {
    let path = dir.join(".lock");
    if let Some(lock) = Lock::try_take(&path)? {
        return Ok(lock);
    }
    say(format_args!("{} is being prepared by another program: waiting for it", dir.display()));
    Ok(Lock::wait(&path)?)
}

/// Reads all files of the source, in parallel; returns the time that it took, too.
fn read(config: &CorpusConfig, source: &Source, drafts: &Path) -> Result<(TuneStore, f64)> {
    let mut store = TuneStore::new(drafts, config.seed)?;
    let enough = config.max_tunes.filter(|_| config.source == "lakh-full"); // sorted by hash: its front is a random sample
    let convert = |file: Result<_, FailedFile>| match file {
        Ok(file) => reading::read_tunes(&file, config),
        Err(failed) => Reading { failed: vec![failed], n_inputs: 1, ..Reading::default() },
    };
    let mut progress = Progress::new(config.name(), source.n_files().ok());
    let mut n_kept = 0;
    let mut stored = Ok(()); // or a full disk: every further file would fail, too
    for_each_file(|visitor| source.visit(visitor), convert, &mut |reading: Reading| {
        n_kept += reading.tunes.iter().filter(|tune| tune.is_kept()).count();
        stored = store.add(reading);
        progress.count(|| format!("{} tunes, {} failures", store.rows.len(), store.failed.len()));
        match stored.is_err() || enough.is_some_and(|enough| n_kept >= enough) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    stored?;
    Ok((store, (1000.0 * progress.seconds()).round() / 1000.0))
}

/// Drops repeated texts, samples and splits; returns the order of the tunes: train, val, test, and those that were dropped.
fn choose(store: &mut TuneStore, config: &CorpusConfig, source: &Source) -> Result<(Vec<usize>, Groups)> {
    if let Source::Text { .. } | Source::Tokens { .. } = source {
        return in_order(store, config, source);
    }
    drop_repeated_texts(&mut store.rows);
    if let Some(max_tunes) = config.max_tunes {
        sample(&mut store.rows, max_tunes);
    }
    let pairs = near_duplicates(&store.rows, &store.sketches);
    let (mut order, groups) = assign_splits(&mut store.rows, &pairs, config.split, config.seed);
    let split_of = |index: &usize| store.rows.get(*index).and_then(Row::split);
    order.sort_by_key(split_of);
    if Split::ALL.iter().any(|split| !order.iter().any(|index| split_of(index) == Some(*split))) {
        return Err(too_small(store, config)?);
    }
    order.extend(store.rows.iter().enumerate().filter(|(_, row)| !row.is_kept()).map(|(index, _)| index));
    Ok((order, groups))
}

/// The pieces of a text have their splits and stay in their order. Only a folder of tokens may be without test: nanoGPT's is.
fn in_order(store: &TuneStore, config: &CorpusConfig, source: &Source) -> Result<(Vec<usize>, Groups)> {
    let split_of = |index: &usize| store.rows[*index].split();
    let mut order: Vec<usize> = (0..store.rows.len()).collect();
    order.sort_by_key(split_of);
    let n_needed = if matches!(source, Source::Text { .. }) { 3 } else { 2 };
    match Split::ALL[..n_needed].iter().find(|split| !order.iter().any(|index| split_of(index) == Some(**split))) {
        None => Ok((order, Groups { n_groups: store.rows.len(), largest: 1 })),
        Some(empty) => Err(Error::Data(match store.failed.first() {
            Some(failed) => {
                format!("the corpus {} cannot be read: {}: {}", config.source, failed.source, failed.reason)
            }
            None => format!(
                "the text {} is too short for its splits: nothing of it is left for {empty}; give it more text, or a larger share \
                 (split = [80, 10, 10])",
                config.source
            ),
        })),
    }
}

/// The first tune with a text stays; later ones with the very same text are dropped.
fn drop_repeated_texts(rows: &mut [Row]) {
    let mut texts = HashSet::new();
    for row in rows.iter_mut().filter(|row| row.is_kept()) {
        if !texts.insert(row.text) {
            row.fate = Fate::Repeated;
        }
    }
}

/// Keeps `max_tunes`: whole files in an order that their names and the seed decide, until there are enough.
fn sample(rows: &mut [Row], max_tunes: usize) {
    let mut kept: Vec<&mut Row> = rows.iter_mut().filter(|row| row.is_kept()).collect();
    kept.sort_by_key(|row| row.lot);
    for row in kept.into_iter().skip(max_tunes) {
        row.fate = Fate::NotSampled;
    }
}

fn too_small(store: &TuneStore, config: &CorpusConfig) -> Result<Error> {
    let (name, n_files, n_failed) = (&config.source, store.n_files, store.failed.len());
    let n_kept = store.rows.iter().filter(|row| row.is_kept()).count();
    let n_dropped = store.rows.len() - n_kept;
    let dropped = store.rows.iter().find(|row| !row.is_kept()).map(|row| store.tune(row)).transpose()?;
    let dropped = dropped.map(|tune| (tune.tune_id, tune.dropped_because.unwrap_or_default()));
    let failed = store.failed.first().map(|failed| (failed.source.clone(), failed.reason.clone()));
    let example =
        dropped.or(failed).map(|(source, why)| format!(" (for instance {source}: {why})")).unwrap_or_default();
    Ok(Error::Data(format!(
        "the corpus {name} has {n_kept} different tunes out of {n_files} files, with {n_dropped} dropped and {n_failed} failed{example}; \
         at least three different tunes are needed, one for each split: give it more music or a wider filter"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::row::tests::row;

    #[test]
    fn repeated_texts_are_dropped_and_samples_are_seeded() {
        let rows = |seed: u64| -> Vec<Row> {
            let row = |i: usize| Row {
                lot: crate::data::hash(&[&seed.to_le_bytes(), &i.to_le_bytes()]),
                ..row(&format!("{}", i % 90), "")
            };
            (0..100).map(row).collect()
        };
        let sampled = |seed| {
            let mut rows = rows(seed);
            drop_repeated_texts(&mut rows);
            assert_eq!(rows.iter().filter(|row| row.is_kept()).count(), 90);
            sample(&mut rows, 30);
            rows.into_iter().filter(Row::is_kept).map(|row| row.text).collect::<Vec<_>>()
        };
        assert_eq!((sampled(1).len(), sampled(1) == sampled(1), sampled(1) == sampled(2)), (30, true, false));
    }
}
