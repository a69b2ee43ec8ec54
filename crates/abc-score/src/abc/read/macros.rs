//! Macros (standard 2.1, section 9): `m:~G2 = {A}G{F}G` stands for its right side wherever its left side stands.
//!
//! A transposing macro has an `n` in its left side, which stands for any note letter; in its right side the letters `h` to `z` are
//! notes as many places of the scale above or below it as they are from `n`: `m:~n2 = (3o/n/m/ n`.

use crate::abc::spelling::push_letter;

/// A line that grows longer than this by its macros stays as it is.
const LONGEST_LINE: usize = 100_000;

const LETTERS: &[u8; 7] = b"CDEFGAB";

/// One macro: what it stands for, and where the note letter stands in its left side, if it is transposing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Macro {
    before: String,
    /// What stands behind the note letter of a transposing macro.
    behind: Option<String>,
    right: String,
}

impl Macro {
    /// From the value of the field `m:`.
    pub fn new(value: &str) -> Option<Macro> {
        let (left, right) = value.split_once(" = ").or_else(|| value.split_once('='))?;
        let (left, right) = (left.trim(), right.trim().to_string());
        let (before, behind) = match left.split_once('n') {
            Some((before, behind)) => (before, Some(behind.to_string())),
            None => (left, None),
        };
        (!left.is_empty()).then(|| Macro { before: before.to_string(), behind, right })
    }

    /// The line with this macro written out.
    pub fn expand(&self, line: &str) -> String {
        let Some(behind) = &self.behind else {
            let longest = line.len() / self.before.len().max(1) * self.right.len() + line.len();
            return if longest > LONGEST_LINE { line.to_string() } else { line.replace(&self.before, &self.right) };
        };
        let (mut expanded, mut rest) = (String::new(), line);
        while let Some(c) = rest.chars().next() {
            let found = rest.strip_prefix(self.before.as_str()).and_then(|rest| {
                let (place, rest) = note(rest)?;
                Some((place, rest.strip_prefix(behind.as_str())?))
            });
            match found.filter(|_| expanded.len() < LONGEST_LINE) {
                Some((place, behind)) => {
                    self.right.chars().for_each(|c| match c {
                        'h'..='z' => push_note(&mut expanded, place + i32::from(c as u8) - i32::from(b'n')),
                        c => expanded.push(c),
                    });
                    rest = behind;
                }
                None => {
                    expanded.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        expanded
    }
}

/// The note that a text begins with, in places of the scale above middle C, and what stands behind it.
fn note(text: &str) -> Option<(i32, &str)> {
    let letter = text.bytes().next()?;
    let place = LETTERS.iter().zip(0..).find(|(known, _)| **known == letter.to_ascii_uppercase())?.1;
    let rest = text[1..].trim_start_matches([',', '\'']);
    let marks = text[1..text.len() - rest.len()].bytes().map(|mark| if mark == b',' { -7 } else { 7 });
    Some((place + if letter.is_ascii_lowercase() { 7 } else { 0 } + marks.sum::<i32>(), rest))
}

fn push_note(text: &mut String, place: i32) {
    push_letter(text, char::from(LETTERS[place.rem_euclid(7) as usize]), place.div_euclid(7));
}

#[cfg(test)]
mod tests {
    use super::Macro;

    #[test]
    fn static_and_transposing_macros_are_written_out() {
        let plain = Macro::new("~G2 = {A}G{F}G").unwrap();
        assert_eq!(plain.expand("~G2 C2|~G"), "{A}G{F}G C2|~G");
        let transposing = Macro::new("~n2 = (3o/n/m/ n").unwrap();
        assert_eq!(transposing.expand("~c2 ~B,2 ~G3"), "(3d/c/B/ c (3C/B,/A,/ B, ~G3");
        assert_eq!(Macro::new("no sign"), None);
    }
}
