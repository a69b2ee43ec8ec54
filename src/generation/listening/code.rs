//! A listener's answers as a short code that can be read over the telephone, such as `7KQ2-9XMA-4T0B`.
//!
//! ```text
//! code     = group "-" group …       the first names the page, each further one holds nine answers
//! group    = three signs and a check: 0 to 9 and A to Z without I, L, O and U, worth 0 to 31 (Crockford's base 32)
//! value    = (s1·32 + s2)·32 + s3    of answers: Σ answer_i · 3^(8-i), with "no preference" 0, A 1, B 2
//! check    = ((((g·2 + s1)·2 + s2)·2 + s3)·2   in GF(32) with x⁵ = x² + 1; g is the group's number, from 1
//! ```
//! The check finds every misread sign and every swap of two neighbours, and says in which group. `code.js` writes the same code.

use crate::{Error, Result};

const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SIGNS_PER_GROUP: usize = 4;
const ANSWERS_PER_GROUP: usize = 9; // 3⁹ = 19,683 fits into 32³ = 32,768

/// Pages that a code can tell apart.
pub(super) const N_PAGES: u16 = 1 << 15;

/// What a listener would rather hear again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// "No preference".
    Neither,
    /// The tune called A.
    A,
    /// The tune called B.
    B,
}

/// The code of all answers to one page.
pub(super) fn encode(page: u16, answers: &[Answer]) -> String {
    let value = |answers: &[Answer]| {
        let digits = answers.iter().copied().chain(std::iter::repeat(Answer::Neither)).take(ANSWERS_PER_GROUP);
        digits.fold(0, |value, answer| 3 * value + answer as u16)
    };
    let values = std::iter::once(page % N_PAGES).chain(answers.chunks(ANSWERS_PER_GROUP).map(value));
    let groups: Vec<String> = (1..).zip(values).map(|(number, value)| group(number, value)).collect();
    groups.join("-")
}

/// The code's first group, by which listeners name the page.
pub(super) fn page_name(page: u16) -> String {
    encode(page, &[])
}

fn group(number: u8, value: u16) -> String {
    let signs = [value >> 10, value >> 5, value].map(|sign| (sign & 31) as u8);
    signs
        .into_iter()
        .chain([check(number, signs)])
        .filter_map(|sign| SIGNS.get(usize::from(sign)))
        .map(|c| char::from(*c))
        .collect()
}

fn check(number: u8, signs: [u8; 3]) -> u8 {
    let double = |x: u8| (x << 1) ^ if x & 16 == 0 { 0 } else { 0b10_0101 };
    double(signs.into_iter().fold(number & 31, |sum, sign| double(sum) ^ sign))
}

/// The page and the answers of a code that was typed in; `which` says which code it is, such as "code 2".
///
/// # Errors
/// A sign that no code has, a wrong length, a group whose check does not agree, another page: each names the code and the place.
pub(super) fn decode(code: &str, which: &str, page: &str, n_answers: usize) -> Result<Vec<Answer>> {
    let refuse = |what: String| Error::Data(format!("{which} ({code}): {what}"));
    let signs = signs(code).map_err(refuse)?;
    let n_signs = SIGNS_PER_GROUP * (1 + n_answers.div_ceil(ANSWERS_PER_GROUP));
    if signs.len() != n_signs {
        let n = signs.len();
        return Err(refuse(format!(
            "it has {n} letters and digits, a code of this page has {n_signs}; ask the listener to read it again"
        )));
    }
    let mut values = Vec::new();
    for (number, signs) in (1..).zip(signs.chunks_exact(SIGNS_PER_GROUP)) {
        let &[first, second, third, last] = signs else { continue };
        if check(number, [first, second, third]) != last {
            return Err(refuse(format!(
                "group {number} of {} was misread or mistyped, its last sign does not agree with the three before; ask the listener to read that group again",
                n_signs / SIGNS_PER_GROUP
            )));
        }
        values.push((u16::from(first) << 10) | (u16::from(second) << 5) | u16::from(third));
    }
    let (of_page, of_answers) = values.split_first().unwrap_or((&0, &[]));
    let theirs = page_name(*of_page);
    if theirs != page {
        return Err(refuse(format!(
            "it is from the page {theirs}, this key is for the page {page}; judge it with the listen.json beside that page"
        )));
    }
    answers(of_answers, n_answers)
        .ok_or_else(|| refuse("no page writes such answers; copy the code again from the page's end".into()))
}

/// What each sign is worth; small letters, and I, L and O for 1, 1 and 0, are understood.
fn signs(code: &str) -> std::result::Result<Vec<u8>, String> {
    let worth = |(place, c): (usize, char)| {
        let upper = match c.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        };
        let worth = SIGNS.iter().position(|sign| char::from(*sign) == upper).and_then(|worth| u8::try_from(worth).ok());
        worth.ok_or_else(|| {
            format!(
                "character {place} is {c:?}, which no code has (0 to 9 and A to Z without I, L, O, U); look at it again"
            )
        })
    };
    (1..).zip(code.chars()).filter(|(_, c)| *c != '-' && !c.is_whitespace()).map(worth).collect()
}

fn answers(values: &[u16], n_answers: usize) -> Option<Vec<Answer>> {
    let digit = |value: u16, place: u32| match value / 3u16.pow(place) % 3 {
        0 => Answer::Neither,
        1 => Answer::A,
        _ => Answer::B,
    };
    let places = || (0..ANSWERS_PER_GROUP as u32).rev();
    let all: Vec<Answer> = values.iter().flat_map(|value| places().map(move |place| digit(*value, place))).collect();
    let in_range = values.iter().all(|value| *value < 3u16.pow(ANSWERS_PER_GROUP as u32));
    let (given, rest) = all.split_at_checked(n_answers)?;
    (in_range && rest.iter().all(|answer| *answer == Answer::Neither)).then(|| given.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    const SCRIPT: &str = include_str!("code.js");

    fn answers_of(digits: &[u8]) -> Vec<Answer> {
        digits.iter().map(|digit| [Answer::Neither, Answer::A, Answer::B][usize::from(*digit)]).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(page in 0..N_PAGES, digits in proptest::collection::vec(0u8..3, 0..30)) {
            let answers = answers_of(&digits);
            let code = encode(page, &answers);
            prop_assert_eq!(decode(&code, "code 1", &page_name(page), answers.len()).unwrap(), answers.clone());
            let spoken = code.to_lowercase().replace('1', "l").replace('0', "O").replace('-', " ");
            prop_assert_eq!(decode(&spoken, "code 1", &page_name(page), answers.len()).unwrap(), answers);
        }

        #[test]
        fn every_misread_sign_and_every_swap_is_noticed(page in 0..N_PAGES, digits in proptest::collection::vec(0u8..3, 12)) {
            let code = encode(page, &answers_of(&digits)).replace('-', "");
            for at in 0..code.len() {
                for sign in SIGNS {
                    let mut misread = code.clone().into_bytes();
                    misread[at] = *sign;
                    let misread = String::from_utf8(misread).unwrap();
                    prop_assert_eq!(decode(&misread, "code 1", &page_name(page), 12).is_ok(), misread == code);
                }
            }
            for at in 1..code.len() {
                let mut swapped = code.clone().into_bytes();
                swapped.swap(at - 1, at);
                let swapped = String::from_utf8(swapped).unwrap();
                prop_assert!(swapped == code || decode(&swapped, "code 1", &page_name(page), 12).is_err() || at % 4 == 0);
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_code_is_said_with_its_place() {
        let answers = answers_of(&[1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
        let code = encode(7, &answers);
        let error = |code: &str| decode(code, "code 2", &page_name(7), 12).unwrap_err().to_string();
        assert!(error(&code.replacen('-', "-U", 1)).contains("code 2 ("));
        assert!(error("007U").contains("character 4 is 'U', which no code has"), "{}", error("007U"));
        assert!(error(&code[..9]).contains("it has 8 letters and digits, a code of this page has 12"));
        let mut misread = code.clone().into_bytes();
        misread[6] = if misread[6] == b'7' { b'8' } else { b'7' };
        let said = error(&String::from_utf8(misread).unwrap());
        assert!(said.contains("group 2 of 3 was misread"), "{said}");
        let said = error(&encode(8, &answers));
        assert!(said.contains("it is from the page 008") && said.contains("this key is for the page 007"), "{said}");
    }

    #[test]
    fn the_pages_own_script_writes_the_same_codes() {
        let cases: [(u16, &[u8]); 4] = [
            (0, &[]),
            (7, &[1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]),
            (32_767, &[2; 18]),
            (19_000, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        for (page, digits) in cases {
            let script = format!("{SCRIPT}\nconsole.log(encode({page}, {digits:?}))");
            let Ok(output) = Command::new("node").args(["-e", &script]).output() else {
                println!("skipped: node is not installed, so the page's script is not run");
                return;
            };
            let written = String::from_utf8_lossy(&output.stdout);
            assert_eq!(
                written.trim(),
                encode(page, &answers_of(digits)),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}
