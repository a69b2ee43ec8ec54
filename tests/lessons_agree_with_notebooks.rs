//! A teacher quotes numbers of the committed study: each one in `lessons/` stands in a notebook or in the README.

use serde_json::Value;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
}

fn joined(value: &Value) -> String {
    let lines = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.chain(value.as_str()).collect()
}

/// Prose, and what cells printed.
fn text_of(notebook: &Path) -> String {
    let notebook: Value = serde_json::from_str(&read_to_string(notebook).unwrap()).unwrap();
    let mut text = String::new();
    for cell in notebook["cells"].as_array().unwrap() {
        text += &joined(&cell["source"]);
        for output in cell["outputs"].as_array().into_iter().flatten() {
            text += &joined(&output["text"]);
            text += &joined(&output["data"]["text/html"]);
        }
    }
    text
}

#[test]
fn numbers_with_a_decimal_point_are_printed_somewhere() {
    let mut known: String = files("notebooks", "ipynb").iter().map(|path| text_of(path)).collect();
    known += &read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut missing = Vec::new();
    for lesson in files("lessons", "md").into_iter().filter(|path| !path.ends_with("README.md")) {
        for line in read_to_string(&lesson).unwrap().lines().filter(|line| line.starts_with("- ")) {
            let parts = line.split(|c: char| !c.is_ascii_digit() && c != '.').map(|part| part.trim_matches('.'));
            for number in parts.filter(|part| part.contains('.') && !known.contains(part)) {
                missing.push(format!("{}: {number}", lesson.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no notebook prints these:\n{}", missing.join("\n"));
}

#[test]
fn lessons_name_predictions_and_exercises_that_there_are() {
    let notebooks: String = files("notebooks", "ipynb").iter().map(|path| text_of(path)).collect();
    for lesson in files("lessons", "md") {
        let text = read_to_string(&lesson).unwrap();
        let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|part| part.trim_matches('.'));
        for number in
            numbers.filter(|it| (4..=5).contains(&it.len()) && it.starts_with('0') && it.as_bytes()[2] == b'.')
        {
            if number.starts_with("00") {
                continue; // a loss
            }
            let is_there =
                ["guess", "check"].iter().any(|call| notebooks.contains(&format!("study.{call}(\"{number}\"")));
            assert!(is_there, "{} speaks of {number}", lesson.display());
        }
    }
}

/// A line such as "02.3 Found: 5. You: no prediction. We: 4 to 5, held." and the interpretation that follows it on the page.
#[test]
fn what_we_see_says_of_our_predictions_what_their_lines_say() {
    let (mut n_lines, mut wrong) = (0, Vec::new());
    for path in files("notebooks", "ipynb") {
        let notebook: Value = serde_json::from_str(&read_to_string(&path).unwrap()).unwrap();
        let cells = notebook["cells"].as_array().unwrap();
        for (i, cell) in cells.iter().enumerate().filter(|(_, cell)| joined(&cell["source"]).contains("study.reveal("))
        {
            let outputs = cell["outputs"].as_array().unwrap();
            let line: String = outputs.iter().map(|output| joined(&output["data"]["text/html"])).collect();
            let ours = line.split("We: ").nth(1).expect("a prediction of ours");
            let verdict = if ours.contains("held.") { "**held" } else { "**failed" };
            let mut after = cells[i..].iter().map(|cell| joined(&cell["source"]));
            let see = after.find(|text| text.starts_with("**What we see")).unwrap();
            if !see.contains(verdict) {
                wrong.push(format!("{}: {ours}", path.display()));
            }
            n_lines += 1;
        }
    }
    assert!(wrong.is_empty(), "the interpretation says otherwise:\n{}", wrong.join("\n"));
    assert!(n_lines > 55);
}
