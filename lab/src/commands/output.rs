//! Results for people and for programs.

use lab::{Error, Result};
use music_scaling::messages;
use serde::Serialize;

/// Where stdout is to hold JSON only, messages about the work go to stderr.
pub(crate) fn keep_stdout_for(json: bool) {
    if json {
        messages::keep_off_stdout();
    }
}

/// Prints a result as one JSON object, or as text for people.
pub(crate) fn show(json: bool, result: &(impl Serialize + std::fmt::Display)) -> Result<()> {
    if json {
        return print_json(result);
    }
    println!("{result}");
    Ok(())
}

pub(crate) fn print_json(result: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_string_pretty(result).map_err(|error| Error::Config(format!("cannot write JSON: {error}")))?;
    println!("{text}");
    Ok(())
}

pub(crate) fn json_line(result: &impl Serialize) -> Result<String> {
    serde_json::to_string(result).map_err(|error| Error::Config(format!("cannot write JSON: {error}")))
}
