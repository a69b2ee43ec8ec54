//! Bits per note and per beat: the figures that another corpus, layout or tokeniser leaves comparable.
//!
//! ```text
//! code length   = loss · (n_tokens − 1) / ln 2          bits; the first token of a split has no loss
//! bits per note = code length / n_notes                 header fields, bar lines and spacing are paid for by the notes
//! bits per beat = code length / n_beats
//! ```

use crate::data::{Split, TokenData};
use crate::music::{TICKS_PER_BEAT, abc};

/// How much music the text of a split holds, as it stands on the page: what a repeat sign plays again counts once.
///
/// ```
/// use music_scaling::prelude::*;
/// let text = "X:1\nM:4/4\nL:1/4\nK:C\nC D [EG] F-|F4|]\n\n"; // a tie makes one note, a chord has two
/// let tokenizer = Tokenizer::from_text(text)?;
/// let val = tokenizer.encode(text)?;
/// let data = TokenData { dir: "".into(), tokenizer, train: vec![], val, test: vec![] };
/// let count = MusicCount::of(&data, Split::Val);
/// assert_eq!(count, Some(MusicCount { n_notes: 5, n_beats: 8.0, n_tokens: text.len() }));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MusicCount {
    /// Notes of all voices, those of a chord one by one, tied ones together.
    pub n_notes: usize,
    /// Quarter notes from each tune's beginning to the end of its last note, added up; voices that sound together count once.
    pub n_beats: f64,
    /// Tokens of the split.
    pub n_tokens: usize,
}

impl MusicCount {
    /// Reads each tune of the split, from blank line to blank line, leniently. `None` for a text without tunes: a tune has a field
    /// `K:` and a note.
    pub fn of(data: &TokenData, split: Split) -> Option<MusicCount> {
        let tokens = data.split(split);
        let text = data.tokenizer.decode(tokens);
        let mut count = MusicCount { n_notes: 0, n_beats: 0.0, n_tokens: tokens.len() };
        for tune in text.split("\n\n").filter(|tune| tune.lines().any(|line| line.starts_with("K:"))) {
            let Ok((score, _)) = abc::parse_lenient(tune) else { continue }; // no music: its text is paid for all the same
            let page = score.page();
            count.n_notes += page.n_notes();
            count.n_beats += f64::from(page.end_ticks()) / f64::from(TICKS_PER_BEAT);
        }
        (count.n_notes > 0).then_some(count)
    }

    /// The code length of the whole split at this loss (nats per token), bits.
    fn bits(&self, loss: f64) -> f64 {
        loss * self.n_tokens.saturating_sub(1) as f64 / std::f64::consts::LN_2
    }

    /// Of a model with this loss over the split, nats per token.
    pub fn bits_per_note(&self, loss: f64) -> f64 {
        self.bits(loss) / self.n_notes as f64
    }

    /// Of a model with this loss over the split, nats per token.
    pub fn bits_per_beat(&self, loss: f64) -> f64 {
        self.bits(loss) / self.n_beats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Tokenizer;

    fn count(text: &str) -> Option<MusicCount> {
        let tokenizer = Tokenizer::from_text(text).unwrap();
        let test = tokenizer.encode(text).unwrap();
        MusicCount::of(&TokenData { dir: "".into(), tokenizer, train: vec![], val: vec![], test }, Split::Test)
    }

    #[test]
    fn a_model_that_knows_nothing_pays_log2_v_for_each_token_and_the_notes_share_it() {
        // Three notes and three beats that are played twice; five notes, of which two sound together, in four beats.
        let repeated = "X:1\nM:3/4\nL:1/4\nK:G\n|:G A B:|\n\n";
        let in_two_voices = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nV:2\n[V:1]c z e f|\n[V:2][CG]4|\n\n";
        let text = [repeated, in_two_voices].concat();
        let found = count(&text).unwrap();
        assert_eq!(found, MusicCount { n_notes: 3 + 5, n_beats: 3.0 + 4.0, n_tokens: text.len() });
        let code_length = 5.0 * (text.len() - 1) as f64; // of 32 tokens, each with the probability 1/32
        assert!((found.bits_per_note(32f64.ln()) - code_length / 8.0).abs() < 1e-9);
        assert!((found.bits_per_beat(32f64.ln()) - code_length / 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_text_without_tunes_has_neither_notes_nor_beats() {
        assert_eq!(
            count("First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n"),
            None
        );
        assert_eq!(count("X:1\nK:C\n\n"), None);
    }
}
