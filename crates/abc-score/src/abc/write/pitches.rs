//! How pitches are spelled in a key, and which accidentals they need.

use crate::abc::spelling::push_letter;
use crate::key::{Key, LETTERS_BY_FIFTHS, sharps_in_signature, spell};

/// How the twelve pitch classes are spelled in a key.
#[derive(Clone, Copy)]
pub(super) struct KeySpelling {
    key: Key,
    classes: [Spelled; 12],
}

#[derive(Clone, Copy)]
struct Spelled {
    /// Place in [`LETTERS_BY_FIFTHS`].
    letter: usize,
    /// Negative: flats.
    sharps: i8,
}

impl KeySpelling {
    pub fn new(key: Key) -> Self {
        KeySpelling { key, classes: std::array::from_fn(|class| spell_in_key(class as i32, key)) }
    }

    fn of(&self, pitch: u8) -> Spelled {
        self.classes[usize::from(pitch % 12)]
    }

    /// What the key signature says for a letter.
    fn sharps_of_key(&self, letter: usize) -> i8 {
        sharps_in_signature(self.key.fifths, letter as i8)
    }
}

/// From three fifths below the tonic of the major key to eight above, no double signs.
fn spell_in_key(pitch_class: i32, key: Key) -> Spelled {
    let lowest = i32::from(key.fifths) - 3;
    let fifths = pitch_class * 7; // a fifth up is 7 semitones, and 7·7 = 49 = 1 (mod 12)
    let place = (lowest + (fifths - lowest).rem_euclid(12)) as i8;
    let (letter, sharps) = match spell(place) {
        (_, 2..) => spell(place - 12),
        (_, ..=-2) => spell(place + 12),
        spelled => spelled,
    };
    Spelled { letter: LETTERS_BY_FIFTHS.iter().position(|&other| other == letter).unwrap_or(0), sharps }
}

/// Naturals that accidentals may stand on: from B below the lowest pitch to C above the highest.
const N_PLACES: usize = 130;

/// Stands for no accidental so far.
const UNWRITTEN: i8 = i8::MAX;

/// Remembers the accidentals of a bar. One is left out only where every reader agrees: those that carry it to all octaves
/// and those that do not, those that carry it over `&` and those that do not.
pub(super) struct Accidentals<'a> {
    spelling: &'a KeySpelling,
    /// Letters that had another accidental than the key's in this bar, in any layer.
    altered: [bool; 7],
    /// In this layer: the sharps last written on the letter, in any octave.
    letter: [i8; 7],
    /// In this layer: the sharps last written on the letter in that octave, by the MIDI pitch of the natural and one more.
    place: [i8; N_PLACES],
}

impl<'a> Accidentals<'a> {
    pub fn new(spelling: &'a KeySpelling) -> Self {
        Accidentals { spelling, altered: [false; 7], letter: [UNWRITTEN; 7], place: [UNWRITTEN; N_PLACES] }
    }

    pub fn next_layer(&mut self) {
        self.letter = [UNWRITTEN; 7];
        self.place = [UNWRITTEN; N_PLACES];
    }

    /// A tie over the bar line may carry its accidental to all notes on the letter, as some readers have it.
    /// The pitch was spelled in the key `before`.
    pub fn expect_doubt(&mut self, pitch: u8, before: &KeySpelling) {
        let Spelled { letter, sharps } = before.of(pitch);
        self.altered[letter] |= sharps != self.spelling.sharps_of_key(letter);
    }

    pub fn write_pitch(&mut self, text: &mut String, pitch: u8) {
        let Spelled { letter, sharps } = self.spelling.of(pitch);
        let natural = i32::from(pitch) - i32::from(sharps);
        self.altered[letter] |= sharps != self.spelling.sharps_of_key(letter);
        if self.altered[letter] {
            let place = usize::try_from(natural + 1).unwrap_or(0).min(N_PLACES - 1);
            if self.letter[letter] != sharps || self.place[place] != sharps {
                text.push(match sharps {
                    0 => '=',
                    1.. => '^',
                    _ => '_',
                });
                self.letter[letter] = sharps;
                self.place[place] = sharps;
            }
        }
        push_letter(text, char::from(LETTERS_BY_FIFTHS[letter]), natural.div_euclid(12) - 5);
    }
}
