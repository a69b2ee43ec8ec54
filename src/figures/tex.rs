//! For LaTeX: a snippet for each figure, and a macro for each result.

use super::show_table;
use crate::{Error, Result, files};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Writes `numbers.tex` beside a JSON file of results: a `\newcommand` for each number, word and yes or no in it, named by its
/// place ([`named_values`]), numbers with four significant digits. `{"test": {"ngram": {"val_loss": 0.35871}}}` becomes
/// `\newcommand{\resTestNgramValLoss}{0.3587}`;
/// where one name stands for two, the second ends in `Two`.
///
/// # Errors
/// Where the file cannot be read, is no JSON, or `numbers.tex` cannot be written.
pub fn save_numbers(results: &Path) -> Result<PathBuf> {
    let text = files::read_text(results)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        Error::Figure(format!("{} is no JSON ({error}): let the study write it again", results.display()))
    })?;
    let mut macros = BTreeMap::new();
    for (place, value) in named_values(&value) {
        let name = "res".to_owned() + &place.iter().map(|words| letters(words)).collect::<String>();
        let numbered = (2..).map(|i: usize| name.clone() + &letters(&i.to_string()));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !macros.contains_key(name));
        macros.extend(free.map(|name| (name, escape(&as_shown(value)))));
    }
    let lines = macros.iter().map(|(name, text)| format!("\\newcommand{{\\{name}}}{{{text}}}\n"));
    let path = results.with_file_name("numbers.tex");
    files::write_atomic(&path, lines.collect::<String>())?;
    Ok(path)
}

/// A number with four significant digits, a word as it is, yes or no.
pub fn as_shown(value: &Value) -> String {
    match value {
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_string(),
        Value::Number(number) => show_table::number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Every number, word and yes or no in a file of results with the words of its place. Entries of lists are named by the words that
/// they begin with, or else counted; lists of mere numbers (curves) are left out.
pub fn named_values(value: &Value) -> Vec<(Vec<String>, &Value)> {
    let mut found = Vec::new();
    collect(&[], value, &mut found);
    found
}

fn collect<'a>(place: &[String], value: &'a Value, found: &mut Vec<(Vec<String>, &'a Value)>) {
    let below = |words: String| [place, &[words]].concat();
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(key, value)| collect(&below(key.clone()), value, found)),
        Value::Array(all) => {
            for (i, item) in all.iter().enumerate().filter(|(_, item)| !is_of_numbers(item)) {
                let (words, rest) = named(item).unwrap_or_else(|| ((i + 1).to_string(), item));
                collect(&below(words), rest, found);
            }
        }
        _ => found.push((place.to_vec(), value)),
    }
}

fn is_of_numbers(value: &Value) -> bool {
    value.is_number() || value.as_array().is_some_and(|items| items.iter().all(is_of_numbers))
}

/// `["lstm", "all parameters", {…}]` → `lstm all parameters` and what follows it; `{"family": "lstm", …}` → `lstm` and itself.
fn named(item: &Value) -> Option<(String, &Value)> {
    const NAMES: [&str; 3] = ["name", "run", "family"];
    match item {
        Value::Array(parts) => {
            let (last, words) = parts.split_last()?;
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            Some((words.filter(|words| !words.is_empty())?.join(" "), last))
        }
        _ => Some((NAMES.iter().find_map(|name| item.get(name)?.as_str())?.to_owned(), item)),
    }
}

/// A macro's name has letters alone: `val_loss 2` → `ValLossTwo`.
fn letters(key: &str) -> String {
    const DIGITS: [&str; 10] = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    let mut name = String::new();
    let mut starts_word = true;
    for c in key.chars() {
        match c.to_digit(10) {
            Some(digit) => name += DIGITS[digit as usize],
            None if starts_word => name.push(c.to_ascii_uppercase()),
            None => name.push(c),
        }
        starts_word = !c.is_ascii_alphabetic();
    }
    name.retain(|c| c.is_ascii_alphabetic());
    name
}

/// The figure with its caption, to be read by `\input`.
pub(super) fn figure(name: &str, caption: &str) -> String {
    format!(
        "\\begin{{figure}}\n  \\centering\n  {}\n  \\caption{{{}}}\n  \\label{{fig:{name}}}\n\\end{{figure}}\n",
        within_the_line(&format!("\\includegraphics{{{name}.pdf}}")),
        escape(caption)
    )
}

/// Shrinks what is wider than the column that it stands in (package graphicx).
pub(super) fn within_the_line(content: &str) -> String {
    format!("\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{{content}}}")
}

/// Text as LaTeX writes it, without packages.
pub(super) fn escape(text: &str) -> String {
    let one = |c: char| match c {
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{c}"),
        '\\' => "\\textbackslash{}".into(),
        '~' => "\\textasciitilde{}".into(),
        '^' => "\\textasciicircum{}".into(),
        '<' | '>' | '|' => format!("${c}$"),
        '\u{202F}' => "\\,".into(),
        '−' => "$-$".into(),
        '×' => "$\\times$".into(),
        '·' => "$\\cdot$".into(),
        '–' => "--".into(),
        '…' => "\\dots{}".into(),
        '\n' => " ".into(),
        c => c.into(),
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_becomes_a_macro_of_letters() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.json");
        let results = r#"{"study": "a_b", "test": {"abc2midi": {"passed": 9, "rate": 0.123456, "ok": true, "none": null}},
            "curve": [[1.0, 2.0], [3.0, 4.0]], "loss": [["lstm-tiny", 1.5], ["lstm-xl", -0.25]], "n": [{"family": "lstm", "x": 1234567}, {"family": "lstm", "x": 7}],
            "tiny": 6.2e-9, "notes": ["first", "second"]}"#;
        std::fs::write(&path, results).unwrap();
        let text = std::fs::read_to_string(save_numbers(&path).unwrap()).unwrap();
        let expected = "\\newcommand{\\resLossLstmTiny}{1.500}\n\\newcommand{\\resLossLstmXl}{$-$0.2500}\n\
            \\newcommand{\\resNLstmFamily}{lstm}\n\\newcommand{\\resNLstmFamilyTwo}{lstm}\n\\newcommand{\\resNLstmX}{1\\,234\\,567}\n\\newcommand{\\resNLstmXTwo}{7}\n\
            \\newcommand{\\resNotesOne}{first}\n\\newcommand{\\resNotesTwo}{second}\n\\newcommand{\\resStudy}{a\\_b}\n\
            \\newcommand{\\resTestAbcTwoMidiOk}{yes}\n\\newcommand{\\resTestAbcTwoMidiPassed}{9}\n\
            \\newcommand{\\resTestAbcTwoMidiRate}{0.1235}\n\\newcommand{\\resTiny}{6.20e-9}\n";
        assert_eq!(text, expected);
        std::fs::write(&path, "{").unwrap();
        assert!(save_numbers(&path).unwrap_err().to_string().contains("results.json is no JSON"));
    }
}
