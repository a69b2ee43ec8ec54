//! A corpus on disk: prepared once, found again by the hash of its config.

use super::composed::{self, Grammar};
use super::corpus_files::{self, Contents};
use super::split::Groups;
use super::{CorpusConfig, FailedFile, Split, TokenData};
use crate::{Result, files};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A prepared corpus: what it was made from and how much came of it. Its tunes stay on disk ([`Corpus::tunes`]).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Corpus {
    pub(super) version: u32,
    pub(super) config_hash: String,
    /// Hash of the user's files (see `Source::content`).
    pub(super) source_stamp: String,
    /// The choices that it was made with.
    pub config: CorpusConfig,
    /// Files of the source.
    pub n_files: usize,
    /// What was tried: MIDI files, and tunes of ABC files.
    pub n_inputs: usize,
    /// Time that the preparation took.
    pub seconds: f64,
    pub(super) contents: Contents,
    /// How the kept tunes hang together: each group stands in one split.
    pub groups: Groups,
    /// Where its files lie.
    #[serde(skip)]
    pub dir: PathBuf,
    /// What could not be read.
    #[serde(skip)]
    pub failed: Vec<FailedFile>,
}

impl Corpus {
    /// The corpus in a folder; `None` if it is not there, not whole, or from another version.
    pub(super) fn read(dir: &Path) -> Option<Corpus> {
        let path = Some(dir.join("corpus.json")).filter(|_| corpus_files::are_there(dir))?;
        let prepared: Corpus = files::read_json(path, "prepare the corpus again").ok()?;
        let failed = corpus_files::read_failed(&dir.join("failed.csv")).ok()?;
        let is_ours = prepared.version == corpus_files::VERSION;
        is_ours.then(|| Corpus { dir: dir.to_path_buf(), failed, ..prepared })
    }

    /// The token files.
    ///
    /// # Errors
    /// They are gone or damaged.
    pub fn tokens(&self) -> Result<TokenData> {
        Ok(TokenData::open(&self.dir)?)
    }

    /// Share of the inputs (MIDI files, and tunes of ABC files) that gave a tune, whether the length filter kept it or not.
    pub fn success_rate(&self) -> f64 {
        if self.n_inputs == 0 {
            return 0.0;
        }
        1.0 - self.failed.len() as f64 / self.n_inputs as f64
    }

    /// Tunes of a split.
    pub fn n_tunes(&self, split: Split) -> usize {
        self.contents.n_tunes[split as usize]
    }

    /// Characters of a split, which are its tokens.
    pub fn n_chars(&self, split: Split) -> usize {
        self.contents.n_chars[split as usize]
    }

    /// Tunes that stand in a split.
    pub fn n_kept(&self) -> usize {
        self.contents.n_tunes.iter().sum()
    }

    /// Tunes that stand in no split.
    pub fn n_dropped(&self) -> usize {
        self.contents.n_dropped
    }

    /// The text of a split: its .txt file.
    ///
    /// # Errors
    /// The file is gone.
    pub fn text(&self, split: Split) -> Result<String> {
        Ok(files::read_text(self.dir.join(format!("{split}.txt")))?)
    }

    /// For the corpora `composed` and `airs`: nats per character below which no model's loss on the split can stay, however large, that
    /// reads each tune from its beginning: Σ bits · ln 2 / Σ characters. `None` for real music, whose entropy nobody knows.
    ///
    /// # Errors
    /// The tunes cannot be read.
    pub fn entropy_floor(&self, split: Split) -> Result<Option<f64>> {
        let Some(grammar) = Grammar::of(&self.config.source) else { return Ok(None) };
        let mut bits = 0.0;
        for tune in self.tunes_of(split)? {
            let Some(index) = grammar.index_of(&tune?.source) else { return Ok(None) };
            bits += grammar.entropy_bits(self.config.seed, index);
        }
        Ok(Some(bits * std::f64::consts::LN_2 / (self.n_chars(split) as f64).max(1.0)))
    }

    /// For the corpora `composed` and `airs`: the exact entropy of its source for each character of text, from the grammar's probabilities
    /// and the mean length of these tunes. `None` for real music, and where a tune was dropped or cut, because what is left
    /// would be another source.
    pub fn source_entropy(&self) -> Option<SourceEntropy> {
        let grammar = Grammar::of(&self.config.source)?;
        if self.n_kept() != self.n_files || self.n_dropped() > 0 {
            return None;
        }
        let n_chars = self.contents.n_chars.iter().sum::<usize>();
        Some(SourceEntropy::new(grammar.entropy(), n_chars as f64 / self.n_kept().max(1) as f64))
    }
}

/// The entropy of a source that is known, spread over its text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SourceEntropy {
    /// Of one tune.
    pub entropy: composed::Entropy,
    /// Mean over the corpus.
    pub chars_per_tune: f64,
    /// Entropy over characters.
    pub bits_per_char: f64,
    /// What the loss of a perfect model tends to, in nats per token.
    pub nats_per_char: f64,
}

impl SourceEntropy {
    /// That of tunes of this mean length.
    pub fn new(entropy: composed::Entropy, chars_per_tune: f64) -> SourceEntropy {
        let bits_per_char = entropy.bits / chars_per_tune;
        SourceEntropy { entropy, chars_per_tune, bits_per_char, nats_per_char: bits_per_char * std::f64::consts::LN_2 }
    }
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
        let (n_chars, n_dropped) = (self.contents.n_chars.iter().sum::<usize>(), self.n_dropped());
        write!(f, "{}: {} files, {:.1} % converted, ", self.config.name(), self.n_files, 100.0 * self.success_rate())?;
        write!(f, "{train} + {val} + {test} tunes (train, val, test), {n_dropped} dropped, {n_chars} characters, ")?;
        write!(f, "{:.1} s, in {}", self.seconds, self.dir.display())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::Tune;
    use std::fs;

    /// A prepared corpus of these tunes, which stand in the order of their splits; only `tunes.jsonl` is written.
    pub fn corpus_of(folder: &Path, tunes: &[Tune], failed: Vec<FailedFile>) -> Corpus {
        let dir = folder.to_path_buf();
        let lines: Vec<String> = tunes.iter().map(|tune| serde_json::to_string(tune).unwrap() + "\n").collect();
        fs::write(dir.join("tunes.jsonl"), lines.concat()).unwrap();
        let mut contents = Contents::default();
        tunes.iter().for_each(|tune| contents.count(tune.split, tune.n_chars));
        let (n_files, n_inputs) = (tunes.len(), tunes.len() + failed.len());
        Corpus { dir, failed, n_files, n_inputs, contents, ..Corpus::default() }
    }

    fn tunes(corpus: &Corpus) -> Vec<Tune> {
        corpus.tunes().unwrap().collect::<Result<_>>().unwrap()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("music")).unwrap();
        folder
    }

    fn composed(n_composed: usize) -> CorpusConfig {
        CorpusConfig { n_composed, ..CorpusConfig::of("composed") }
    }

    #[test]
    fn composed_goes_from_midi_files_to_tokens_with_no_network() {
        let folder = folder();
        let folder = folder.path();
        let corpus = Corpus::get_or_prepare(&composed(100), folder).unwrap();
        assert_eq!(
            (corpus.n_files, corpus.success_rate(), tunes(&corpus).len()),
            (100, 1.0, 100),
            "{:?}",
            corpus.failed.first()
        );
        assert_eq!(Split::ALL.map(|split| corpus.n_tunes(split)), [98, 1, 1]);
        let tokens = corpus.tokens().unwrap();
        for split in Split::ALL {
            let text = files::read_text(corpus.dir.join(format!("{split}.txt"))).unwrap();
            assert_eq!(tokens.tokenizer.decode(tokens.split(split)), text);
            assert_eq!((corpus.text(split).unwrap(), corpus.n_chars(split)), (text.clone(), text.chars().count()));
            let of_split: Vec<Tune> = corpus.tunes_of(split).unwrap().collect::<Result<_>>().unwrap();
            assert_eq!(of_split.iter().map(|tune| tune.abc.as_str()).collect::<String>(), text);
        }
        let again = Corpus::get_or_prepare(&composed(100), folder).unwrap();
        assert_eq!(again, corpus);
    }

    #[test]
    fn composed_text_cannot_be_predicted_below_its_entropy() {
        let folder = folder();
        let folder = folder.path();
        let corpus = Corpus::get_or_prepare(&composed(60), folder).unwrap();
        let floor = corpus.entropy_floor(Split::Train).unwrap().unwrap();
        assert!((0.05..0.3).contains(&floor), "{floor}"); // about 100 bits in 700 characters
        let mean_chars = corpus.n_chars(Split::Train) as f64 / corpus.n_tunes(Split::Train) as f64;
        assert!((300.0..900.0).contains(&mean_chars), "{mean_chars}");
        let source = corpus.source_entropy().unwrap(); // of all tunes that could be composed, not of these sixty
        assert!((source.nats_per_char / floor - 1.0).abs() < 0.1, "{source} {floor}");
        assert!((source.bits_per_char * source.chars_per_tune - composed::entropy().bits).abs() < 1e-9);
        let mut thinned = corpus.clone();
        thinned.contents.n_dropped = 1;
        assert!(thinned.source_entropy().is_none());
        let airs = CorpusConfig { source: "airs".into(), ..composed(200) };
        let airs = Corpus::get_or_prepare(&airs, folder).unwrap();
        let (floor, source) = (airs.entropy_floor(Split::Train).unwrap().unwrap(), airs.source_entropy().unwrap());
        assert!((0.55..0.7).contains(&floor), "{floor}"); // about 133 bits in 150 characters: near real tunes
        assert!((source.nats_per_char / floor - 1.0).abs() < 0.05, "{source} {floor}");
    }

    #[test]
    fn a_users_folder_is_known_by_its_content_and_bad_files_are_listed() {
        let folder = folder();
        let folder = folder.path();
        for index in 0..6 {
            fs::write(folder.join(format!("music/{index}.mid")), composed::midi_file(2, index).bytes).unwrap();
        }
        fs::write(folder.join("music/page.mid"), "<html>404</html>").unwrap();
        fs::write(folder.join("music/empty.mid"), "").unwrap();
        let config = CorpusConfig::of(folder.join("music").to_string_lossy());
        let corpus = Corpus::get_or_prepare(&config, &folder.join("data")).unwrap();
        assert_eq!((corpus.n_files, corpus.n_kept(), corpus.failed.len()), (8, 6, 2));
        assert_eq!(corpus.success_rate(), 0.75);
        let failed = files::read_text(corpus.dir.join("failed.csv")).unwrap();
        assert!(
            failed.starts_with("source,stage,reason\n") && failed.contains("empty.mid,open,the file is empty"),
            "{failed}"
        );
        fs::write(folder.join("music/7.mid"), composed::midi_file(2, 7).bytes).unwrap();
        let larger = Corpus::get_or_prepare(&config, &folder.join("data")).unwrap();
        assert_eq!(larger.n_files, 9);
        fs::rename(folder.join("music"), folder.join("moved")).unwrap();
        let gone = Corpus::get_or_prepare(&config, &folder.join("data")).unwrap();
        assert_eq!(gone.config.source, config.source);
        fs::create_dir_all(folder.join("elsewhere")).unwrap();
        fs::rename(folder.join("moved"), folder.join("elsewhere/music")).unwrap();
        let moved = CorpusConfig::of(folder.join("elsewhere/music").to_string_lossy());
        assert_eq!(Corpus::get_or_prepare(&moved, &folder.join("data")).unwrap().dir, larger.dir);
    }

    #[test]
    fn a_plain_text_is_split_in_its_order_and_nothing_of_it_is_lost() {
        let folder = folder();
        let folder = folder.path();
        let text: String = (0..100).map(|i| format!("Speaker {i}:\r\nWord {i}, to be or not é.\n\n")).collect();
        for (name, text) in
            [("blank lines", text.clone()), ("no line at all", text.replace(['\r', '\n'], " ").repeat(9))]
        {
            let path = folder.join(format!("{name}.txt"));
            fs::write(&path, &text).unwrap();
            let config = CorpusConfig { split: [8.0, 1.0, 1.0], ..CorpusConfig::of(path.to_string_lossy()) };
            let corpus = Corpus::get_or_prepare(&config, folder).unwrap();
            assert_eq!(Split::ALL.map(|split| corpus.text(split).unwrap()).concat(), text);
            let share = corpus.n_chars(Split::Train) as f64 / text.chars().count() as f64;
            assert!((share - 0.8).abs() < 0.05, "{name}: {share}");
            let data = corpus.tokens().unwrap();
            assert_eq!(data.tokenizer.decode(&data.val), corpus.text(Split::Val).unwrap());
        }
        fs::write(folder.join("short.txt"), "too short").unwrap();
        fs::write(folder.join("latin.txt"), b"caf\xe9").unwrap();
        let refusal = |name: &str| {
            let config = CorpusConfig::of(folder.join(name).to_string_lossy());
            Corpus::get_or_prepare(&config, folder).unwrap_err().to_string()
        };
        assert!(refusal("short.txt").contains("nothing of it is left for val"), "{}", refusal("short.txt"));
        assert!(refusal("latin.txt").contains("not UTF-8"), "{}", refusal("latin.txt"));
    }

    #[test]
    fn a_folder_of_tokens_keeps_its_splits_and_its_vocabulary() {
        let folder = folder();
        let folder = folder.path();
        let tokenizer = crate::data::Tokenizer::from_chars("cba\nXz".chars().collect()).unwrap(); // z occurs nowhere
        let dir = folder.join("char");
        tokenizer.save(&dir).unwrap();
        fs::remove_file(dir.join("vocab.json")).unwrap(); // nanoGPT writes meta.pkl only, and no test.bin
        let write = |name: &str, text: &str| {
            let tokens = tokenizer.encode(text).unwrap();
            fs::write(dir.join(name), tokens.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<u8>>())
                .unwrap();
        };
        write("train.bin", "Xab\n\nXba\n\nXcc\n\n");
        write("val.bin", "Xbb");
        let corpus = Corpus::get_or_prepare(&CorpusConfig::of(dir.to_string_lossy()), folder).unwrap();
        assert_eq!(Split::ALL.map(|split| corpus.n_tunes(split)), [3, 1, 0]);
        let (ours, theirs) = (corpus.tokens().unwrap(), TokenData::open(&dir).unwrap());
        assert_eq!((&ours.tokenizer, &ours.train, &ours.val), (&theirs.tokenizer, &theirs.train, &theirs.val));
        assert_eq!((ours.hash(), ours.test.len()), (theirs.hash(), 0)); // so a run is known by either
        write("val.bin", "Xab");
        assert_ne!(Corpus::get_or_prepare(&CorpusConfig::of(dir.to_string_lossy()), folder).unwrap().dir, corpus.dir);
    }

    #[test]
    fn an_empty_corpus_says_what_became_of_its_files() {
        let folder = folder();
        let folder = folder.path();
        let config = CorpusConfig::of(folder.join("music").to_string_lossy());
        let error = Corpus::get_or_prepare(&config, folder).unwrap_err().to_string();
        assert!(
            error.contains("has 0 different tunes out of 0 files") && error.contains("at least three different tunes"),
            "{error}"
        );
        fs::write(folder.join("music/page.mid"), "<html>404</html>").unwrap();
        let error = Corpus::get_or_prepare(&config, folder).unwrap_err().to_string();
        assert!(error.contains("1 failed (for instance page.mid: "), "{error}");
        let strict = CorpusConfig { max_chars: 150, long_tunes: super::super::LongTunes::Drop, ..composed(10) };
        let error = Corpus::get_or_prepare(&strict, folder).unwrap_err().to_string();
        assert!(error.contains("10 dropped") && error.contains("150 characters or more"), "{error}");
    }

    #[test]
    fn a_folder_that_is_not_whole_is_prepared_again() {
        let folder = folder();
        let folder = folder.path();
        let corpus = Corpus::get_or_prepare(&composed(20), folder).unwrap();
        let as_prepared = tunes(&corpus);
        fs::remove_file(corpus.dir.join("val.bin")).unwrap();
        Corpus::get_or_prepare(&composed(20), folder).unwrap().tokens().unwrap();
        fs::remove_file(corpus.dir.join("corpus.json")).unwrap();
        fs::write(corpus.dir.join("tunes.jsonl"), "{cut in hal").unwrap();
        assert_eq!(tunes(&Corpus::get_or_prepare(&composed(20), folder).unwrap()), as_prepared);
    }
}
