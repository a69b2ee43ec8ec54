//! Notes that belong together: chords, grace notes, tuplets.

use super::{DECORATION_LETTERS, Lexer, MAX_NUMBER};
use crate::abc::read::token::{Length, Token, Tone};

impl Lexer<'_> {
    /// `[CEG]`, or `+CEG+`, up to the closing sign.
    pub(super) fn chord(&mut self, closing: char) {
        let place = self.place();
        self.at += 1;
        let mut tones = Vec::new();
        let of_chord = std::mem::take(&mut self.ornaments);
        loop {
            match self.peek(0) {
                Some(c) if c == closing => {
                    self.at += 1;
                    break;
                }
                Some('A'..='G' | 'a'..='g' | '^' | '_' | '=') => tones.extend(self.tone()),
                Some('-') => {
                    if let Some(tone) = tones.last_mut() {
                        tone.tied = true;
                    }
                    self.at += 1;
                }
                Some('"') => self.quoted(),
                Some('!') => self.decoration('!'),
                Some('z' | 'x') => {
                    self.at += 1;
                    self.length(); // a rest within a chord is silent
                }
                Some(c) if " .()".contains(c) || DECORATION_LETTERS.contains(c) => self.at += 1,
                Some(c) => {
                    self.complain(format!("{c:?} within a chord: expected a note or the closing ]"));
                    if "|:[{".contains(c) {
                        break; // the chord was never closed: what follows is music again
                    }
                    self.at += 1;
                }
                None => {
                    self.complain("this chord has no closing ]");
                    break;
                }
            }
        }
        self.ornaments = of_chord; // and none of its notes
        let length = self.length();
        let too_long = |length: Length| length.num > MAX_NUMBER || length.den > MAX_NUMBER;
        if tones.is_empty() {
            self.complaints.add(place, "a chord without notes");
        } else if tones.iter().any(|tone| too_long(tone.length.times(length))) {
            self.complaints.add(place, "the length of this chord is too large a number, or endlessly short");
        } else {
            self.push_sound(place, Token::Chord { tones, length });
        }
    }

    pub(super) fn grace(&mut self) {
        let place = self.place();
        self.at += 1;
        let mut sounds: Vec<Vec<Tone>> = Vec::new();
        let mut chord: Option<Vec<Tone>> = None;
        let of_host = std::mem::take(&mut self.ornaments);
        loop {
            match self.peek(0) {
                Some('}') => {
                    self.at += 1;
                    break;
                }
                Some('A'..='G' | 'a'..='g' | '^' | '_' | '=') => match (self.tone(), chord.as_mut()) {
                    (Some(tone), Some(chord)) => chord.push(tone),
                    (Some(tone), None) => sounds.push(vec![tone]),
                    (None, _) => {}
                },
                Some('[') => {
                    chord = Some(Vec::new());
                    self.at += 1;
                }
                Some(']') => {
                    sounds.extend(chord.take().filter(|chord| !chord.is_empty()));
                    self.at += 1;
                }
                Some('|') | None => {
                    self.complaints.add(place, "these grace notes have no closing }");
                    break;
                }
                Some('!') => self.decoration('!'),
                Some(c) if " /()-.<>".contains(c) || DECORATION_LETTERS.contains(c) => self.at += 1,
                Some(c) => {
                    self.complain(format!("{c:?} within grace notes: expected a note or the closing }}"));
                    self.at += 1;
                }
            }
        }
        self.ornaments = of_host; // and none of the grace notes
        sounds.extend(chord.filter(|chord| !chord.is_empty()));
        if !sounds.is_empty() {
            self.push_at(place, Token::Grace(sounds));
        }
    }

    /// `(3`, `(3:2`, `(3:2:4`, `(3::4`.
    pub(super) fn tuplet(&mut self) {
        let place = self.place();
        self.at += 1;
        let p = self.number().unwrap_or(0);
        let (mut q, mut r) = (None, None);
        if self.peek(0) == Some(':') {
            self.at += 1;
            q = self.number();
            if self.peek(0) == Some(':') {
                self.at += 1;
                r = self.number();
            }
        }
        if !(1..=64).contains(&p)
            || q.is_some_and(|q| !(1..=64).contains(&q))
            || r.is_some_and(|r| !(1..=256).contains(&r))
        {
            self.complaints.add(place, "not a tuplet: expected (p, (p:q or (p:q:r, such as (3 or (5:4:5");
        } else {
            self.push_at(place, Token::Tuplet { p, q, r });
        }
    }
}
