//! Names and words of MIDI files, which say nothing of how their letters are written: UTF-8, UTF-16, Shift-JIS, Windows-1252.

use crate::score::Word;
use std::collections::BTreeMap;

/// A name longer than this is cut (characters): some files carry whole documents as track names.
const LONGEST_NAME: usize = 120;

/// The characters of JIS X 0208, 94 in each of its rows 1 to 84; where there is none, a replacement character.
const JIS_0208: &str = include_str!("jis0208.txt");

/// What Windows-1252 has where Latin-1 has control characters, from 0x80 to 0x9f.
const WINDOWS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The text of a name, without line breaks and control characters; none if nothing is left.
pub(super) fn readable(bytes: &[u8]) -> Option<String> {
    let kept: String = decoded(bytes).chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_string())
}

/// In whichever letters it is written.
fn decoded(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => crate::abc::decode(bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            Err(_) => shift_jis(bytes).unwrap_or_else(|| windows(bytes)),
        },
    };
    text.trim_start_matches('\u{feff}').to_string()
}

/// What is sung: the lyrics of the track that has most, or else the texts of one track of a karaoke file.
#[derive(Default)]
pub(super) struct Sung {
    /// Whether a text with `@` has said so.
    pub is_karaoke: bool,
    /// By tick; of the track that is being read, texts and lyrics.
    of_track: [BTreeMap<u32, String>; 2],
    /// Whether these are lyrics, and what was found so far.
    best: (bool, BTreeMap<u32, String>),
}

impl Sung {
    /// An event of the track that is being read.
    pub fn add(&mut self, tick: u32, is_lyric: bool, text: &[u8]) {
        if is_lyric || self.is_karaoke {
            self.of_track[usize::from(is_lyric)].entry(tick).or_default().push_str(&decoded(text));
        }
    }

    pub fn end_track(&mut self) {
        for (texts, is_lyric) in std::mem::take(&mut self.of_track).into_iter().zip([false, true]) {
            if !texts.is_empty() && (is_lyric, texts.len()) > (self.best.0, self.best.1.len()) {
                self.best = (is_lyric, texts);
            }
        }
    }

    /// A hyphen says that a word goes on; where some texts have blanks around them (or `\` and `/`, the signs of new lines in
    /// karaoke files), so does a blank that is missing.
    pub fn words(self) -> Vec<Word> {
        let texts = self.best.1;
        let begins = |text: &str| text.starts_with(|c: char| c.is_whitespace() || "\\/".contains(c));
        let ends = |text: &str| text.ends_with(char::is_whitespace);
        let has_blanks = texts.values().any(|text| begins(text) || ends(text));
        let nexts = texts.values().skip(1).map(Some).chain([None]);
        let word = |((&tick, text), next): ((&u32, &String), Option<&String>)| {
            let goes_on = has_blanks && !ends(text) && next.is_some_and(|next| !begins(next));
            let is_kept = |c: &char| !c.is_control() && !"\\/".contains(*c);
            let kept: String = text.chars().filter(is_kept).take(LONGEST_NAME).collect();
            let syllable = kept.trim().trim_end_matches('-');
            let hyphen = if goes_on || kept.trim().ends_with('-') { "-" } else { "" };
            (!syllable.is_empty()).then(|| Word { tick, text: syllable.to_string() + hyphen })
        };
        texts.iter().zip(nexts).filter_map(word).collect()
    }
}

fn windows(bytes: &[u8]) -> String {
    let of_byte = |&byte: &u8| match byte {
        0x80..=0x9f => WINDOWS.chars().nth(usize::from(byte - 0x80)).unwrap_or(' '),
        byte => char::from(byte),
    };
    bytes.iter().map(of_byte).collect()
}

/// `None` for what is no Shift-JIS, or hardly can be: words of Western languages are, too, by chance.
fn shift_jis(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let (mut n_double, mut n_latin) = (0, 0);
    let (mut n_in_a_row, mut longest_row) = (0, 0); // of leads that no Western letter has
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        rest = behind;
        n_in_a_row = if matches!(first, 0x81..=0x9f) { n_in_a_row + 1 } else { 0 };
        longest_row = longest_row.max(n_in_a_row);
        text.push(match *first {
            0xa1..=0xdf => char::from_u32(0xff61 + u32::from(first - 0xa1))?,
            0..0x80 => {
                n_latin += usize::from(first.is_ascii_alphabetic());
                char::from(*first)
            }
            lead => {
                let (&trail, behind) = behind.split_first()?;
                rest = behind;
                n_double += 1;
                double_byte(lead, trail)?
            }
        });
    }
    (n_double > n_latin || longest_row > 1).then_some(text)
}

fn double_byte(lead: u8, trail: u8) -> Option<char> {
    let lead = match lead {
        0x81..=0x9f => usize::from(lead - 0x81),
        0xe0..=0xea => usize::from(lead - 0xc1),
        _ => return None,
    };
    let trail = match trail {
        0x40..=0x7e => usize::from(trail - 0x40),
        0x80..=0xfc => usize::from(trail - 0x41),
        _ => return None,
    };
    let row = JIS_0208.lines().nth(2 * lead + trail / 94)?;
    row.chars().nth(trail % 94).filter(|&c| c != char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::{Sung, readable};

    #[test]
    fn syllables_end_where_hyphens_or_blanks_say_so() {
        for (texts, sung) in [
            (["Twin-", "kle ", "lit-", "tle"], "Twin- kle lit- tle"),
            (["\\Twin", "kle ", "/lit", "tle "], "Twin- kle lit- tle"),
            (["Twin", "kle", " lit", "tle\r"], "Twin- kle lit- tle"),
            (["Oh", "say", "can", "you"], "Oh say can you"),
        ] {
            let mut karaoke = Sung { is_karaoke: true, ..Sung::default() };
            (0..).zip(texts).for_each(|(tick, text)| karaoke.add(tick, false, text.as_bytes()));
            karaoke.end_track();
            let words = karaoke.words().into_iter().map(|word| word.text);
            assert_eq!(words.collect::<Vec<_>>().join(" "), sung);
        }
    }

    #[test]
    fn lyrics_go_before_other_texts_and_one_track_sings() {
        let mut song = Sung { is_karaoke: true, ..Sung::default() };
        for (track, is_lyric) in [(["a", "b"], false), (["oh", "no"], true), (["c", "d"], false), (["la", "-"], true)] {
            (0..).zip(track).for_each(|(tick, text)| song.add(tick, is_lyric, text.as_bytes()));
            song.end_track();
        }
        assert_eq!(song.words().iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["oh", "no"]);
    }

    #[test]
    fn names_are_read_in_the_letters_that_they_were_written_in() {
        let read = |bytes: &[u8]| readable(bytes).unwrap_or_default();
        assert_eq!(read(b"\x8ec\x8d\x93\x82\xc8\x93V\x8eg"), "残酷な天使", "Shift-JIS");
        assert_eq!(read(b"\xb1\xb2 \x83\x65\x83\x58\x83\x67"), "ｱｲ テスト");
        assert_eq!(read(b"Final Fantasy \x95\xd0\x97\x83\x82\xcc\x93V\x8eg"), "Final Fantasy 片翼の天使");
        assert_eq!(read(b"I\x92m \x93so\x94 r\xe9h\xe9berg\xe9"), "I’m “so” réhébergé");
        assert_eq!(read(b"\xc9t\xe9 \xe0 la plage"), "Été à la plage", "Latin-1");
        assert_eq!(read(b"Fran\xe7ais, don\x92t"), "Français, don’t", "Windows-1252");
        assert_eq!(read("Ét小星星".as_bytes()), "Ét小星星", "UTF-8");
        assert_eq!(read(b"\xff\xfeE\0t\0u\0d\0e\0"), "Etude", "UTF-16");
        assert_eq!(read(b"\xfe\xff\0E\0t"), "Et");
        assert_eq!(readable(b" \n\0"), None);
    }
}
