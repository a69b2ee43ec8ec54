//! Fields of a header or within the music, as far as they have been written: `M:6/8`, `K:F#m`, `Q:3/8=120`.

/// What a whole field says of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A bar of so many parts of a whole note; none is free metre.
    Meter(Option<(u64, u64)>),
    /// The unit note length is 1 / this of a whole note.
    Unit(u64),
    Other,
}

const MODES: [&str; 7] = ["", "m", "dor", "phr", "lyd", "mix", "loc"];
const DENOMINATORS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
const LONGEST_METER: u64 = 99;
const MOST_BEATS: u64 = 12; // of a tempo: so many whole notes, 999 times a minute, are still slow enough for MIDI

/// Letters that a field of the header may have, for each line; X, M, L and K stand in every canonical tune.
pub(super) const HEADER: [&str; 5] = ["X", "M", "L", "QK", "K"];

/// Whether a field can go on so.
pub(super) fn begins(text: &str) -> bool {
    let Some((letter, value)) = text.split_at_checked(2) else { return text.len() < 2 };
    match letter {
        "X:" => "1".starts_with(value),
        "M:" => "none".starts_with(value) || fraction_begins(value, LONGEST_METER),
        "L:" => fraction_begins(value, 1),
        "Q:" => match value.split_once('=') {
            None => fraction_begins(value, MOST_BEATS),
            Some((beats, rate)) => {
                fraction(beats, MOST_BEATS).is_some() && (rate.is_empty() || number(rate, 999).is_some())
            }
        },
        "K:" => key_begins(value),
        _ => false,
    }
}

/// What a field says, if it is whole.
pub(super) fn read(text: &str) -> Option<Field> {
    let (letter, value) = text.split_at_checked(2)?;
    match letter {
        "X:" => (value == "1").then_some(Field::Other),
        "M:" if value == "none" => Some(Field::Meter(None)),
        "M:" => Some(Field::Meter(Some(fraction(value, LONGEST_METER)?))),
        "L:" => Some(Field::Unit(fraction(value, 1)?.1)),
        "Q:" => {
            let (beats, rate) = value.split_once('=')?;
            let (num, den) = fraction(beats, MOST_BEATS)?;
            (4 * num * number(rate, 999)? >= den).then_some(Field::Other) // at most a minute for a quarter note
        }
        "K:" => is_key(value).then_some(Field::Other),
        _ => None,
    }
}

fn number(text: &str, most: u64) -> Option<u64> {
    let is_plain = !text.starts_with('0') && text.len() <= 3 && text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && *number <= most)
}

fn fraction(text: &str, most: u64) -> Option<(u64, u64)> {
    let (num, den) = text.split_once('/')?;
    Some((number(num, most)?, number(den, 64).filter(|den| DENOMINATORS.contains(den))?))
}

fn fraction_begins(text: &str, most: u64) -> bool {
    let (num, den) = text.split_once('/').map_or((text, None), |(num, den)| (num, Some(den)));
    let den_begins = |den: &str| DENOMINATORS.iter().any(|known| known.to_string().starts_with(den));
    text.is_empty() || number(num, most).is_some() && den.is_none_or(den_begins)
}

/// `F#m`, `Ddor`, `D ^f =c`.
fn is_key(text: &str) -> bool {
    let mut words = text.split(' ');
    words.next().is_some_and(|word| mode_of(word).is_some_and(|mode| MODES.contains(&mode)))
        && words.all(|word| is_accidental(word) && word.ends_with(|c: char| ('a'..='g').contains(&c)))
}

fn key_begins(text: &str) -> bool {
    let (whole, last) = text.rsplit_once(' ').map_or((None, text), |(whole, last)| (Some(whole), last));
    match whole {
        Some(whole) => is_key(whole) && is_accidental(last),
        None => text.is_empty() || mode_of(last).is_some_and(|mode| MODES.iter().any(|known| known.starts_with(mode))),
    }
}

/// What stands behind a tonic.
fn mode_of(word: &str) -> Option<&str> {
    let behind = word.strip_prefix(|c: char| ('A'..='G').contains(&c))?;
    Some(behind.strip_prefix(['#', 'b']).unwrap_or(behind))
}

/// `^f`, `__e`, or the beginning of one.
fn is_accidental(word: &str) -> bool {
    let letter = word.trim_start_matches(['^', '_', '=']);
    let sign = word.strip_suffix(letter).unwrap_or_default();
    let is_letter = letter.len() == 1 && letter.starts_with(|c: char| ('a'..='g').contains(&c));
    matches!(sign, "^" | "^^" | "=" | "_" | "__") && (letter.is_empty() || is_letter) || word.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_fields_are_read_and_all_their_beginnings_begin() {
        let fields = [
            ("X:1", Field::Other),
            ("M:6/8", Field::Meter(Some((6, 8)))),
            ("M:none", Field::Meter(None)),
            ("L:1/16", Field::Unit(16)),
            ("Q:3/8=120", Field::Other),
            ("K:Bb", Field::Other),
            ("K:F#m", Field::Other),
            ("K:Dphr =b ^f", Field::Other),
        ];
        for (text, field) in fields {
            assert_eq!(read(text), Some(field), "{text}");
            (0..=text.len()).for_each(|n| assert!(begins(&text[..n]), "{}", &text[..n]));
        }
        for text in ["M:0", "M:6/5", "L:3", "K:H", "K:Gn", "K:G ^h", "Q:1/4=0", "T:", "Kx"] {
            assert!(!begins(text), "{text}");
        }
        for text in ["M:6/", "L:1", "K:", "K:Gmi", "K:G ^", "Q:1/4=", "Q:1/64=9"] {
            assert!(begins(text) && read(text).is_none(), "{text}");
        }
    }
}
