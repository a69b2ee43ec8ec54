//! The preparation of a corpus: its files are read and put away tune by tune; then tunes are chosen and split by their rows;
//! then the files are written. Memory holds a row of each tune and never the text. A preparation that was killed goes on
//! where it was and ends with the same bytes.

use super::corpus_files::{self, Prepared};
use super::near_duplicates::near_duplicates;
use super::parallel::{Progress, for_each_file};
use super::reading::{self, Reading};
use super::row::{Fate, Row};
use super::sources::Source;
use super::split::{Groups, assign_splits};
use super::tune_store::TuneStore;
use super::{Corpus, CorpusConfig, FailedFile, Split, journal, short_hash};
use crate::messages::say;
use crate::{Error, Result};
use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

impl Corpus {
    /// Opens the corpus in `data_dir/<name>`, and prepares it first if it isn't there or was made by another config or from
    /// other files. `python` runs pip for the corpus `folk`; `None` is the python3 on the PATH.
    pub fn get_or_prepare(config: &CorpusConfig, data_dir: &Path, python: Option<&Path>) -> Result<Corpus> {
        let dir = data_dir.join(config.folder_name());
        let source_stamp = Source::stamp(config).ok(); // a source that is gone doesn't matter once the corpus is prepared
        if let Some(corpus) = Corpus::find(&dir, config, source_stamp.as_deref())? {
            return Ok(corpus);
        }
        Source::require(config)?;
        let _lock = lock(&dir)?;
        if let Some(corpus) = Corpus::find(&dir, config, source_stamp.as_deref())? {
            return Ok(corpus); // somebody else was preparing it
        }
        let source = Source::get(config, data_dir, python)?;
        let mut store = read(config, &source, &dir)?;
        let (order, groups) = choose(&mut store, config)?;
        let contents = corpus_files::write(&dir, &store, &order)?;
        Prepared {
            version: corpus_files::VERSION,
            config_hash: config.hash(),
            source_stamp: source_stamp.unwrap_or_default(),
            config: config.clone(),
            n_files: store.n_files,
            n_inputs: store.n_inputs,
            seconds: store.seconds.unwrap_or_default(),
            contents,
            groups,
        }
        .write(&dir)?;
        store.finish()?;
        let prepared = Corpus::find(&dir, config, None)?;
        prepared
            .ok_or_else(|| Error::Data(format!("{} was changed while it was being prepared; try again", dir.display())))
    }

    /// The corpus in the folder, if it is whole and made with these choices from these files.
    fn find(dir: &Path, config: &CorpusConfig, source_stamp: Option<&str>) -> Result<Option<Corpus>> {
        let prepared = Prepared::read(dir).filter(|prepared| prepared.config_hash == config.hash());
        let prepared = prepared.filter(|prepared| source_stamp.is_none_or(|stamp| stamp == prepared.source_stamp));
        prepared.map(|prepared| Corpus::open(dir, prepared)).transpose()
    }
}

/// Keeps others from preparing the same corpus; ends with the value, or with the program however it ends.
fn lock(dir: &Path) -> Result<fs::File> {
    fs::create_dir_all(dir).map_err(Error::file("create the folder", dir))?;
    let path = dir.join(".lock");
    let file = fs::File::create(&path).map_err(Error::file("create", &path))?;
    if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        say(format_args!("{} is being prepared by another program: waiting for it", dir.display()));
        file.lock().map_err(Error::file("lock", &path))?;
    }
    Ok(file) // a file system without locks is used without them
}

/// Reads all files of the source, in parallel, but those that an earlier call has read.
fn read(config: &CorpusConfig, source: &Source, dir: &Path) -> Result<TuneStore> {
    let stamp = [config.hash(), source.listing()?, journal::program()];
    let mut store = TuneStore::open(dir, &short_hash(&stamp.each_ref().map(|part| part.as_bytes())), config.seed)?;
    let enough = config.max_tunes.filter(|_| config.source == "lakh-full"); // sorted by hash: its front is a random sample
    let mut n_kept = store.rows.iter().filter(|row| row.is_kept()).count();
    if store.seconds.is_some() || enough.is_some_and(|enough| n_kept >= enough) {
        return Ok(store);
    }
    let mut n_to_skip = store.n_files;
    if n_to_skip > 0 {
        say(format_args!("{}: {n_to_skip} files were read by an earlier call", config.name()));
    }
    let visit = |visitor: super::archives::Visitor| {
        source.visit(&mut |file| {
            if n_to_skip > 0 {
                n_to_skip -= 1;
                return ControlFlow::Continue(());
            }
            visitor(file)
        })
    };
    let convert = |file: Result<_, FailedFile>| match file {
        Ok(file) => reading::read_tunes(&file, config),
        Err(failed) => Reading { failed: vec![failed], n_inputs: 1, ..Reading::default() },
    };
    let n_in_all = source.n_files().ok().map(|n_files| n_files.saturating_sub(store.n_files));
    let mut progress = Progress::new(config.name(), n_in_all);
    let mut problem = None; // a full disk: every further file would fail too
    for_each_file(visit, convert, &mut |reading: Reading| {
        n_kept += reading.tunes.iter().filter(|tune| tune.is_kept()).count();
        problem = store.add(reading).err();
        progress.count(|| format!("{} tunes, {} failures", store.rows.len(), store.failed.len()));
        match problem.is_some() || enough.is_some_and(|enough| n_kept >= enough) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    problem.map_or(Ok(()), Err)?;
    store.end((1000.0 * progress.seconds()).round() / 1000.0)?;
    Ok(store)
}

/// Drops repeated texts, samples and splits; returns the order of the tunes: train, val, test, and those that were dropped.
fn choose(store: &mut TuneStore, config: &CorpusConfig) -> Result<(Vec<usize>, Groups)> {
    drop_repeated_texts(&mut store.rows);
    if let Some(max_tunes) = config.max_tunes {
        sample(&mut store.rows, max_tunes);
    }
    let pairs = near_duplicates(&store.rows, &store.sketches);
    let (mut order, groups) = assign_splits(&mut store.rows, &pairs, config.seed);
    let split_of = |index: &usize| store.rows.get(*index).and_then(Row::split);
    order.sort_by_key(split_of);
    if Split::ALL.iter().any(|split| !order.iter().any(|index| split_of(index) == Some(*split))) {
        return Err(too_small(store, config)?);
    }
    order.extend(store.rows.iter().enumerate().filter(|(_, row)| !row.is_kept()).map(|(index, _)| index));
    Ok((order, groups))
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
