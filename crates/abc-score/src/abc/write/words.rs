//! The words under the notes: `w:Twin-kle twin-kle` (standard 2.1, section 5.1).

use super::plain;
use crate::score::{Score, Word};
use std::cmp::Reverse;

/// A word belongs to a note that begins at most so far from it: an eighth of a beat, more than a note is moved when it is written.
const NEAR: u32 = crate::TICKS_PER_BEAT / 8;

/// The voice that sings: most of the words begin with its notes, and among such voices it has the fewest notes.
pub(super) fn singing_voice(score: &Score) -> Option<usize> {
    let sings = |index: &usize| {
        let notes = &score.voices[*index].notes;
        let begins_there = |word: &&Word| {
            let next = notes.partition_point(|note| note.onset_ticks + NEAR < word.tick);
            notes.get(next).is_some_and(|note| note.onset_ticks <= word.tick + NEAR)
        };
        (score.words.iter().filter(begins_there).count(), Reverse(notes.len()), Reverse(*index))
    };
    (0..score.voices.len()).filter(|_| !score.words.is_empty()).max_by_key(sings)
}

/// The line of words under these notes, each with its tick and whether it goes on from the one before; empty if there are none.
pub(super) fn line(words: &[Word], notes: impl Iterator<Item = (u32, bool)>) -> String {
    let mut text = String::new();
    let (mut is_open, mut is_sung) = (false, false); // within a word; since the last note that has none
    let mut free = 0;
    for (tick, continues) in notes {
        free = free.max(words.partition_point(|word| word.tick + NEAR < tick));
        let word = words.get(free).filter(|word| !continues && word.tick <= tick + NEAR);
        match word {
            Some(word) => {
                free += 1;
                text.push(if is_open { '-' } else { ' ' });
                (is_open, is_sung) = (word.text.ends_with('-'), true);
                let syllable = plain(word.text.trim_end_matches('-')).replace(['_', '*', '|'], " ");
                text += &syllable.trim().replace('-', "\\-").replace(' ', "~");
            }
            None if continues && is_sung => text.push('_'),
            None => {
                text += " *";
                (is_open, is_sung) = (false, false);
            }
        }
    }
    let text = text.trim_end_matches([' ', '*']).trim_start();
    let hyphen = if is_open { "-" } else { "" };
    if text.is_empty() { String::new() } else { format!("w:{text}{hyphen}\n") }
}
