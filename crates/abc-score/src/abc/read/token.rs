//! The words of ABC music: notes, rests, chords, bar lines, fields; and their lengths as a count of very small steps.

use super::body::performing::Ornament;
use super::place::Place;
use crate::{Meter, TICKS_PER_BEAT, gcd};

/// A length as written: a multiple of the unit note length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Length {
    pub num: u32,
    pub den: u32,
}

/// One note head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tone {
    /// Semitones by the accidental in front (-2..=2; 0 is a natural), none if there is no accidental.
    pub accidental: Option<i8>,
    /// `A` to `G`.
    pub letter: char,
    /// Octaves above the one that begins at middle C.
    pub octave: i8,
    pub length: Length,
    pub tied: bool,
}

/// What a bar line looks like when it repeats nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarStyle {
    /// `|`
    Plain,
    /// `||`
    Double,
    /// `|]`
    Final,
    /// `[|`
    Opening,
    /// `[|]`: a bar line that is not seen, and ends nothing but its bar.
    Invisible,
}

/// What sends a player elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `!segno!`
    Segno,
    /// `!coda!`
    Coda,
    /// `!dacoda!`: where a player who has come back leaves for the coda.
    ToCoda,
    /// `!fine!`
    Fine,
    /// `!D.C.!`, or `!D.S.!`: to the segno.
    Jump { to_segno: bool, until: Until },
}

/// Where a player who went back stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// At a fine, or else at the end.
    End,
    Fine,
    /// At the end, by the coda.
    Coda,
}

/// The decorations that are marks, as the standard spells them.
const MARKS: [(&str, Mark); 10] = {
    const fn jump(to_segno: bool, until: Until) -> Mark {
        Mark::Jump { to_segno, until }
    }
    [
        ("segno", Mark::Segno),
        ("coda", Mark::Coda),
        ("dacoda", Mark::ToCoda),
        ("fine", Mark::Fine),
        ("D.C.", jump(false, Until::End)),
        ("D.C.alfine", jump(false, Until::Fine)),
        ("D.C.alcoda", jump(false, Until::Coda)),
        ("D.S.", jump(true, Until::End)),
        ("D.S.alfine", jump(true, Until::Fine)),
        ("D.S.alcoda", jump(true, Until::Coda)),
    ]
};

impl Mark {
    /// By its name, whatever its blanks, dots and capitals; `!dacapo!` is `!D.C.!`.
    pub fn named(name: &str) -> Option<Mark> {
        let plain = |name: &str| {
            let name = name.replace([' ', '.'], "").to_lowercase();
            name.replace("tocoda", "dacoda").replace("dacapo", "dc").replace("dalsegno", "ds")
        };
        MARKS.iter().find(|(known, _)| plain(known) == plain(name)).map(|(_, mark)| *mark)
    }

    pub fn name(self) -> &'static str {
        MARKS.iter().find(|(_, mark)| *mark == self).map_or("", |(name, _)| name)
    }
}

/// A bar line. `:|` ends a repeat, `|:` begins one, `::` does both; more colons mean more times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub ends: u8,
    pub begins: u8,
    pub style: BarStyle,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Note(Tone),
    Chord {
        tones: Vec<Tone>,
        length: Length,
    },
    Rest(Length),
    /// `Z3`: whole bars of rest.
    BarRest(u32),
    /// `{gag}`; each inner list sounds together.
    Grace(Vec<Vec<Tone>>),
    /// `(p:q:r`
    Tuplet {
        p: u32,
        q: Option<u32>,
        r: Option<u32>,
    },
    /// `>` is 1, `>>` 2, `<` -1 and so on.
    Broken(i8),
    /// What to do with the note, chord or rest that comes next.
    Ornament(Ornament),
    Bar(Bar),
    /// `[1` or `[1,3`: the passes on which this ending is played.
    Ending(Vec<u32>),
    /// `&`
    Overlay,
    /// A line such as `K:G` or, within the music, `[K:G]`.
    Field {
        letter: char,
        value: String,
    },
    /// What follows `%%` or `I:`.
    Directive(String),
    Mark(Mark),
    /// Dynamics such as `!mf!`: the loudness.
    Dynamic(u8),
    Space,
    LineEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub place: Place,
    pub token: Token,
}

impl Length {
    pub const ONE: Length = Length { num: 1, den: 1 };

    /// One bar, in whole notes.
    pub fn of(meter: Meter) -> Length {
        Length { num: meter.numerator.into(), den: meter.denominator.into() }
    }

    /// In lowest terms.
    pub fn reduced(self) -> Length {
        let (num, den) = (self.num, self.den.max(1));
        let divisor = gcd(num.max(1).into(), den.into()) as u32;
        Length { num: num / divisor, den: den / divisor }
    }

    pub fn times(self, other: Length) -> Length {
        let (a, b) =
            (Length { num: self.num, den: other.den }.reduced(), Length { num: other.num, den: self.den }.reduced());
        Length { num: a.num.saturating_mul(b.num), den: a.den.saturating_mul(b.den) }
    }
}

impl Bar {
    pub const PLAIN: Bar = Bar { ends: 0, begins: 0, style: BarStyle::Plain };

    /// Any bar line but a plain one may stand in the middle of a bar.
    pub fn is_plain(&self) -> bool {
        *self == Bar::PLAIN
    }
}

impl Token {
    /// The value of a field of this letter.
    pub fn field(&self, letter: char) -> Option<&str> {
        match self {
            Token::Field { letter: found, value } if *found == letter => Some(value),
            _ => None,
        }
    }

    /// Whether a letter in the order of `length` can be tied or made longer: a note or a chord.
    pub fn is_sounding(&self) -> bool {
        matches!(self, Token::Note(_) | Token::Chord { .. })
    }
}

/// Steps in a whole note. Divisible by 2^11·3·5 (the ticks) and by 3^3·5·7·11·13 with 2^4 to spare: tuplets don't drift.
pub(crate) const STEPS_PER_WHOLE: u64 = 4 * TICKS_PER_BEAT as u64 * 16 * 27 * 5 * 7 * 11 * 13;

const STEPS_PER_TICK: u64 = STEPS_PER_WHOLE / (4 * TICKS_PER_BEAT as u64);

/// Later ticks do not fit a score: half a million bars.
const MAX_TICKS: u64 = 1 << 30;

/// What so many whole notes last.
pub(crate) fn steps_of(whole_notes: Length) -> u64 {
    scaled(STEPS_PER_WHOLE, whole_notes)
}

/// So many times as long, to the nearest step; what is too long for any score stays too long.
pub(crate) fn scaled(steps: u64, times: Length) -> u64 {
    let Length { num, den } = times;
    if num == den {
        return steps;
    }
    let den = u64::from(den.max(1));
    steps.saturating_mul(num.into()).saturating_add(den / 2) / den
}

/// The nearest tick, or none if it lies too late for a score.
pub(crate) fn ticks(steps: u64) -> Option<u32> {
    let ticks = steps.saturating_add(STEPS_PER_TICK / 2) / STEPS_PER_TICK;
    u32::try_from(ticks).ok().filter(|&ticks| u64::from(ticks) <= MAX_TICKS)
}
