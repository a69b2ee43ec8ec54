//! How lengths and letters are spelled.

use crate::gcd;

/// `""`, `3`, `/`, `3/4`: a length as a fraction of the unit note length.
pub(super) fn push_length(text: &mut String, num: u32, den: u32) {
    if num == den {
        return;
    }
    if num.is_multiple_of(den) {
        return push_number(text, num / den);
    }
    let divisor = gcd(num.into(), den.into()) as u32;
    let (num, den) = (num / divisor, den / divisor);
    if num != 1 {
        push_number(text, num);
    }
    text.push('/');
    if (num, den) != (1, 2) {
        push_number(text, den);
    }
}

/// `C,`, `C`, `c`, `c'`: a letter in this octave, 0 being that of middle C.
pub(super) fn push_letter(text: &mut String, letter: char, octave: i32) {
    text.push(if octave > 0 { letter.to_ascii_lowercase() } else { letter });
    (1..octave).for_each(|_| text.push('\''));
    (octave..0).for_each(|_| text.push(','));
}

/// Much quicker than `write!`, for what stands behind every other note.
fn push_number(text: &mut String, number: u32) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}
