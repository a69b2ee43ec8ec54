//! Puts a study's numbers, figures and scores where a report asks for them by `{{…}}`.

use super::{Report, facts::ladder};
use crate::{Error, Result};
use music_scaling::figures::{self, Figure, Format, Style, number};
use music_scaling::files::{read_bytes, read_text, write_atomic};
use music_scaling::generation;
use music_scaling::models::Family;
use music_scaling::music::abc;
use music_scaling::study::RunRecord;
use music_scaling::words::duration;
use std::fmt::Write as _;
use std::path::Path;

/// Of the text's width; a figure drawn for it has labels of 7.5 points.
const FIGURE_WIDTH: f64 = 0.56;
const TEXT_INCHES: f64 = 6.3;

impl Report {
    /// Markdown for pandoc from a report with `{{name}}`, `{{figure NAME}}`, `{{number of NAME}}`, `{{table models}}` and `{{scores 5}}`.
    ///
    /// # Errors
    /// What is asked for is not there: the sentence names the line.
    pub fn fill(&self, report: &str, path: &Path) -> Result<String> {
        let placed = placed(report);
        let mut filled = String::new();
        for (i, line) in report.lines().enumerate() {
            let line = self.line(line, &placed).map_err(|(wanted, why)| {
                Error::Config(format!("{}, line {}: {{{{{wanted}}}}} {why}", path.display(), i + 1))
            })?;
            let _ = writeln!(filled, "{line}"); // a String takes all
        }
        Ok(filled)
    }

    /// The skeleton without the lines that ask for what this study has not, and without tables that have no row left; and the wishes
    /// that were not fulfilled.
    pub fn fitting(&self, skeleton: &str) -> (String, Vec<String>) {
        let (mut text, mut missing) = (skeleton.to_owned(), Vec::new());
        loop {
            let placed = placed(&text);
            let unfulfilled = |line: &str| self.line(line, &placed).err().map(|(wanted, _)| wanted);
            let (left, gone): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| unfulfilled(line).is_none());
            if gone.is_empty() {
                return (without_empty_tables(&text), missing);
            }
            missing.extend(gone.into_iter().filter_map(unfulfilled));
            text = left.join("\n") + "\n"; // a number of a figure that is gone goes next
        }
    }

    /// Or the wish that cannot be fulfilled, and why.
    fn line(&self, line: &str, placed: &[&str]) -> Result<String, (String, String)> {
        let mut parts = line.split("{{");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (wanted, rest) = part.split_once("}}").ok_or((part.to_owned(), "is not closed by }}".to_owned()))?;
            filled += &self.wish(wanted.trim(), placed).map_err(|why| (wanted.trim().to_owned(), why))?;
            filled += rest;
        }
        Ok(filled)
    }

    fn wish(&self, wanted: &str, placed: &[&str]) -> Result<String, String> {
        let said = |error: Error| format!("cannot be had: {error}");
        match wanted.split_once(' ') {
            Some(("figure", name)) => self.figure(name).map_err(said),
            Some(("number", name)) => {
                let place = placed.iter().position(|one| Some(*one) == name.strip_prefix("of "));
                place.map(|i| (i + 1).to_string()).ok_or_else(|| {
                    format!("is the number of no figure in this report, which has {}", placed.join(", "))
                })
            }
            Some(("table", "models")) => Ok(self.models()),
            Some(("table", name)) => Err(format!("asks for the table {name}; there is one: {{{{table models}}}}")),
            Some(("scores", n)) => {
                let n = n.parse().map_err(|_| "needs a count: {{scores 5}}".to_owned())?;
                self.scores(n).map_err(said)
            }
            _ => self.facts.text(wanted).map(|text| escaped(&text)),
        }
    }

    /// A figure with its caption, its files beside the report.
    fn figure(&self, name: &str) -> Result<String> {
        let from = |ending: &str| self.figures.join(format!("{name}.{ending}"));
        if from("json").exists() {
            self.draw(Figure::read(&from("json"))?, name, FIGURE_WIDTH)?;
        } else {
            for ending in ["pdf", "svg"] {
                write_atomic(self.folder.join("figures").join(format!("{name}.{ending}")), read_bytes(from(ending))?)?;
            }
        }
        let caption = read_text(from("txt"))?;
        let caption = caption.split("The numbers are in").next().unwrap_or_default().trim();
        Ok(image(name, &escaped(caption), FIGURE_WIDTH))
    }

    fn draw(&self, figure: Figure, name: &str, width: f64) -> Result<()> {
        let figure = figure.styled(Style::Paper, Some(TEXT_INCHES * width));
        for format in [Format::Pdf, Format::Svg] {
            let path = self.folder.join("figures").join(format!("{name}.{}", format.ending()));
            write_atomic(path, figure.bytes(format)?)?;
        }
        Ok(())
    }

    /// The first tunes that the best model wrote, as scores, each with what the ladder says of it.
    fn scores(&self, n: usize) -> Result<String> {
        let mut scores = String::new();
        for i in 1..=n {
            let (name, path) = (format!("score_{i:02}"), self.samples.join(format!("sample_{i:02}.abc")));
            let judged = generation::check(&path)?;
            let verdict = judged.first().map(|tune| tune.validity.to_string()).unwrap_or_default();
            let caption = escaped(&format!("Tune {i} {verdict}."));
            let score = abc::parse_lenient(&read_text(&path)?).map(|(score, _)| figures::staff(&score));
            match score.map(|figure| self.draw(figure, &name, 1.0)) {
                Ok(Ok(())) => scores += &format!("{}\n\n", image(&name, &caption, 1.0)),
                Ok(Err(error)) => return Err(error),
                Err(error) => scores += &format!("{caption} It has no score: {}\n\n", escaped(&error.to_string())),
            }
        }
        Ok(scores)
    }

    /// Both ladders, and the longer runs.
    fn models(&self) -> String {
        let mut rows: Vec<&RunRecord> =
            Family::ALL.iter().flat_map(|family| ladder(&self.study, *family, &self.runs)).collect();
        rows.extend(self.runs.iter().filter(|run| run.config.name.ends_with("-longer")));
        let mut table = String::from(
            "| Run | Parameters | Tokens | Rate | Validation loss | Time | Tokens/s |\n|:---|---:|---:|---:|---:|---:|---:|",
        );
        let study = format!("{}-", self.study.name());
        for RunRecord { config, summary, .. } in rows {
            let name = config.name.strip_prefix(&study).unwrap_or(&config.name);
            let cells = [
                escaped(name),
                number(summary.n_params as f64),
                number(summary.n_tokens as f64),
                format!("{:.1e}", config.learning_rate),
                format!("{:.4}", summary.val_loss),
                duration(summary.elapsed_s),
                number(summary.tokens_per_s.round()),
            ];
            let _ = write!(table, "\n| {} |", cells.join(" | "));
        }
        table
    }
}

/// A table whose head and rule alone are left goes with its caption.
fn without_empty_tables(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut goes = false;
    for block in text.split("\n\n") {
        goes = if block.starts_with(": ") { goes } else { block.starts_with('|') && block.lines().count() == 2 };
        kept.extend((!goes).then_some(block));
    }
    kept.join("\n\n")
}

/// Names of the figures in a report, in order.
fn placed(report: &str) -> Vec<&str> {
    let wishes = report.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim()));
    wishes.filter_map(|wish| wish.strip_prefix("figure ")).collect()
}

/// Its file's ending is left to pandoc: PDF for print, SVG for a page.
fn image(name: &str, caption: &str, width: f64) -> String {
    format!("![{caption}](figures/{name}){{#fig-{name} width={:.0}%}}", 100.0 * width)
}

/// Text that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let special = |c: char| "\\`*_[]<>#|~^$@\"{}".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_rows_goes_with_its_caption() {
        let table = |rows: &str| format!("A.\n\n| x |\n|---|{rows}\n\n: Caption.\n\nB.\n");
        assert_eq!(without_empty_tables(&table("")), "A.\n\nB.\n");
        assert_eq!(without_empty_tables(&table("\n| 1 |")), table("\n| 1 |"));
    }

    #[test]
    fn text_from_a_study_is_no_markup() {
        assert_eq!(escaped("a_b | *c* \\ {d}"), "a\\_b \\| \\*c\\* \\\\ \\{d\\}");
        assert_eq!(placed("{{figure a}} x {{number of a}} {{ figure b }}"), ["a", "b"]);
    }
}
