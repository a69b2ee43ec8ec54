//! A corpus on disk: prepared once, found again by the hash of its config.

use super::corpus_files::{Prepared, read_failed, read_tunes, text_of, write_failed, write_tunes};
use super::parallel::{Progress, for_each_file};
use super::reading::{self, Reading};
use super::sources::Source;
use super::split::assign_splits;
use super::{CorpusConfig, FailedFile, Split, TokenData, Tokenizer, Tune, composed, short_hash};
use crate::{Error, Result, files};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The tunes of a corpus and what became of every file.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    pub config: CorpusConfig,
    pub dir: PathBuf,
    /// The tunes of train, val and test in the order of their text, then the dropped ones.
    pub tunes: Vec<Tune>,
    pub failed: Vec<FailedFile>,
    pub n_files: usize,
    /// What was tried: MIDI files, and tunes of ABC files.
    pub n_inputs: usize,
    /// Time that the preparation took.
    pub seconds: f64,
}

impl Corpus {
    /// Opens the corpus in `data_dir/<name>`, and prepares it first if it isn't there or was made by another config or from
    /// other files. `python` runs pip for the corpus `folk`; `None` is the python3 on the PATH.
    pub fn get_or_prepare(config: &CorpusConfig, data_dir: &Path, python: Option<&Path>) -> Result<Corpus> {
        let dir = data_dir.join(config.folder_name());
        let stamp = Source::stamp(config).ok(); // a source that is gone doesn't matter once the corpus is prepared
        let prepared = Prepared::read(&dir).filter(|prepared| prepared.config_hash == config.hash());
        let prepared = prepared.filter(|prepared| stamp.as_ref().is_none_or(|stamp| *stamp == prepared.source_stamp));
        if let Some(prepared) = prepared {
            return Corpus::open(&dir, prepared);
        }
        let source = Source::get(config, data_dir, python)?;
        let mut corpus = Corpus { dir, ..Corpus::read(config, &source)? };
        corpus.choose_tunes()?;
        corpus.save(stamp.unwrap_or_default())?;
        println!("{corpus}");
        Ok(corpus)
    }

    fn open(dir: &Path, prepared: Prepared) -> Result<Corpus> {
        Ok(Corpus {
            config: prepared.config,
            dir: dir.to_path_buf(),
            tunes: read_tunes(&dir.join("tunes.jsonl"))?,
            failed: read_failed(&dir.join("failed.csv"))?,
            n_files: prepared.n_files,
            n_inputs: prepared.n_inputs,
            seconds: prepared.seconds,
        })
    }

    /// All files of the source to tunes, in parallel.
    fn read(config: &CorpusConfig, source: &Source) -> Result<Corpus> {
        let mut all = Reading::default();
        let mut progress = Progress::new(config.name(), source.n_files().ok());
        let enough = config.max_tunes.filter(|_| config.source == "lakh-full"); // sorted by hash: its front is a random sample
        let read = |file: Result<_, FailedFile>| match file {
            Ok(file) => reading::read_tunes(&file, config),
            Err(failed) => Reading { failed: vec![failed], n_inputs: 1, ..Reading::default() },
        };
        let mut n_kept = 0;
        for_each_file(|visitor| source.visit(visitor), read, &mut |reading: Reading| {
            n_kept += reading.tunes.iter().filter(|tune| tune.is_kept()).count();
            all.n_inputs += reading.n_inputs;
            all.tunes.extend(reading.tunes);
            all.failed.extend(reading.failed);
            progress.count(|| format!("{} tunes, {} failures", all.tunes.len(), all.failed.len()));
            if enough.is_some_and(|enough| n_kept >= enough) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let (n_files, seconds) = (progress.n_files(), (1000.0 * progress.seconds()).round() / 1000.0);
        let Reading { tunes, failed, n_inputs } = all;
        Ok(Corpus { config: config.clone(), dir: PathBuf::new(), tunes, failed, n_files, n_inputs, seconds })
    }

    /// Drops repeated texts, samples, splits, and puts the tunes into the order of the text.
    fn choose_tunes(&mut self) -> Result<()> {
        drop_repeated_texts(&mut self.tunes);
        if let Some(max_tunes) = self.config.max_tunes {
            sample(&mut self.tunes, max_tunes, self.config.seed);
        }
        let order = assign_splits(&mut self.tunes, self.config.seed);
        let mut place = vec![usize::MAX; self.tunes.len()];
        for (position, index) in order.into_iter().enumerate() {
            if let Some(place) = place.get_mut(index) {
                *place = position;
            }
        }
        let mut placed: Vec<(usize, Tune)> = place.into_iter().zip(std::mem::take(&mut self.tunes)).collect();
        placed.sort_by_key(|(position, tune)| (tune.split.is_none(), tune.split, *position));
        self.tunes = placed.into_iter().map(|(_, tune)| tune).collect();
        match Split::ALL.into_iter().find(|split| self.n_tunes(*split) == 0) {
            Some(_) => Err(self.too_small()),
            None => Ok(()),
        }
    }

    fn too_small(&self) -> Error {
        let (name, n_kept, n_failed) = (&self.config.source, self.kept().count(), self.failed.len());
        let n_dropped = self.tunes.len() - n_kept;
        let dropped = self.tunes.iter().find_map(|tune| tune.dropped_because.as_ref().map(|why| (&tune.tune_id, why)));
        let failed = self.failed.first().map(|failed| (&failed.source, &failed.reason));
        let example =
            dropped.or(failed).map(|(source, why)| format!(" (for instance {source}: {why})")).unwrap_or_default();
        Error::Data(format!(
            "the corpus {name} has {n_kept} different tunes out of {} files, with {n_dropped} dropped and {n_failed} failed{example}; at \
             least three different tunes are needed, one for each split: give it more music or a wider filter",
            self.n_files
        ))
    }

    /// Writes every file of the corpus; `corpus.json` goes first and comes back last, so that a folder that has one is whole.
    fn save(&self, source_stamp: String) -> Result<()> {
        let texts = Split::ALL.map(|split| text_of(&self.tunes, split));
        let tokenizer = Tokenizer::from_texts(texts.iter().map(String::as_str))?;
        Prepared::remove(&self.dir)?;
        write_tunes(&self.dir.join("tunes.jsonl"), &self.tunes)?;
        write_failed(&self.dir.join("failed.csv"), &self.failed)?;
        for (split, text) in Split::ALL.into_iter().zip(&texts) {
            files::write_atomic(self.dir.join(format!("{split}.txt")), text)?;
        }
        let [train, val, test] = &texts;
        let (train, val, test) = (tokenizer.encode(train)?, tokenizer.encode(val)?, tokenizer.encode(test)?);
        TokenData { dir: self.dir.clone(), tokenizer, train, val, test }.save()?;
        let (config, config_hash) = (self.config.clone(), self.config.hash());
        let (n_files, n_inputs, seconds) = (self.n_files, self.n_inputs, self.seconds);
        Prepared { version: 1, config_hash, source_stamp, config, n_files, n_inputs, seconds }.write(&self.dir)
    }

    /// The token files.
    pub fn tokens(&self) -> Result<TokenData> {
        TokenData::open(&self.dir)
    }

    /// Share of the inputs (MIDI files, and tunes of ABC files) that gave a tune, whether the length filter kept it or not.
    pub fn success_rate(&self) -> f64 {
        if self.n_inputs == 0 {
            return 0.0;
        }
        1.0 - self.failed.len() as f64 / self.n_inputs as f64
    }

    /// The tunes that stand in the splits, in the order of the text.
    pub fn kept(&self) -> impl Iterator<Item = &Tune> {
        self.tunes.iter().filter(|tune| tune.is_kept())
    }

    pub fn n_tunes(&self, split: Split) -> usize {
        self.tunes.iter().filter(|tune| tune.split == Some(split)).count()
    }

    pub fn n_chars(&self, split: Split) -> usize {
        self.tunes.iter().filter(|tune| tune.split == Some(split)).map(|tune| tune.n_chars).sum()
    }

    /// The text of a split, as in its .txt file.
    pub fn text(&self, split: Split) -> String {
        text_of(&self.tunes, split)
    }

    /// For the corpus `composed`: nats per character below which no model's loss on the split can stay, however large, that
    /// reads each tune from its beginning: Σ bits · ln 2 / Σ characters. `None` for real music, whose entropy nobody knows.
    pub fn entropy_floor(&self, split: Split) -> Option<f64> {
        let tunes = || self.tunes.iter().filter(|tune| tune.split == Some(split));
        if self.config.source != "composed" {
            return None;
        }
        let bits: Option<f64> =
            tunes().map(|tune| Some(composed::entropy_bits(self.config.seed, composed::index_of(&tune.source)?))).sum();
        Some(bits? * std::f64::consts::LN_2 / (self.n_chars(split) as f64).max(1.0))
    }
}

impl Corpus {
    /// For the corpus `composed`: the exact entropy of its source for each character of text, from the grammar's probabilities
    /// and the mean length of these tunes. `None` for real music, and where a tune was dropped or cut, because what is left
    /// would be another source.
    pub fn source_entropy(&self) -> Option<SourceEntropy> {
        let whole = |tune: &Tune| tune.is_kept() && composed::index_of(&tune.source).is_some();
        if self.config.source != "composed" || self.tunes.len() != self.n_files || !self.tunes.iter().all(whole) {
            return None;
        }
        let entropy = composed::entropy();
        let n_chars: usize = self.tunes.iter().map(|tune| tune.n_chars).sum();
        let chars_per_tune = n_chars as f64 / self.tunes.len().max(1) as f64;
        let bits_per_char = entropy.bits / chars_per_tune;
        Some(SourceEntropy {
            entropy,
            chars_per_tune,
            bits_per_char,
            nats_per_char: bits_per_char * std::f64::consts::LN_2,
        })
    }
}

/// The entropy of a source that is known, spread over its text.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SourceEntropy {
    pub entropy: composed::Entropy,
    /// Mean over the corpus.
    pub chars_per_tune: f64,
    pub bits_per_char: f64,
    /// What the loss of a perfect model tends to, in nats per token.
    pub nats_per_char: f64,
}

impl std::fmt::Display for SourceEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SourceEntropy { entropy, chars_per_tune, bits_per_char, nats_per_char } = self;
        write!(
            f,
            "{:.3} bits a tune (at most {:.1e} less) over {chars_per_tune:.1} characters: {bits_per_char:.5} bits, {nats_per_char:.5} nats per character",
            entropy.bits, entropy.bits_lost_at_most
        )
    }
}

impl std::fmt::Display for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [train, val, test] = Split::ALL.map(|split| self.n_tunes(split));
        let n_chars: usize = Split::ALL.map(|split| self.n_chars(split)).iter().sum();
        let n_dropped = self.tunes.len() - self.kept().count();
        write!(f, "{}: {} files, {:.1} % converted, ", self.config.name(), self.n_files, 100.0 * self.success_rate())?;
        write!(f, "{train} + {val} + {test} tunes (train, val, test), {n_dropped} dropped, {n_chars} characters, ")?;
        write!(f, "{:.1} s, in {}", self.seconds, files::in_project(&self.dir).display())
    }
}

/// The first tune with a text stays; later ones with the very same text are dropped.
fn drop_repeated_texts(tunes: &mut [Tune]) {
    let mut first_with: HashMap<String, String> = HashMap::new();
    for tune in tunes.iter_mut().filter(|tune| tune.is_kept()) {
        let hash = short_hash(&[tune.abc.as_bytes()]);
        match first_with.get(&hash) {
            Some(_) => tune.drop_because("the same text as an earlier tune"),
            None => drop(first_with.insert(hash, tune.tune_id.clone())),
        }
    }
}

/// Keeps about `max_tunes`: whole files in an order that their names and the seed decide, until there are enough.
fn sample(tunes: &mut [Tune], max_tunes: usize, seed: u64) {
    let mut by_source: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, tune) in tunes.iter().enumerate().filter(|(_, tune)| tune.is_kept()) {
        by_source.entry(tune.source.clone()).or_default().push(index);
    }
    let priority =
        |(source, indices): (String, Vec<usize>)| (short_hash(&[&seed.to_le_bytes(), source.as_bytes()]), indices);
    let mut sources: Vec<(String, Vec<usize>)> = by_source.into_iter().map(priority).collect();
    sources.sort();
    for index in sources.into_iter().flat_map(|(_, indices)| indices).skip(max_tunes) {
        if let Some(tune) = tunes.get_mut(index) {
            tune.drop_because("not in the sample (max_tunes)");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tune::tests::tune;
    use std::fs;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("music-scaling-corpus-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("music")).unwrap();
        folder
    }

    fn composed(n_composed: usize) -> CorpusConfig {
        CorpusConfig { n_composed, ..CorpusConfig::of("composed") }
    }

    #[test]
    fn composed_goes_from_midi_files_to_tokens_with_no_network() {
        let folder = folder("composed");
        let corpus = Corpus::get_or_prepare(&composed(100), &folder, None).unwrap();
        assert_eq!(
            (corpus.n_files, corpus.success_rate(), corpus.tunes.len()),
            (100, 1.0, 100),
            "{:?}",
            corpus.failed.first()
        );
        assert_eq!(Split::ALL.map(|split| corpus.n_tunes(split)), [98, 1, 1]);
        let tokens = corpus.tokens().unwrap();
        for split in Split::ALL {
            let text = files::read_text(corpus.dir.join(format!("{split}.txt"))).unwrap();
            assert_eq!(tokens.tokenizer.decode(tokens.split(split)), text);
            assert_eq!((corpus.text(split), corpus.n_chars(split)), (text.clone(), text.chars().count()));
        }
        let again = Corpus::get_or_prepare(&composed(100), &folder, None).unwrap();
        assert_eq!(again, corpus);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn two_configs_of_one_source_do_not_share_a_folder() {
        let names: Vec<String> = [composed(1000), composed(50)].iter().map(CorpusConfig::folder_name).collect();
        assert_eq!(names[0], "composed");
        assert!(names[1].starts_with("composed-") && names[1].len() == "composed-".len() + 8, "{names:?}");
    }

    fn composed_bits() -> f64 {
        super::composed::entropy().bits
    }

    #[test]
    fn composed_text_cannot_be_predicted_below_its_entropy() {
        let folder = folder("floor");
        let corpus = Corpus::get_or_prepare(&composed(60), &folder, None).unwrap();
        let floor = corpus.entropy_floor(Split::Train).unwrap();
        assert!((0.05..0.3).contains(&floor), "{floor}"); // about 100 bits in 700 characters
        let mean_chars = corpus.n_chars(Split::Train) as f64 / corpus.n_tunes(Split::Train) as f64;
        assert!((300.0..900.0).contains(&mean_chars), "{mean_chars}");
        let source = corpus.source_entropy().unwrap(); // of all tunes that could be composed, not of these sixty
        println!("{source}");
        assert!((source.nats_per_char / floor - 1.0).abs() < 0.1, "{source} {floor}");
        assert!((source.bits_per_char * source.chars_per_tune - composed_bits()).abs() < 1e-9);
        let mut thinned = corpus.clone();
        thinned.tunes[0].drop_because("for the test");
        assert!(thinned.source_entropy().is_none());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_users_folder_is_read_again_when_it_changes_and_bad_files_are_listed() {
        let folder = folder("user");
        for index in 0..6 {
            fs::write(folder.join(format!("music/{index}.mid")), composed::midi_file(2, index).bytes).unwrap();
        }
        fs::write(folder.join("music/page.mid"), "<html>404</html>").unwrap();
        fs::write(folder.join("music/empty.mid"), "").unwrap();
        let config = CorpusConfig::of(folder.join("music").to_string_lossy());
        let corpus = Corpus::get_or_prepare(&config, &folder.join("data"), None).unwrap();
        assert_eq!((corpus.n_files, corpus.kept().count(), corpus.failed.len()), (8, 6, 2));
        assert_eq!(corpus.success_rate(), 0.75);
        let failed = files::read_text(corpus.dir.join("failed.csv")).unwrap();
        assert!(
            failed.starts_with("source,stage,reason\n") && failed.contains("empty.mid,open,the file is empty"),
            "{failed}"
        );
        fs::write(folder.join("music/7.mid"), composed::midi_file(2, 7).bytes).unwrap();
        assert_eq!(Corpus::get_or_prepare(&config, &folder.join("data"), None).unwrap().n_files, 9);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_empty_corpus_says_what_became_of_its_files() {
        let folder = folder("empty");
        let config = CorpusConfig::of(folder.join("music").to_string_lossy());
        let error = Corpus::get_or_prepare(&config, &folder, None).unwrap_err().to_string();
        assert!(
            error.contains("has 0 different tunes out of 0 files") && error.contains("at least three different tunes"),
            "{error}"
        );
        fs::write(folder.join("music/page.mid"), "<html>404</html>").unwrap();
        let error = Corpus::get_or_prepare(&config, &folder, None).unwrap_err().to_string();
        assert!(error.contains("1 failed (for instance page.mid: "), "{error}");
        let strict = CorpusConfig { max_chars: 150, long_tunes: super::super::LongTunes::Drop, ..composed(10) };
        let error = Corpus::get_or_prepare(&strict, &folder, None).unwrap_err().to_string();
        assert!(error.contains("10 dropped") && error.contains("150 characters or more"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_whole_is_prepared_again() {
        let folder = folder("half");
        let corpus = Corpus::get_or_prepare(&composed(20), &folder, None).unwrap();
        fs::remove_file(corpus.dir.join("val.bin")).unwrap();
        Corpus::get_or_prepare(&composed(20), &folder, None).unwrap().tokens().unwrap();
        fs::remove_file(corpus.dir.join("corpus.json")).unwrap();
        fs::write(corpus.dir.join("tunes.jsonl"), "{cut in hal").unwrap();
        assert_eq!(Corpus::get_or_prepare(&composed(20), &folder, None).unwrap().tunes, corpus.tunes);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn repeated_texts_are_dropped_and_samples_are_seeded() {
        let mut tunes: Vec<Tune> = (0..100).map(|i| tune(&format!("t{i}"), &format!("tune {}", i % 90))).collect();
        drop_repeated_texts(&mut tunes);
        assert_eq!(tunes.iter().filter(|tune| tune.is_kept()).count(), 90);
        let sampled = |seed| {
            let mut tunes = tunes.clone();
            sample(&mut tunes, 30, seed);
            tunes.into_iter().filter(Tune::is_kept).map(|tune| tune.tune_id).collect::<Vec<_>>()
        };
        assert_eq!((sampled(1).len(), sampled(1) == sampled(1), sampled(1) == sampled(2)), (30, true, false));
    }
}
