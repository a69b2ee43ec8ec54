//! A number, a range or a word, as a reader writes it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Range, RangeFrom, RangeInclusive};

/// What stands where a reader is asked.
pub const BLANK: Answer = Answer::Blank;

/// A reader's prediction or answer. Numbers, ranges such as `1.5..2.0` or `3..`, words and `true` or `false` become one by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Nothing yet.
    Blank,
    /// One number.
    Number(f64),
    /// Both ends belong to it; no upper end: "or more".
    Range(f64, Option<f64>),
    /// A choice.
    Word(String),
}

impl Answer {
    /// Whether this holds what was found: a number within a tenth of it, a range around it, the same word. `None` for a blank.
    pub fn holds(&self, found: &Answer) -> Option<bool> {
        let Answer::Number(value) = *found else {
            return (*self != BLANK).then(|| self.to_string().eq_ignore_ascii_case(&found.to_string()));
        };
        match *self {
            Answer::Blank => None,
            Answer::Number(guess) => Some((guess - value).abs() <= 0.1 * value.abs()),
            Answer::Range(low, high) => Some(low <= value && high.is_none_or(|high| value <= high)),
            Answer::Word(_) => Some(false),
        }
    }

    /// Whether it can be written and read again.
    pub(super) fn is_finite(&self) -> bool {
        match *self {
            Answer::Number(value) => value.is_finite(),
            Answer::Range(low, high) => low.is_finite() && high.is_none_or(f64::is_finite),
            Answer::Blank | Answer::Word(_) => true,
        }
    }
}

/// Four digits, and no more zeros than needed.
fn short(value: f64) -> String {
    let places = if value == 0.0 { 0 } else { (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize };
    let text = format!("{value:.places$}");
    if value != 0.0 && value.abs() < 1e-4 {
        format!("{value:.1e}")
    } else if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Blank => write!(f, "–"),
            Answer::Number(value) => write!(f, "{}", short(*value)),
            Answer::Range(low, Some(high)) => write!(f, "{} to {}", short(*low), short(*high)),
            Answer::Range(low, None) => write!(f, "{} or more", short(*low)),
            Answer::Word(word) => write!(f, "{word}"),
        }
    }
}

impl From<&str> for Answer {
    fn from(word: &str) -> Answer {
        Answer::Word(word.trim().to_owned())
    }
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Answer {
        Answer::Word(if yes { "yes" } else { "no" }.to_owned())
    }
}

macro_rules! from_numbers {
    ($($number:ty),*) => { $(
        impl From<$number> for Answer {
            fn from(value: $number) -> Answer {
                Answer::Number(value as f64)
            }
        }
        impl From<Range<$number>> for Answer {
            fn from(range: Range<$number>) -> Answer {
                Answer::Range(range.start as f64, Some(range.end as f64))
            }
        }
        impl From<RangeInclusive<$number>> for Answer {
            fn from(range: RangeInclusive<$number>) -> Answer {
                Answer::Range(*range.start() as f64, Some(*range.end() as f64))
            }
        }
        impl From<RangeFrom<$number>> for Answer {
            fn from(range: RangeFrom<$number>) -> Answer {
                Answer::Range(range.start as f64, None)
            }
        }
    )* };
}
from_numbers!(f64, f32, i32, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_what() {
        let holds = |guess: Answer, found: Answer| guess.holds(&found);
        assert_eq!(holds(1.6.into(), 1.75.into()), Some(true)); // within a tenth: 1.575 to 1.925
        assert_eq!(holds(1.5.into(), 1.75.into()), Some(false));
        assert_eq!(holds((-0.05..0.05).into(), (-0.0216).into()), Some(true));
        assert_eq!(holds((4..=5).into(), 5_usize.into()), Some(true));
        assert_eq!(holds((2.0..).into(), 1.9.into()), Some(false));
        assert_eq!(holds("lstm".into(), "LSTM".into()), Some(true));
        assert_eq!(holds(false.into(), true.into()), Some(false));
        assert_eq!(holds("five".into(), 5.into()), Some(false));
        assert_eq!(holds(5.into(), "LSTM".into()), Some(false));
        assert_eq!(holds(BLANK, 5.into()), None);
    }

    #[test]
    fn numbers_are_printed_with_four_digits() {
        let shown = |answer: Answer| answer.to_string();
        assert_eq!(shown(1.654_21.into()), "1.654");
        assert_eq!(shown(75.0.into()), "75");
        assert_eq!(shown(12_978.into()), "12978");
        assert_eq!(shown((0.05..0.15).into()), "0.05 to 0.15");
        assert_eq!(shown(3.6e-5.into()), "3.6e-5");
        assert_eq!(shown(0.into()), "0");
        assert_eq!(shown((2.0..).into()), "2 or more");
    }
}
