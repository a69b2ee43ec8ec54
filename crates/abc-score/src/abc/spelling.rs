//! How keys and lengths are spelled.

use crate::{Key, Mode};

/// Letters by fifths: F is -1, C is 0, G is 1 and so on.
pub(super) const LETTERS_BY_FIFTHS: [u8; 7] = *b"FCGDAEB";

/// `Bb`, `F#m`, `Ddor`.
pub(super) fn key_name(key: Key) -> String {
    let (up, suffix) = match key.mode {
        Mode::Major => (0, ""),
        Mode::Minor => (3, "m"),
        Mode::Dorian => (2, "dor"),
        Mode::Phrygian => (4, "phr"),
        Mode::Lydian => (-1, "lyd"),
        Mode::Mixolydian => (1, "mix"),
        Mode::Locrian => (5, "loc"),
    };
    let (letter, sharps) = spell(key.fifths + up);
    let sign = match sharps {
        0 => "",
        1.. => "#",
        _ => "b",
    };
    format!("{}{sign}{suffix}", char::from(letter))
}

/// Letter and number of sharps (negative: flats) of a place on the line of fifths.
pub(super) fn spell(fifths: i8) -> (u8, i8) {
    let from_f = fifths + 1;
    (LETTERS_BY_FIFTHS[from_f.rem_euclid(7) as usize], from_f.div_euclid(7))
}

/// `""`, `3`, `/`, `3/4`: a length as a fraction of the unit note length.
pub(super) fn push_length(text: &mut String, num: u32, den: u32) {
    if num == den {
        return;
    }
    if num.is_multiple_of(den) {
        return push_number(text, num / den);
    }
    let divisor = gcd(num, den);
    let (num, den) = (num / divisor, den / divisor);
    if num != 1 {
        push_number(text, num);
    }
    text.push('/');
    if (num, den) != (1, 2) {
        push_number(text, den);
    }
}

/// Much quicker than `write!`, for what stands behind every other note.
fn push_number(text: &mut String, number: u32) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
