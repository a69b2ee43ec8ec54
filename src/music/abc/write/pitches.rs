//! How pitches are spelled in a key, and which accidentals they need.

use crate::music::abc::spelling::{LETTERS_BY_FIFTHS, spell};
use crate::music::score::Key;

/// Naturals that accidentals may stand on: from B below the lowest pitch to C above the highest.
const N_PLACES: usize = 130;

/// Spells pitches in a key and remembers the bar's accidentals. An accidental is left out only where every reader agrees:
/// those that carry it to all octaves and those that do not, those that carry it over `&` and those that do not.
pub(super) struct Accidentals {
    key: Key,
    /// Letters that had another accidental than the key's in this bar, in any layer.
    altered: [bool; 7],
    /// In this layer: what was last written on the letter, in any octave.
    letter: [Option<i8>; 7],
    /// In this layer: what was last written on the letter in that octave, by the MIDI pitch of the natural and one more.
    place: [Option<i8>; N_PLACES],
}

impl Accidentals {
    pub fn new(key: Key) -> Self {
        Accidentals { key, altered: [false; 7], letter: [None; 7], place: [None; N_PLACES] }
    }

    pub fn next_layer(&mut self) {
        self.letter = [None; 7];
        self.place = [None; N_PLACES];
    }

    /// A tie over the bar line may carry its accidental to all notes on the letter, as some readers have it.
    /// `key` is that in which the pitch was spelled.
    pub fn expect_doubt(&mut self, pitch: u8, key: Key) {
        let (letter, sharps) = spell_in_key(pitch, key);
        let i = place_of(letter);
        self.altered[i] |= sharps != self.sharps_of_key(i);
    }

    pub fn write_pitch(&mut self, text: &mut String, pitch: u8) {
        let (letter, sharps) = spell_in_key(pitch, self.key);
        let natural = i32::from(pitch) - i32::from(sharps);
        let i = place_of(letter);
        let by_key = sharps == self.sharps_of_key(i);
        self.altered[i] |= !by_key;
        let place = usize::try_from(natural + 1).unwrap_or(0).min(N_PLACES - 1);
        let known = self.letter[i] == Some(sharps) && self.place[place] == Some(sharps);
        if self.altered[i] && !known {
            text.push_str(match sharps {
                0 => "=",
                1.. => "^",
                _ => "_",
            });
            self.letter[i] = Some(sharps);
            self.place[place] = Some(sharps);
        }
        let octave = natural.div_euclid(12) - 5; // 0 is the octave of middle C
        text.push(char::from(if octave > 0 { letter.to_ascii_lowercase() } else { letter }));
        (1..octave).for_each(|_| text.push('\''));
        (octave..0).for_each(|_| text.push(','));
    }

    /// What the key signature says for a letter, by its place in [`LETTERS_BY_FIFTHS`].
    fn sharps_of_key(&self, i: usize) -> i8 {
        let from_f = i as i8;
        (self.key.fifths - from_f + 6).div_euclid(7)
    }
}

/// Place of a letter in [`LETTERS_BY_FIFTHS`].
fn place_of(letter: u8) -> usize {
    LETTERS_BY_FIFTHS.iter().position(|&other| other == letter).unwrap_or(0)
}

/// Letter and sharps for a pitch: from three fifths below the tonic of the major key to eight above, no double signs.
fn spell_in_key(pitch: u8, key: Key) -> (u8, i8) {
    let lowest = i32::from(key.fifths) - 3;
    let fifths = i32::from(pitch % 12) * 7; // a fifth up is 7 semitones, and 7·7 = 49 = 1 (mod 12)
    let place = (lowest + (fifths - lowest).rem_euclid(12)) as i8;
    match spell(place) {
        (_, 2..) => spell(place - 12),
        (_, ..=-2) => spell(place + 12),
        spelled => spelled,
    }
}
