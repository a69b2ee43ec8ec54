//! From one line of music to its tokens.

mod bars;
mod groups;
mod words;

use super::body::performing::Ornament;
use super::place::{Complaints, Place};
use super::token::{Item, Length, Mark, Token, Tone};
use words::{TYPOGRAPHIC_DASHES, TYPOGRAPHIC_QUOTES};

/// A length or a count above this is a slip of the pen, and would make the music endless.
const MAX_NUMBER: u32 = 10_000;

/// Symbols that stand for a decoration by the standard (`. ~ H L M O P S T u v`) or by long use (`J R k` and others).
const DECORATION_LETTERS: &str = "~HIJKLMNOPQRSTUVWhijklmnopqrstuvw";

/// Reserved by the standard, which asks programs to pass over them.
const RESERVED: &str = "#*;?@";

/// Reads the music of one line (without its comment) and appends what it holds.
pub(crate) fn lex_line(
    line: usize,
    text: &str,
    first_column: usize,
    items: &mut Vec<Item>,
    complaints: &mut Complaints,
) {
    let chars: Vec<char> = text.chars().collect();
    let ornaments = Vec::new();
    let mut lexer = Lexer { chars: &chars, at: 0, line, first_column, ornaments, items, complaints };
    let mut continued = false;
    while let Some(c) = lexer.peek(0) {
        if c == '\\' && lexer.rest_is_blank(1) {
            continued = true; // the next line of music belongs to this one
            break;
        }
        lexer.step(c);
    }
    if !continued {
        lexer.push(Token::LineEnd);
    }
}

/// The note that a text is, if it is nothing else.
pub(crate) fn tone_of(text: &str) -> Option<Tone> {
    let (mut items, mut complaints) = (Vec::new(), Complaints::default());
    lex_line(1, text, 1, &mut items, &mut complaints);
    match (items.as_slice(), complaints.into_result()) {
        ([Item { token: Token::Note(tone), .. }, _], Ok(())) => Some(tone.clone()),
        _ => None,
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
    first_column: usize,
    /// Those that wait for their note.
    ornaments: Vec<Ornament>,
    items: &'a mut Vec<Item>,
    complaints: &'a mut Complaints,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: self.first_column + self.at }
    }

    fn push(&mut self, token: Token) {
        self.push_at(self.place(), token);
    }

    fn push_at(&mut self, place: Place, token: Token) {
        self.items.push(Item { place, token });
    }

    /// A note, chord or rest, behind its ornaments.
    fn push_sound(&mut self, place: Place, token: Token) {
        for ornament in std::mem::take(&mut self.ornaments) {
            self.push_at(place, Token::Ornament(ornament));
        }
        self.push_at(place, token);
    }

    fn complain(&mut self, message: impl Into<String>) {
        let place = self.place();
        self.complaints.add(place, message);
    }

    fn rest_is_blank(&self, ahead: usize) -> bool {
        self.chars.iter().skip(self.at + ahead).all(|c| c.is_whitespace())
    }

    /// One token, or one character that means nothing. Always moves on.
    fn step(&mut self, c: char) {
        let next = self.peek(1);
        match c {
            c if c.is_whitespace() => self.space(),
            'A'..='G' | 'a'..='g' | '^' | '_' | '=' => self.note(),
            'z' | 'x' => self.rest(),
            'Z' | 'X' => self.bar_rest(),
            '|' | ':' => self.bar(),
            '.' if next == Some('|') => {
                self.at += 1; // a dotted bar line
                self.bar();
            }
            '[' => self.bracket(next),
            '(' if next.is_some_and(|next| next.is_ascii_digit()) => self.tuplet(),
            '>' | '<' => self.broken(c),
            '-' => self.tie(),
            c if TYPOGRAPHIC_DASHES.contains(c) => {
                self.taken_for("dash", '-');
                self.tie();
            }
            '{' => self.grace(),
            '"' => self.quoted(),
            c if TYPOGRAPHIC_QUOTES.contains(c) => self.quoted(),
            '+' if self.is_plus_chord() => self.chord('+'),
            '!' | '+' => self.decoration(c),
            '&' => {
                if next == Some('&') {
                    self.complain("&& overlays several bars, which is not read: put & into each of them");
                }
                self.push(Token::Overlay);
                self.at += 1;
            }
            'y' => {
                self.at += 1;
                self.length(); // the width of a spacer does not sound
            }
            '1'..='9' if self.is_behind_bar() => {
                self.complain("an ending stands directly behind its bar line, such as |1 or [1");
                self.ending();
            }
            '(' | ')' | '.' | '`' | '$' => self.at += 1, // slurs, staccato, beams and line breaks do not move a note
            c if DECORATION_LETTERS.contains(c) || RESERVED.contains(c) => {
                match c {
                    'S' => self.push(Token::Mark(Mark::Segno)),
                    'O' => self.push(Token::Mark(Mark::Coda)),
                    _ => {}
                }
                self.at += 1;
                self.ornaments.extend(Ornament::of_letter(c).filter(|_| self.note_is_next()));
            }
            c => self.stray(c),
        }
    }

    /// Whether nothing but decorations stands before a note, chord or rest: the place of an ornament by the standard (4.20).
    fn note_is_next(&self) -> bool {
        let next = self.chars.iter().skip(self.at).find(|&&c| c != '.' && !DECORATION_LETTERS.contains(c));
        next.is_some_and(|c| matches!(c, 'A'..='G' | 'a'..='g' | '^' | '_' | '=' | '[' | 'z' | 'x'))
    }

    fn stray(&mut self, c: char) {
        let message = match c {
            '0'..='9' | '/' => {
                format!("{c:?} follows no note: a length stands directly behind its note, an ending behind a bar line")
            }
            ',' | '\'' => format!("{c:?} follows no note: an octave mark stands directly behind its letter"),
            ']' => "this ] closes nothing: a chord begins with [, a final bar line is |]".to_string(),
            '}' => "this } closes nothing: grace notes begin with {".to_string(),
            c => format!("{c:?} is not ABC music: expected a note, a rest, a bar line or a field"),
        };
        self.complain(message);
        self.at += 1;
    }

    fn space(&mut self) {
        if !matches!(self.items.last(), Some(Item { token: Token::Space | Token::LineEnd, .. }) | None) {
            self.push(Token::Space);
        }
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        let mut value = 0u32;
        while let Some(digit) = self.peek(0).and_then(|c| c.to_digit(10)) {
            value = value.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        if value > MAX_NUMBER {
            self.complain(format!("{value} is too large a number here: at most {MAX_NUMBER}"));
            value = 1;
        }
        (self.at > start).then_some(value)
    }

    /// `3/2`, `/`, `//`, `/4`, `3/`, or nothing.
    fn length(&mut self) -> Length {
        let num = self.number();
        let mut den = 1u32;
        let mut slashes = 0;
        while self.peek(0) == Some('/') {
            self.at += 1;
            slashes += 1;
            den = den.saturating_mul(self.number().unwrap_or(2));
        }
        if num == Some(0) || den == 0 || den > MAX_NUMBER || slashes > 8 {
            self.complain("a length of nothing, or endlessly short: expected a fraction such as 3/2");
            return Length::ONE;
        }
        Length { num: num.unwrap_or(1), den }.reduced()
    }

    fn tone(&mut self) -> Option<Tone> {
        let accidental = self.accidental();
        let Some(letter) = self.peek(0).filter(|c| matches!(c, 'A'..='G' | 'a'..='g')) else {
            self.complain("an accidental without its note: expected a letter from A to G or a to g");
            return None;
        };
        self.at += 1;
        let mut octave = i8::from(letter.is_ascii_lowercase());
        while let Some(mark @ (',' | '\'' | '’' | '′')) = self.peek(0) {
            if !mark.is_ascii() {
                self.taken_for("quote", '\'');
            }
            octave = octave.saturating_add(if mark == ',' { -1 } else { 1 });
            self.at += 1;
        }
        let length = self.length();
        Some(Tone { accidental, letter: letter.to_ascii_uppercase(), octave, length, tied: false })
    }

    fn accidental(&mut self) -> Option<i8> {
        let accidental = match (self.peek(0), self.peek(1)) {
            (Some('^'), Some('^')) => Some((2, 2)),
            (Some('_'), Some('_')) => Some((2, -2)),
            (Some('^'), _) => Some((1, 1)),
            (Some('_'), _) => Some((1, -1)),
            (Some('='), _) => Some((1, 0)),
            _ => None,
        };
        let (width, semitones) = accidental?;
        self.at += width;
        if self.peek(0).is_some_and(|c| c == '/' || c.is_ascii_digit()) {
            self.complain("quarter tones are not read; the nearest accidental stands for it");
            while self.peek(0).is_some_and(|c| c == '/' || c.is_ascii_digit()) {
                self.at += 1;
            }
        }
        Some(semitones)
    }

    fn note(&mut self) {
        let place = self.place();
        if let Some(tone) = self.tone() {
            self.push_sound(place, Token::Note(tone));
        }
    }

    fn rest(&mut self) {
        let place = self.place();
        self.at += 1;
        let length = self.length();
        self.push_sound(place, Token::Rest(length));
    }

    fn bar_rest(&mut self) {
        let place = self.place();
        self.at += 1;
        let count = self.number().unwrap_or(1);
        self.push_at(place, Token::BarRest(count));
    }

    /// Whether nothing but space stands behind a bar line.
    fn is_behind_bar(&self) -> bool {
        matches!(self.items.as_slice(), [.., Item { token: Token::Bar(_), .. }, Item { token: Token::Space, .. }])
    }

    fn bracket(&mut self, next: Option<char>) {
        let n_blank = self.chars.iter().skip(self.at + 1).take_while(|&&c| c == ' ').count();
        if n_blank > 0 && self.peek(1 + n_blank).is_some_and(|c| c.is_ascii_digit()) {
            self.complain("a blank within [1: expected the number of an ending directly behind its [");
            self.at += 1 + n_blank;
            return self.ending();
        }
        match (next, self.peek(2)) {
            (Some('|'), _) => self.bar(),
            (Some('0'..='9'), _) => {
                self.at += 1;
                self.ending();
            }
            (Some('A'..='Z' | 'a'..='z'), Some(':')) => self.inline_field(),
            _ => self.chord(']'),
        }
    }

    fn inline_field(&mut self) {
        let place = self.place();
        let Some(width) = self.chars.iter().skip(self.at).position(|&c| c == ']') else {
            self.complain("this field has no closing ]");
            self.at = self.chars.len();
            return;
        };
        let letter = self.peek(1).unwrap_or(' ');
        let value: String = self.chars.iter().skip(self.at + 3).take(width.saturating_sub(3)).collect();
        self.at += width + 1;
        if let Some(token) = field_token(letter, value.trim()) {
            self.push_at(place, token);
        }
    }

    fn broken(&mut self, sign: char) {
        let place = self.place();
        let mut count = 0i8;
        while self.peek(0) == Some(sign) {
            count = count.saturating_add(1);
            self.at += 1;
        }
        if count > 3 {
            self.complaints
                .add(place, format!("{count} of {sign} in a row: broken rhythm goes up to {sign}{sign}{sign}"));
            count = 3;
        }
        self.push_at(place, Token::Broken(if sign == '>' { count } else { -count }));
    }

    /// A tie belongs to the last note, over spaces if need be.
    fn tie(&mut self) {
        let last = self.items.iter_mut().rev().map(|item| &mut item.token).find(|token| !matches!(token, Token::Space));
        match last {
            Some(Token::Note(tone)) => tone.tied = true,
            Some(Token::Chord { tones, .. }) => tones.iter_mut().for_each(|tone| tone.tied = true),
            _ => self.complain("a tie without a note in front of it"),
        }
        self.at += 1;
    }
}

/// The token of a field, or none if the field does not touch the notes (titles, lyrics, remarks).
pub(crate) fn field_token(letter: char, value: &str) -> Option<Token> {
    match letter {
        'K' | 'L' | 'M' | 'P' | 'Q' | 'V' => Some(Token::Field { letter, value: value.to_string() }),
        'I' => Some(Token::Directive(value.to_string())),
        _ => None,
    }
}
