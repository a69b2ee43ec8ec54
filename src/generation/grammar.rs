//! Which characters may come next: a guide for models, character by character.
//!
//! It accepts tunes of one voice in the canonical form of [`crate::music::abc::canonical`], and less than all of them: each has a whole
//! header (X, M, L, perhaps Q, K), parses strictly, and its bars add up. Every character that it allows can be followed by others up to
//! the end of such a tune. Parts, overlays, marks, chords of unequal lengths and several voices are outside it.
//!
//! ```
//! use music_scaling::generation::Grammar;
//! let so_far = Grammar::read("X:1\nM:3/4\nL:1/4\nK:C\nCDE|FG").unwrap();
//! assert!(so_far.after('A').is_some() && so_far.after('|').is_some()); // `|` can become `||` or `|]`
//! assert!(so_far.after('A').unwrap().after('2').is_some(), "A2 is too long, A2/3 is not");
//! assert!(so_far.after('K').is_none());
//! ```

mod fields;
mod guide;
mod time;

use crate::{Error, Result};
use fields::Field;
pub(super) use guide::Guide;
use time::{DENOMINATORS, STEPS_PER_WHOLE, Time};

/// Bar lines; all but the first may end a bar that is not full.
const BAR_LINES: [&str; 12] = ["|", "||", "|]", "[|", "[|]", ":|", "|:", "::", "::|", "|::", ":||", "||:"];
const MOST_OCTAVE_MARKS: u8 = 3; // the pitch stays within MIDI
const LONGEST: u32 = 999;

/// What has been written of a tune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    place: Place,
    line: String, // the field or the bar line that is being written
    time: Time,
    has_notes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In this line of the header.
    Header(usize),
    Behind(Item),
    Accidental {
        sign: char,
        doubled: bool,
        within: Within,
    },
    Sound(Sound),
    /// In a chord or in grace notes, behind a note with so many octave marks; `None` at the beginning.
    Group(Within, Option<(char, u8)>),
    Bracket(Item),
    Field,
    BarLine,
    Tuplet {
        p: u32,
        q: Option<u32>,
        r: Option<u32>,
        colons: u8,
    },
    Ending {
        wants_number: bool,
    },
    End,
}

/// What stands before the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    LineStart,
    BarLine,
    Note,
    Rest,
    Tie,
    Space,
    Ending,
    Broken,
    /// A field, grace notes, or the mark of a tuplet.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Bar,
    Chord,
    Grace,
}

/// A note, chord or rest whose length is being written: `c'3/`. 0 is a number that has not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sound {
    item: Item,
    mark: Option<(char, u8)>,
    num: u32,
    has_slash: bool,
    den: u32,
}

impl Sound {
    fn new(item: Item, mark: Option<(char, u8)>) -> Self {
        Sound { item, mark, num: 0, has_slash: false, den: 0 }
    }

    /// With one character more of its octave or its length.
    fn with(mut self, c: char) -> Option<Self> {
        match (c, c.to_digit(10), self.mark) {
            (_, _, Some((mark, n))) if c == mark && n < MOST_OCTAVE_MARKS && self.num == 0 && !self.has_slash => {
                self.mark = Some((mark, n + 1));
            }
            ('/', ..) if !self.has_slash => self.has_slash = true,
            (_, Some(digit), _) if self.has_slash && digit + self.den > 0 => self.den = 10 * self.den + digit,
            (_, Some(digit), _) if !self.has_slash && digit + self.num > 0 => self.num = 10 * self.num + digit,
            _ => return None,
        }
        (self.num <= LONGEST).then_some(self)
    }

    /// Its length as it stands.
    fn length(self) -> (u32, u32) {
        let den = if self.has_slash { if self.den == 0 { 2 } else { self.den } } else { 1 };
        (self.num.max(1), den)
    }

    /// The lengths that it can have when it is done; longer ones than these can also be written.
    fn lengths(self) -> impl Iterator<Item = (u32, u32)> {
        let can_be = move |den: &u32| {
            let begins = self.den == 0 || den.to_string().starts_with(&self.den.to_string());
            !self.has_slash || *den > 1 && begins
        };
        DENOMINATORS.into_iter().filter(can_be).map(move |den| (self.num.max(1), den))
    }
}

/// Before the first character.
impl Default for Grammar {
    fn default() -> Self {
        Grammar { place: Place::Header(0), line: String::new(), time: Time::new(), has_notes: false }
    }
}

impl Grammar {
    /// What has been written with `text`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first character that the grammar does not allow, and its place.
    pub fn read(text: &str) -> Result<Grammar> {
        let mut grammar = Grammar::default();
        for (index, c) in text.char_indices() {
            let before = text.get(..index).unwrap_or_default();
            grammar = grammar.after(c).ok_or_else(|| {
                let (line, column) = (1 + before.matches('\n').count(), 1 + before.chars().rev().take_while(|c| *c != '\n').count());
                Error::Config(format!(
                    "{c:?} in line {line}, column {column} is outside the grammar of guided sampling, which knows tunes of one voice in canonical form; sample without the guide"
                ))
            })?;
        }
        Ok(grammar)
    }

    /// What has been written with one character more; `None` where that is not allowed.
    pub fn after(&self, c: char) -> Option<Grammar> {
        match self.place {
            Place::Header(line) => self.header(c, line),
            Place::Behind(item) => self.item(c, item),
            Place::Accidental { sign, doubled: false, within } if c == sign && c != '=' => {
                Some(self.at(Place::Accidental { sign, doubled: true, within }))
            }
            Place::Accidental { within, .. } => self.letter(c, within),
            Place::Sound(sound) => self.sound(c, sound),
            Place::Group(within, mark) => self.group(c, within, mark),
            Place::Bracket(item) => self.bracket(c, item),
            Place::Field => self.field(c),
            Place::BarLine => self.bar_line(c),
            Place::Tuplet { p, q, r, colons } => self.tuplet(c, (p, q, r), colons),
            Place::Ending { wants_number } => match c {
                '1'..='9' if wants_number => Some(self.at(Place::Ending { wants_number: false })),
                ',' if !wants_number => Some(self.at(Place::Ending { wants_number: true })),
                _ => self.item(c, Item::Ending).filter(|_| !wants_number),
            },
            Place::End => None,
        }
    }

    /// Whether the blank line that ends a tune has been written.
    pub fn has_ended(&self) -> bool {
        self.place == Place::End
    }

    fn at(&self, place: Place) -> Grammar {
        Grammar { place, ..self.clone() }
    }

    fn in_time(&self, time: Time, item: Item) -> Grammar {
        Grammar { time, ..self.at(Place::Behind(item)) }
    }

    fn with_line(&self, place: Place, c: char) -> Grammar {
        let mut longer = self.at(place);
        longer.line.push(c);
        longer
    }

    fn header(&self, c: char, line: usize) -> Option<Grammar> {
        if c == '\n' {
            let is_last = self.line.starts_with('K');
            return self.with_field(if is_last { Place::Behind(Item::LineStart) } else { Place::Header(line + 1) });
        }
        let longer = self.with_line(self.place, c);
        let is_due = longer.line.starts_with(|letter| fields::HEADER.get(line).is_some_and(|due| due.contains(letter)));
        (is_due && fields::begins(&longer.line)).then_some(longer)
    }

    /// The field that has been written holds from here on.
    fn with_field(&self, place: Place) -> Option<Grammar> {
        let mut next = Grammar { line: String::new(), ..self.at(place) };
        match fields::read(&self.line)? {
            Field::Meter(meter) => {
                next.time.bar = meter.map(|(num, den)| STEPS_PER_WHOLE * num / den);
                next.time.is_compound = meter.is_some_and(|(num, _)| num % 3 == 0 && num > 3);
            }
            Field::Unit(den) => next.time.unit = STEPS_PER_WHOLE / den,
            Field::Other => {}
        }
        Some(next)
    }

    fn field(&self, c: char) -> Option<Grammar> {
        if c == ']' {
            return self.with_field(Place::Behind(Item::Other));
        }
        Some(self.with_line(Place::Field, c)).filter(|longer| fields::begins(&longer.line))
    }

    /// What begins behind an item.
    fn item(&self, c: char, before: Item) -> Option<Grammar> {
        let (has_room, may_pause) = (|| self.time.has_room(), self.time.may_pause());
        let is_sound = matches!(before, Item::Note | Item::Rest | Item::Tie);
        let at_line_start = || self.at(Place::Behind(Item::LineStart));
        match c {
            'A'..='G' | 'a'..='g' | '^' | '_' | '=' if has_room() => self.letter(c, Within::Bar),
            'z' if has_room() => Some(self.at(Place::Sound(Sound::new(Item::Rest, None)))),
            '{' => Some(self.at(Place::Group(Within::Grace, None))),
            '[' => Some(self.at(Place::Bracket(before))),
            '(' if self.time.tuplet.is_none() => self.tuplet_mark(),
            '>' | '<' if is_sound || before == Item::Broken => self.broken(c, before),
            '-' if before == Item::Note => Some(self.at(Place::Behind(Item::Tie))),
            ' ' if is_sound => Some(self.at(Place::Behind(Item::Space))),
            '|' | ':' if may_pause && before != Item::BarLine => Some(self.with_line(Place::BarLine, c)),
            '1'..='9' if before == Item::BarLine => self.ending(),
            '\n' if before == Item::LineStart => Some(self.at(Place::End)).filter(|_| self.has_notes),
            '\n' if self.time.is_full() => {
                // stands for a bar line where nothing hangs over it
                (may_pause && is_sound).then(|| Grammar { time: self.time.next_bar(true), ..at_line_start() })
            }
            '\n' if may_pause && !matches!(before, Item::Space | Item::Ending) => Some(at_line_start()),
            _ => None,
        }
    }

    /// Behind the first number of an ending. One without music before it might never be played.
    fn ending(&self) -> Option<Grammar> {
        let mut next = self.at(Place::Ending { wants_number: false });
        next.time.may_be_short = true;
        self.has_notes.then_some(next)
    }

    /// An accidental or a note's letter.
    fn letter(&self, c: char, within: Within) -> Option<Grammar> {
        let is_behind_accidental = matches!(self.place, Place::Accidental { .. });
        let mark = match c {
            'A'..='G' => ',',
            'a'..='g' => '\'',
            '^' | '_' | '=' if !is_behind_accidental => {
                return Some(self.at(Place::Accidental { sign: c, doubled: false, within }));
            }
            _ => return None,
        };
        Some(self.at(match within {
            Within::Bar => Place::Sound(Sound::new(Item::Note, Some((mark, 0)))),
            within => Place::Group(within, Some((mark, 0))),
        }))
    }

    fn sound(&self, c: char, sound: Sound) -> Option<Grammar> {
        if let Some(longer) = sound.with(c) {
            let fits = longer.lengths().any(|(num, den)| self.time.fits(num, den));
            return fits.then(|| self.at(Place::Sound(longer)));
        }
        let (num, den) = sound.length();
        let time = self.time.with_sound(num, den).filter(|_| DENOMINATORS.contains(&den))?;
        let mut done = self.in_time(time, sound.item);
        done.has_notes |= sound.item == Item::Note;
        done.item(c, sound.item)
    }

    fn group(&self, c: char, within: Within, mark: Option<(char, u8)>) -> Option<Grammar> {
        match (c, within, mark) {
            (c, _, Some((sign, n))) if c == sign && n < MOST_OCTAVE_MARKS => {
                Some(self.at(Place::Group(within, Some((sign, n + 1)))))
            }
            (']', Within::Chord, Some(_)) => Some(self.at(Place::Sound(Sound::new(Item::Note, None)))),
            ('}', Within::Grace, Some(_)) => Some(self.at(Place::Behind(Item::Other))),
            _ => self.letter(c, within),
        }
    }

    /// Behind `[`: a chord, a field, an ending or a bar line.
    fn bracket(&self, c: char, before: Item) -> Option<Grammar> {
        match c {
            'A'..='G' | 'a'..='g' | '^' | '_' | '=' if self.time.has_room() => self.letter(c, Within::Chord),
            _ if !self.time.may_pause() => None,
            'K' | 'L' | 'Q' => Some(self.with_line(Place::Field, c)),
            'M' if self.time.filled == 0 => Some(self.with_line(Place::Field, c)),
            '1'..='9' => self.ending(),
            '|' if before != Item::BarLine => Some(self.with_line(Place::BarLine, '[').with_line(Place::BarLine, c)),
            _ => None,
        }
    }

    fn bar_line(&self, c: char) -> Option<Grammar> {
        let longer = self.with_line(Place::BarLine, c);
        if BAR_LINES.iter().any(|bar| bar.starts_with(&longer.line)) {
            return Some(longer);
        }
        let is_plain = self.line == "|";
        let is_whole = BAR_LINES.contains(&self.line.as_str()) && !(is_plain && self.time.is_short());
        let next = Grammar { line: String::new(), ..self.in_time(self.time.next_bar(is_plain), Item::BarLine) };
        next.item(c, Item::BarLine).filter(|_| is_whole)
    }

    /// `>` behind a sound, or one more behind another.
    fn broken(&self, c: char, before: Item) -> Option<Grammar> {
        let one = if c == '>' { 1 } else { -1 };
        let broken = if before == Item::Broken { self.time.broken + one } else { one };
        let is_more = before != Item::Broken || broken.abs() > self.time.broken.abs();
        Some(self.in_time(self.time.with_broken(broken)?, Item::Broken)).filter(|_| is_more)
    }

    /// `(`, where some tuplet fits.
    fn tuplet_mark(&self) -> Option<Grammar> {
        let some_fit = (2..=9).any(|p| self.time.with_tuplet(p, None, None).is_some());
        some_fit.then(|| self.at(Place::Tuplet { p: 0, q: None, r: None, colons: 0 }))
    }

    /// The numbers of a tuplet, one digit each: `(3`, `(3:2`, `(3:2:4`, `(3::4`.
    fn tuplet(&self, c: char, (p, q, r): (u32, Option<u32>, Option<u32>), colons: u8) -> Option<Grammar> {
        let fits = |q: Option<u32>, r: Option<u32>| self.time.with_tuplet(p, q, r).is_some();
        let (place, fits) = match (c, c.to_digit(10).filter(|digit| *digit > 0)) {
            (_, Some(n)) if p == 0 && n > 1 => {
                (Place::Tuplet { p: n, q, r, colons }, self.time.with_tuplet(n, q, r).is_some())
            }
            (':', _) if colons < 2 && p > 0 => {
                let some_fit = (1..=9).any(|n| if colons == 0 { fits(Some(n), None) } else { fits(q, Some(n)) });
                (Place::Tuplet { p, q, r, colons: colons + 1 }, some_fit)
            }
            (_, n @ Some(_)) if colons == 1 && q.is_none() => (Place::Tuplet { p, q: n, r, colons }, fits(n, r)),
            (_, n @ Some(_)) if colons == 2 && r.is_none() => (Place::Tuplet { p, q, r: n, colons }, fits(q, n)),
            _ => {
                let is_whole = p > 0 && (colons != 1 || q.is_some()) && (colons != 2 || r.is_some());
                let time = self.time.with_tuplet(p, q, r).filter(|_| is_whole)?;
                return self.in_time(time, Item::Other).item(c, Item::Other);
            }
        };
        fits.then(|| self.at(place))
    }
}

#[cfg(test)]
#[path = "grammar/tests.rs"]
mod tests;
