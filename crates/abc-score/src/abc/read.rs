//! Reading ABC (standard 2.1): text → tokens → voices as written → the order of playing → score.
//!
//! One reader serves strict and lenient reading: it mends what it can and notes a complaint for each thing that is
//! wrong. [`parse`] makes an error of the first complaint; [`parse_lenient`] hands them all back.

pub(super) mod accents;
pub(super) mod bars;
pub(super) mod body;
pub(super) mod fields;
mod lex;
pub(super) mod lines;
mod macros;
pub(super) mod place;
mod play;
mod repeats;
pub(super) mod source;
pub(super) mod token;

use super::Complaint;
use crate::Score;
use crate::{Error, Result};
use place::Complaints;

pub use bars::{bar_errors, closed_bars};
pub use body::performing::Performance;

/// Reads the first tune of the text by the standard.
///
/// Repeats, endings and parts are played out; where they stand on the page is kept beside. Grace notes sound: each takes a quarter of its written length from the
/// note behind it. Chord symbols, decorations, slurs and lyrics change nothing.
///
/// # Errors
/// [`Error::Abc`] with line, column and what was expected, at the first thing that is not ABC.
pub fn parse(text: &str) -> Result<Score> {
    let mut complaints = Complaints::default();
    let score = read(text, Performance::AsWritten, &mut complaints);
    complaints.into_result()?;
    score
}

/// Reads what can be read, and lists what was mended or left out.
///
/// # Errors
/// [`Error::Abc`] if there is no music at all, or if it would become endlessly long.
pub fn parse_lenient(text: &str) -> Result<(Score, Vec<Complaint>)> {
    parse_lenient_as(text, Performance::AsWritten)
}

/// [`parse_lenient`], as written or as played.
///
/// # Errors
/// [`Error::Abc`] if there is no music at all, or if it would become endlessly long.
pub fn parse_lenient_as(text: &str, performance: Performance) -> Result<(Score, Vec<Complaint>)> {
    let mut complaints = Complaints::default();
    let score = read(text, performance, &mut complaints)?;
    Ok((score, complaints.into_sorted()))
}

fn read(text: &str, performance: Performance, complaints: &mut Complaints) -> Result<Score> {
    let source = source(text, complaints)?;
    let body = body::understand(&source, performance, complaints);
    play::play(&body, source.title, complaints)
}

/// The tokens of the first tune; an error if it has no music.
pub(super) fn source(text: &str, complaints: &mut Complaints) -> Result<source::Source> {
    let nothing =
        |line: usize| Error::Abc { line, column: 1, message: "expected the music of a tune, found none".to_string() };
    let source = source::read_source(text, complaints).ok_or_else(|| nothing(1))?;
    let sounds = |item: &token::Item| {
        item.token.is_sounding() || matches!(item.token, token::Token::Rest(_) | token::Token::BarRest(_))
    };
    if !source.body.iter().any(sounds) {
        return Err(nothing(source.start.line));
    }
    Ok(source)
}

#[cfg(test)]
mod bar_tests;
#[cfg(test)]
mod kind_tests;
#[cfg(test)]
mod performance_tests;
#[cfg(test)]
mod tests;
