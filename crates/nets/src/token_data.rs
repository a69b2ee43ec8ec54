//! The token files of a corpus in memory: little-endian u16, as nanoGPT writes and reads them.

use crate::{Error, Result, Tokenizer, files, short_hash};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The part of a corpus that a tune belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// What models are trained on.
    Train,
    /// What is looked at while they are.
    Val,
    /// What is looked at once.
    Test,
}

impl Split {
    /// All three, in this order.
    pub const ALL: [Split; 3] = [Split::Train, Split::Val, Split::Test];

    /// `train`, `val` or `test`: the name of the split's files.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

impl std::str::FromStr for Split {
    type Err = crate::Error;

    fn from_str(name: &str) -> crate::Result<Split> {
        let known = Split::ALL.into_iter().find(|split| split.name() == name);
        known.ok_or_else(|| crate::Error::Data(format!("\"{name}\" is not a split; try train, val or test")))
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The tokens of the three splits and the vocabulary that made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenData {
    /// The folder that they were read from, or are written to.
    pub dir: PathBuf,
    /// The vocabulary.
    pub tokenizer: Tokenizer,
    /// Training tokens.
    pub train: Vec<u16>,
    /// Validation tokens.
    pub val: Vec<u16>,
    /// Empty for a folder that nanoGPT's scripts prepared: they make no test split.
    pub test: Vec<u16>,
}

impl TokenData {
    /// Opens a folder that `Corpus::get_or_prepare`, or nanoGPT's `prepare.py`, filled.
    ///
    /// # Errors
    /// A file is missing or damaged, or its tokens do not fit the vocabulary.
    pub fn open(dir: &Path) -> Result<TokenData> {
        TokenData::open_subset(dir, usize::MAX)
    }

    /// The same as `TokenData::open(dir)?.subset(n_tokens)`, but only so much of train is read: memory doesn't grow with what
    /// the corpus has beyond it.
    ///
    /// # Errors
    /// As for [`TokenData::open`].
    pub fn open_subset(dir: &Path, n_tokens: usize) -> Result<TokenData> {
        let tokenizer = Tokenizer::load(dir)?;
        let split = |split: Split, n_tokens| read_tokens(&file_of(dir, split), &tokenizer, n_tokens);
        let has_test = fs::metadata(file_of(dir, Split::Test)).is_ok_and(|file| file.len() > 0);
        let test = if has_test { split(Split::Test, usize::MAX)?.0 } else { Vec::new() };
        let ((mut train, is_whole), (val, _)) = (split(Split::Train, n_tokens)?, split(Split::Val, usize::MAX)?);
        if !is_whole {
            cut_to_whole_tunes(&mut train, &tokenizer);
        }
        Ok(TokenData { dir: dir.to_path_buf(), tokenizer, train, val, test })
    }

    /// Writes `train.bin`, `val.bin`, `test.bin`, `vocab.json` and `meta.pkl` into [`TokenData::dir`].
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self) -> Result<()> {
        for split in Split::ALL {
            let bytes: Vec<u8> = self.split(split).iter().flat_map(|token| token.to_le_bytes()).collect();
            files::write_atomic(file_of(&self.dir, split), bytes)?;
        }
        self.tokenizer.save(&self.dir)
    }

    /// The tokens of one split.
    pub fn split(&self, split: Split) -> &[u16] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }

    /// Whole tunes from the front of train, up to `n_tokens` of them; val and test stay as they are. The tunes lie in random
    /// order, so the front is a random sample. Where not even one tune fits, its first `n_tokens` tokens.
    pub fn subset(&self, n_tokens: usize) -> TokenData {
        let mut train = self.train.get(..n_tokens).unwrap_or(&self.train).to_vec();
        if train.len() < self.train.len() {
            cut_to_whole_tunes(&mut train, &self.tokenizer);
        }
        TokenData {
            dir: self.dir.clone(),
            tokenizer: self.tokenizer.clone(),
            train,
            val: self.val.clone(),
            test: self.test.clone(),
        }
    }

    /// Hash of the vocabulary and of every token: a run's `data_hash`.
    pub fn hash(&self) -> String {
        let bytes = |tokens: &[u16]| -> Vec<u8> { tokens.iter().flat_map(|token| token.to_le_bytes()).collect() };
        short_hash(&[self.tokenizer.hash().as_bytes(), &bytes(&self.train), &bytes(&self.val), &bytes(&self.test)])
    }
}

impl std::fmt::Display for TokenData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [train, val, test] = Split::ALL.map(|split| self.split(split).len());
        write!(
            f,
            "{}: {train} training, {val} validation, {test} test tokens; {} characters",
            self.dir.display(),
            self.tokenizer.vocab_size()
        )
    }
}

fn file_of(dir: &Path, split: Split) -> PathBuf {
    dir.join(format!("{split}.bin"))
}

/// Cuts the tokens behind the last blank line; where there is none they stay.
fn cut_to_whole_tunes(tokens: &mut Vec<u16>, tokenizer: &Tokenizer) {
    let newline = tokenizer.encode("\n").ok().and_then(|tokens| tokens.first().copied());
    let is_end = |pair: &[u16]| newline.is_some_and(|newline| pair.iter().all(|token| *token == newline));
    if let Some(index) = tokens.windows(2).rposition(is_end) {
        tokens.truncate(index + 2);
    }
}

/// The first `n_tokens` tokens of a file, and whether these are all.
fn read_tokens(path: &Path, tokenizer: &Tokenizer, n_tokens: usize) -> Result<(Vec<u16>, bool)> {
    let file = fs::File::open(path).map_err(Error::file("read", path))?;
    let n = file.metadata().map_err(Error::file("read", path))?.len();
    if n % 2 > 0 || n == 0 {
        let path = path.display();
        return Err(Error::Data(format!(
            "{path} has {n} bytes, which is no whole number of 2-byte tokens above 0; prepare the corpus again"
        )));
    }
    let n_wanted = (n_tokens as u64).min(n / 2);
    let (mut reader, mut pair) = (BufReader::with_capacity(1 << 20, file), [0; 2]);
    let mut tokens = Vec::with_capacity(n_wanted as usize);
    for _ in 0..n_wanted {
        reader.read_exact(&mut pair).map_err(Error::file("read", path))?;
        tokens.push(u16::from_le_bytes(pair));
    }
    let (pairs, _) = tokens.as_chunks::<2>();
    let is_wide = pairs.iter().all(|[_, high]| *high == 0) && tokens.iter().any(|token| *token != 0);
    if is_wide && pairs.len() >= 8 {
        return Err(Error::Data(format!(
            "{} has a zero at every second place: it seems to hold 4-byte tokens; write them as uint16, as nanoGPT does",
            path.display()
        )));
    }
    let vocab_size = tokenizer.vocab_size();
    if let Some(place) = tokens.iter().position(|token| usize::from(*token) >= vocab_size) {
        let (path, token) = (path.display(), tokens.get(place).copied().unwrap_or_default());
        let (last, hash) = (vocab_size - 1, tokenizer.hash());
        return Err(Error::Data(format!(
            "{path} holds the token {token} at place {place}, but the folder's vocabulary {hash} ends at {last}: they don't belong \
             together; prepare the corpus again"
        )));
    }
    Ok((tokens, 2 * n_wanted == n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// In a folder that goes with the first value.
    fn data() -> (tempfile::TempDir, TokenData) {
        let folder = tempfile::tempdir().unwrap();
        let (dir, tokenizer) = (folder.path().to_path_buf(), Tokenizer::from_text("\n ABCX:1|é").unwrap());
        let encode = |text: &str| tokenizer.encode(text).unwrap();
        let (train, val, test) =
            (encode("X:1\nABC|\n\nX:1\nCC|\n\nX:1\nA|\n\n"), encode("X:1\nA é|\n\n"), encode("X:1\nB|\n\n"));
        (folder, TokenData { dir, tokenizer, train, val, test })
    }

    #[test]
    fn what_is_saved_opens_again_and_its_hash_tells_it_apart() {
        let (_folder, data) = data();
        data.save().unwrap();
        assert_eq!(TokenData::open(&data.dir).unwrap(), data);
        assert_eq!(TokenData::open(&data.dir).unwrap().hash(), data.hash());
        assert_ne!(data.subset(12).hash(), data.hash());
    }

    #[test]
    fn a_subset_holds_whole_tunes_and_leaves_val_and_test_alone() {
        let (_folder, data) = data();
        let texts = [(10, "X:1\nABC|\n\n"), (17, "X:1\nABC|\n\n"), (20, "X:1\nABC|\n\nX:1\nCC|\n\n"), (4, "X:1\n")];
        for (budget, text) in texts {
            let subset = data.subset(budget);
            assert_eq!(data.tokenizer.decode(&subset.train), text);
            assert_eq!((&subset.val, &subset.test), (&data.val, &data.test));
        }
        assert_eq!(data.subset(1000), data);
    }

    #[test]
    fn a_subset_read_from_the_front_of_the_file_is_the_subset_of_the_whole() {
        let (_folder, data) = data();
        data.save().unwrap();
        for n_tokens in 1..=data.train.len() + 1 {
            assert_eq!(TokenData::open_subset(&data.dir, n_tokens).unwrap(), data.subset(n_tokens));
        }
    }

    #[test]
    fn token_files_that_are_cut_or_do_not_fit_the_vocabulary_are_refused() {
        let (_folder, data) = data();
        data.save().unwrap();
        files::write_atomic(data.dir.join("val.bin"), [1, 0, 2]).unwrap();
        let error = TokenData::open(&data.dir).unwrap_err().to_string();
        assert!(error.contains("val.bin has 3 bytes, which is no whole number of 2-byte tokens"), "{error}");
        files::write_atomic(data.dir.join("val.bin"), [1, 0, 77, 0]).unwrap();
        let error = TokenData::open(&data.dir).unwrap_err().to_string();
        assert!(error.contains("holds the token 77 at place 1") && error.contains(&data.tokenizer.hash()), "{error}");
        let wide: Vec<u8> = data.train.iter().flat_map(|token| u32::from(*token).to_le_bytes()).collect();
        files::write_atomic(data.dir.join("train.bin"), wide).unwrap();
        let error = TokenData::open(&data.dir).unwrap_err().to_string();
        assert!(error.contains("train.bin has a zero at every second place"), "{error}");
    }

    fn python(script: &str, dir: &Path) -> Option<std::process::Output> {
        let output = Command::new("python3").arg("-c").arg(script).arg(dir).output();
        output.map_err(|error| println!("python3 cannot be started ({error}): skipped")).ok()
    }

    /// As nanoGPT's train.py and sample.py do it, but with `array` for numpy's memmap.
    const READ_LIKE_NANOGPT: &str = r#"
import array, os, pickle, sys
os.chdir(sys.argv[1])
meta = pickle.load(open('meta.pkl', 'rb'))
assert meta['vocab_size'] == len(meta['itos']) == len(meta['stoi']) == 10, meta
assert all(meta['stoi'][c] == i for i, c in meta['itos'].items())
tokens = array.array('H', open('val.bin', 'rb').read())
sys.stdout.buffer.write(''.join(meta['itos'][i] for i in tokens).encode())
"#;

    #[test]
    fn nanogpt_reads_the_folder_as_it_is() {
        let (_folder, data) = data();
        data.save().unwrap();
        if let Some(output) = python(READ_LIKE_NANOGPT, &data.dir) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stdout), "X:1\nA é|\n\n");
        }
    }

    /// The core of nanoGPT's data/shakespeare_char/prepare.py.
    const PREPARE_LIKE_NANOGPT: &str = r#"
import array, os, pickle, sys
os.chdir(sys.argv[1])
data = 'X:1\nABC|\n\nX:1\nCC|\n\n'
chars = sorted(list(set(data)))
stoi = {ch: i for i, ch in enumerate(chars)}
itos = {i: ch for i, ch in enumerate(chars)}
for name, text in (('train', data[:12]), ('val', data[12:])):
    open(name + '.bin', 'wb').write(array.array('H', [stoi[c] for c in text]).tobytes())
pickle.dump({'vocab_size': len(chars), 'itos': itos, 'stoi': stoi}, open('meta.pkl', 'wb'))
"#;

    #[test]
    fn a_folder_that_nanogpt_prepared_opens_here() {
        let (_folder, TokenData { dir, .. }) = data();
        if let Some(output) = python(PREPARE_LIKE_NANOGPT, &dir) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let data = TokenData::open(&dir).unwrap();
            assert_eq!(
                data.tokenizer.decode(&data.train) + &data.tokenizer.decode(&data.val),
                "X:1\nABC|\n\nX:1\nCC|\n\n"
            );
            assert!(data.test.is_empty());
        }
    }
}
