//! `check`: ABC from anywhere, judged as samples are.

use super::output::print_json;
use lab::Result;
use music_scaling::generation::{self, Checked, Rates};
use std::path::PathBuf;

/// Whether every tune passes every rung.
pub(crate) fn check(files: &[PathBuf], json: bool) -> Result<bool> {
    let mut checked: Vec<Checked> = Vec::new();
    for file in files {
        checked.extend(generation::check(file)?);
    }
    let rates = Rates::of_checked(&checked);
    if json {
        print_json(&serde_json::json!({ "rates": rates, "tunes": checked }))?;
    } else {
        checked.iter().filter(|tune| !tune.validity.passes_all()).for_each(|tune| println!("{tune}"));
        println!("{rates}");
    }
    Ok(rates.passes_all.passed == checked.len())
}
