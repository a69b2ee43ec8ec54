//! The vocabulary: one token a character, as `vocab.json` and as nanoGPT's `meta.pkl`.

use crate::{Error, Result, files, short_hash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Characters and their tokens: the token of a character is its place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokenizer {
    chars: Vec<char>,
    token_of: HashMap<char, u16>,
}

/// `vocab.json`: `{"version": 1, "vocab_size": 3, "chars": ["\n", "A", "B"]}`.
#[derive(Serialize, Deserialize)]
struct VocabFile {
    version: u32,
    vocab_size: usize,
    chars: Vec<char>,
}

/// nanoGPT's `meta.pkl`: a pickled dict.
#[derive(Serialize, Deserialize)]
struct MetaFile {
    vocab_size: usize,
    itos: BTreeMap<usize, char>,
    stoi: BTreeMap<char, usize>,
}

impl Tokenizer {
    /// The characters of the text, sorted.
    ///
    /// # Errors
    /// The text is empty.
    pub fn from_text(text: &str) -> Result<Tokenizer> {
        Tokenizer::from_texts([text])
    }

    /// The characters of all the texts together, sorted.
    ///
    /// # Errors
    /// There is no character.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Tokenizer> {
        let chars: BTreeSet<char> = texts.into_iter().flat_map(str::chars).collect();
        Tokenizer::from_chars(chars.into_iter().collect())
    }

    /// These characters in this order: each once.
    ///
    /// # Errors
    /// There is no character, one stands twice, or there are more than 65536.
    pub fn from_chars(chars: Vec<char>) -> Result<Tokenizer> {
        if chars.is_empty() {
            return Err(Error::Data("a vocabulary needs at least one character, but the text is empty".to_string()));
        }
        let token_of = chars.iter().enumerate().filter_map(|(index, &c)| Some((c, u16::try_from(index).ok()?)));
        let token_of: HashMap<char, u16> = token_of.collect();
        if token_of.len() != chars.len() {
            let n = chars.len();
            return Err(Error::Data(format!(
                "the vocabulary has {n} characters; it must have at most 65536, each of them once"
            )));
        }
        Ok(Tokenizer { chars, token_of })
    }

    /// How many characters, and so tokens, there are.
    pub fn vocab_size(&self) -> usize {
        self.chars.len()
    }

    /// The characters in the order of their tokens.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// Tokens of the text.
    ///
    /// # Errors
    /// A character is not in the vocabulary; the sentence names it and its place.
    pub fn encode(&self, text: &str) -> Result<Vec<u16>> {
        let mut tokens = Vec::with_capacity(text.len());
        for (index, c) in text.chars().enumerate() {
            let token = self.token_of.get(&c).ok_or_else(|| self.unknown(text, index, c))?;
            tokens.push(*token);
        }
        Ok(tokens)
    }

    fn unknown(&self, text: &str, index: usize, c: char) -> Error {
        let before: String = text.chars().take(index).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let known: String = self.chars.iter().filter(|c| !c.is_control()).collect();
        Error::Data(format!(
            "the character {c:?} in line {line}, column {column} is not in the vocabulary; its {} characters are: {known}",
            self.vocab_size()
        ))
    }

    /// The text of the tokens; a token outside the vocabulary becomes U+FFFD.
    pub fn decode(&self, tokens: &[u16]) -> String {
        tokens.iter().map(|&token| self.chars.get(usize::from(token)).copied().unwrap_or('\u{fffd}')).collect()
    }

    /// Hash of the characters and their order: checkpoints carry it.
    pub fn hash(&self) -> String {
        short_hash(&[self.chars.iter().collect::<String>().as_bytes()])
    }

    /// Writes `vocab.json` and `meta.pkl` into the folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let vocab = VocabFile { version: 1, vocab_size: self.vocab_size(), chars: self.chars.clone() };
        let json =
            serde_json::to_vec(&vocab).map_err(|error| Error::Data(format!("cannot write vocab.json: {error}")))?;
        files::write_atomic(dir.join("vocab.json"), json)?;
        let itos: BTreeMap<usize, char> = self.chars.iter().copied().enumerate().collect();
        let stoi = itos.iter().map(|(&token, &c)| (c, token)).collect();
        let meta = MetaFile { vocab_size: self.vocab_size(), itos, stoi };
        let pickle = serde_pickle::to_vec(&meta, serde_pickle::SerOptions::new());
        let pickle = pickle.map_err(|error| Error::Data(format!("cannot write meta.pkl: {error}")))?;
        files::write_atomic(dir.join("meta.pkl"), pickle)
    }

    /// Reads `vocab.json`, or where there is none nanoGPT's `meta.pkl`.
    ///
    /// # Errors
    /// There is neither file, or it is damaged.
    pub fn load(dir: &Path) -> Result<Tokenizer> {
        let (vocab, meta) = (dir.join("vocab.json"), dir.join("meta.pkl"));
        if vocab.exists() {
            return Tokenizer::load_vocab(&vocab);
        }
        if meta.exists() {
            return Tokenizer::load_meta(&meta);
        }
        let dir = dir.display();
        Err(Error::Data(format!(
            "{dir} has neither vocab.json nor meta.pkl, so its tokens can't be read as characters; prepare it again"
        )))
    }

    fn load_vocab(path: &Path) -> Result<Tokenizer> {
        let broken =
            |reason: &dyn std::fmt::Display| Error::Data(format!("{} is not a vocabulary: {reason}", path.display()));
        let file: VocabFile = serde_json::from_slice(&files::read_bytes(path)?).map_err(|error| broken(&error))?;
        if file.version != 1 {
            return Err(broken(&format!("version {} is newer than this program, which knows version 1", file.version)));
        }
        Tokenizer::from_chars(file.chars).map_err(|error| broken(&error))
    }

    fn load_meta(path: &Path) -> Result<Tokenizer> {
        let broken = |reason: &dyn std::fmt::Display| {
            Error::Data(format!("{} is not the meta.pkl of a character-level corpus: {reason}", path.display()))
        };
        let options = serde_pickle::DeOptions::new();
        let meta: MetaFile =
            serde_pickle::from_slice(&files::read_bytes(path)?, options).map_err(|error| broken(&error))?;
        let in_order = meta.itos.keys().copied().eq(0..meta.vocab_size);
        if !in_order {
            return Err(broken(&format!(
                "itos does not number the characters from 0 to {}",
                meta.vocab_size.saturating_sub(1)
            )));
        }
        Tokenizer::from_chars(meta.itos.into_values().collect()).map_err(|error| broken(&error))
    }
}

impl std::fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: String = self.chars.iter().map(|c| c.escape_debug().to_string()).collect();
        write!(f, "{} characters: {shown} (vocabulary {})", self.vocab_size(), self.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_places_in_the_sorted_characters() {
        let tokenizer = Tokenizer::from_text("CAB\nCAB").unwrap();
        assert_eq!(tokenizer.chars(), ['\n', 'A', 'B', 'C']);
        assert_eq!(tokenizer.encode("ABC\n").unwrap(), [1, 2, 3, 0]);
        assert_eq!(tokenizer.decode(&[3, 1, 2]), "CAB");
        assert!(Tokenizer::from_text("").unwrap_err().to_string().contains("the text is empty"));
    }

    #[test]
    fn a_character_outside_the_vocabulary_is_named_with_its_place() {
        let error = Tokenizer::from_text("ABC\n").unwrap().encode("A\nBé").unwrap_err().to_string();
        assert_eq!(error, "the character 'é' in line 2, column 2 is not in the vocabulary; its 4 characters are: ABC");
    }

    #[test]
    fn vocab_json_and_meta_pkl_give_the_same_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let tokenizer = Tokenizer::from_text("X:1\nK:Cé♯|").unwrap();
        tokenizer.save(dir).unwrap();
        assert_eq!(Tokenizer::load(dir).unwrap(), tokenizer);
        std::fs::remove_file(dir.join("vocab.json")).unwrap();
        assert_eq!(Tokenizer::load(dir).unwrap(), tokenizer);
        files::write_atomic(dir.join("meta.pkl"), "not a pickle").unwrap();
        assert!(
            Tokenizer::load(dir)
                .unwrap_err()
                .to_string()
                .contains("meta.pkl is not the meta.pkl of a character-level corpus")
        );
    }
}
