//! The header of a tune: where it ends, and the fields X, M, L and K added where a model left them out.
//!
//! What is added changes no note: `L` is what the standard assumes without it, `K:C` leaves the notes as written, and of the
//! common metres the one is taken that most bars fill.

use crate::music::abc;

/// Order of the fields in a header; the ones that a tune cannot do without are all but Q.
const ORDER: [char; 5] = ['X', 'M', 'L', 'Q', 'K'];

/// Metres to try where none is given, the likeliest first.
const METERS: [&str; 6] = ["4/4", "3/4", "6/8", "2/4", "9/8", "5/4"];

/// A tune with a whole header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Header and body.
    pub text: String,
    /// The lines that were added, such as `L:1/8`.
    pub added: Vec<String>,
}

/// Adds the fields X, M, L and K that the header lacks. A text without music stays as it is.
pub fn complete(text: &str) -> Completed {
    let header_end = header_len(text);
    let (header, body) = text.split_at(header_end);
    if body.trim().is_empty() {
        return Completed { text: text.to_string(), added: Vec::new() };
    }
    let mut lines: Vec<String> = header.lines().map(str::to_string).collect();
    let mut added = Vec::new();
    for field in ['X', 'K', 'L', 'M'] {
        if lines.iter().any(|line| field_of(line) == Some(field)) {
            continue;
        }
        let line = match field {
            'M' => guess_meter(&lines, body),
            'L' => format!("L:{}", unit_length(&lines)),
            'X' => "X:1".to_string(),
            _ => "K:C".to_string(),
        };
        insert(&mut lines, field, line.clone());
        added.push(line);
    }
    Completed { text: joined(&lines, body), added }
}

/// Bytes of the header: the lines at the start that are fields (`M:6/8`), directives or comments (`%…`).
pub fn header_len(text: &str) -> usize {
    let in_header = |line: &&str| field_of(line).is_some() || line.starts_with('%');
    text.split_inclusive('\n').take_while(in_header).map(str::len).sum()
}

/// The letter of a field line.
pub(super) fn field_of(line: &str) -> Option<char> {
    let mut chars = line.chars();
    let letter = chars.next().filter(char::is_ascii_alphabetic)?;
    (chars.next() == Some(':') && !matches!(chars.next(), Some('|' | ':'))).then_some(letter) // `A:|` is music
}

/// Behind the last field that comes earlier in [`ORDER`].
fn insert(lines: &mut Vec<String>, field: char, line: String) {
    let earlier: Vec<char> = ORDER.iter().copied().take_while(|other| *other != field).collect();
    let is_earlier = |line: &String| field_of(line).is_some_and(|other| earlier.contains(&other));
    let place = lines.iter().rposition(is_earlier).map_or(0, |index| index + 1);
    lines.insert(place, line);
}

fn joined(lines: &[String], body: &str) -> String {
    let header: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    header + body
}

/// The metre with the fewest bars that do not add up.
fn guess_meter(lines: &[String], body: &str) -> String {
    let n_wrong = |meter: &str| {
        let mut lines = lines.to_vec();
        insert(&mut lines, 'M', format!("M:{meter}"));
        abc::bar_errors(&joined(&lines, body)).map_or(usize::MAX, |errors| errors.len())
    };
    let meter = METERS.into_iter().min_by_key(|meter| n_wrong(meter)).unwrap_or("4/4");
    format!("M:{meter}")
}

/// ABC 2.1, section 3.1.7: 1/16 for metres shorter than 3/4, else (and without a metre) 1/8.
fn unit_length(lines: &[String]) -> &'static str {
    let meter = lines.iter().find_map(|line| line.strip_prefix("M:"));
    let ratio = meter.and_then(|meter| {
        let (numerator, denominator) = meter.trim().split_once('/')?;
        Some(numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?)
    });
    if ratio.is_some_and(|ratio| ratio < 0.75) { "1/16" } else { "1/8" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_header_is_left_alone() {
        let text = "X:1\nM:6/8\nL:1/8\nK:G\nGAB c2d|\n";
        assert_eq!(complete(text), Completed { text: text.to_string(), added: Vec::new() });
    }

    #[test]
    fn music_alone_gets_all_four_and_the_metre_that_its_bars_fill() {
        let done = complete("GAB cde|gfe dcB|GAB cde|g3 G3|]\n");
        assert_eq!(done.text, "X:1\nM:3/4\nL:1/8\nK:C\nGAB cde|gfe dcB|GAB cde|g3 G3|]\n");
        assert_eq!(done.added, ["X:1", "K:C", "L:1/8", "M:3/4"]);
        assert!(abc::parse(&done.text).is_ok());
    }

    #[test]
    fn a_missing_field_goes_to_its_place() {
        let done = complete("X:1\nL:1/4\nQ:1/4=90\n%%MIDI chordattack 0\nV:1\n[V:1]CDE|F3|\n");
        assert_eq!(done.text, "X:1\nM:3/4\nL:1/4\nQ:1/4=90\nK:C\n%%MIDI chordattack 0\nV:1\n[V:1]CDE|F3|\n");
        let done = complete("X:1\nM:2/4\nK:D\nA4|\n");
        assert_eq!((done.text.as_str(), done.added.len()), ("X:1\nM:2/4\nL:1/16\nK:D\nA4|\n", 1));
    }

    #[test]
    fn nothing_is_added_where_there_is_no_music() {
        for text in ["", "X:1\nK:G\n", "\n"] {
            assert_eq!(complete(text), Completed { text: text.to_string(), added: Vec::new() });
        }
    }

    #[test]
    fn a_line_of_music_that_looks_like_a_field_is_music() {
        assert_eq!(header_len("X:1\nA:|\n"), 4);
        assert_eq!(header_len("X:1\n%%MIDI program 3\nV:1\n|:A"), 25);
    }
}
