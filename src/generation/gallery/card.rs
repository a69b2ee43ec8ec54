//! One tune of the page: what became of it, its score, its player, its text.

use super::{Group, Outcome, Shown};
use crate::Result;
use crate::figures::svg::escape;
use crate::figures::{self, human};
use crate::generation::played::{Played, first_bars};
use crate::generation::{Features, Sample};
use crate::music::Score;

/// A staff of more bars would make the page heavy: it holds many.
const MOST_BARS: usize = 20;
/// The player stops at a bar line before this.
const LONGEST_SECONDS: f64 = 180.0;
/// The staff is drawn for a narrow column, so that it can be read on a telephone.
const STAFF_INCHES: f64 = 3.6;

/// The card; notes to play go into `tunes`.
pub(super) fn card(one: &Shown, groups: &[Group], tones: &[String], tunes: &mut Vec<Played>) -> Result<String> {
    let Shown { number, group, prompt, sample } = one;
    let outcome = Outcome::of(sample);
    let (words, sign, class) = outcome.words();
    let (name, size, loss) = groups.get(*group).map(described).unwrap_or_default();
    let tone = tones.get(*group).map_or("", String::as_str);
    let music = match sample.score() {
        Ok(score) => music(&score, &format!("{name}, seed {}", sample.seed), tunes)?,
        Err(error) => format!(
            "<p class=\"note\">Nothing to see or hear: {}.</p>\n",
            escape(error.to_string().trim_end_matches('.'))
        ),
    };
    Ok(format!(
        "<article class=\"card\" id=\"tune-{number}\" data-model=\"{group}\" data-prompt=\"{prompt}\" data-outcome=\"{class}\" \
         style=\"--tone:{tone}\">\n<header><h3>{}</h3><p class=\"outcome {class}\">{sign} {words}</p>\
         <p class=\"size\">{size}{loss}</p></header>\n{}{music}{}</article>\n",
        escape(&name),
        failure(sample),
        details(sample, groups.get(*group).is_some_and(|group| group.family.is_none())),
    ))
}

fn described(group: &Group) -> (String, String, String) {
    let size = group.n_params.map(|n| format!("{} parameters", human(n as f64))).unwrap_or_default();
    let loss = group.val_loss.map(|loss| format!(" · loss {loss:.3}")).unwrap_or_default();
    (group.name.clone(), size, loss)
}

/// Where it fails first, with line and column.
fn failure(sample: &Sample) -> String {
    if sample.validity.passes_all() {
        return String::new();
    }
    let words = sample.validity.to_string();
    let first = words.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("<p class=\"failure\">{first}{}</p>\n", escape(words.get(1..).unwrap_or_default()))
}

/// Score and player.
fn music(score: &Score, title: &str, tunes: &mut Vec<Played>) -> Result<String> {
    let (start, n_bars) = first_bars(score, MOST_BARS);
    let figure = figures::staff(&start).title(title).without_title().width_in(STAFF_INCHES);
    let staff = match figure.svg() {
        Ok(svg) => format!("<div class=\"staff\">{svg}</div>\n"),
        Err(error) => format!("<p class=\"note\">{}</p>\n", escape(&error.to_string())),
    };
    let shortened = if n_bars > MOST_BARS {
        format!("<p class=\"note\">The first {MOST_BARS} of {n_bars} bars; the player plays on.</p>\n")
    } else {
        String::new()
    };
    tunes.push(Played::of(score, LONGEST_SECONDS));
    let tune = tunes.len() - 1;
    Ok(format!("{staff}{shortened}<div class=\"player\" data-tune=\"{tune}\"></div>\n"))
}

fn details(sample: &Sample, by_people: bool) -> String {
    let rows: String = numbers(sample, by_people)
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)))
        .collect();
    let place = place(&sample.validity.to_string());
    format!(
        "<details><summary>Text and numbers</summary>\n<pre>{}</pre>\n{}<dl>{rows}</dl></details>\n",
        marked(&sample.raw, sample.prompt.prefix.len(), place),
        added(sample),
    )
}

/// The header lines without which it could not be played.
fn added(sample: &Sample) -> String {
    let lines: Vec<&str> = sample.text.lines().filter(|line| !sample.raw.lines().any(|raw| raw == *line)).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("<p class=\"note\">Added, to show and play it: {}</p>\n", escape(&lines.join(" ")))
}

/// What is said of a tune in numbers; people have no settings.
fn numbers(sample: &Sample, by_people: bool) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    if !by_people {
        let ending = if sample.ended { "by the model" } else { "cut at the longest length" };
        rows.push(("prompt and settings".to_string(), sample.prompt.to_string()));
        rows.push(("seed".to_string(), sample.seed.to_string()));
        rows.push(("ending".to_string(), ending.to_string()));
    }
    let copied = sample.originality.as_ref().map(|copied| ("copied".to_string(), copied.to_string()));
    rows.extend(copied);
    let written = |features: &Features| {
        features.scalars().into_iter().filter_map(|(name, unit, value)| number(name, unit, value?))
    };
    rows.extend(sample.features.iter().flat_map(written));
    rows
}

/// A feature in words, such as `pitch range: 12 semitones`.
fn number(name: &str, unit: &str, value: f64) -> Option<(String, String)> {
    let shown = match unit {
        "share" => format!("{:.0} %", 100.0 * value),
        "ratio" => format!("{value:.2}"),
        _ if value.fract() == 0.0 => format!("{value:.0} {unit}"),
        _ => format!("{value:.2} {unit}"),
    };
    value.is_finite().then(|| (name.replace('_', " "), shown))
}

/// The first "line 5, column 3" in a complaint, both counted from 1.
fn place(complaint: &str) -> Option<(usize, usize)> {
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let (_, behind) = complaint.split_once("line ")?;
    let (_, column) = behind.split_once("column ")?;
    Some((number(behind)?, number(column)?))
}

/// The text with the prompt set apart and the place of the first failure marked.
fn marked(text: &str, prompt_len: usize, place: Option<(usize, usize)>) -> String {
    let mut html = String::from("<span class=\"given\">");
    let (mut line, mut column) = (1, 1);
    for (at, c) in text.char_indices() {
        if at == prompt_len {
            html += "</span>";
        }
        let here = place == Some((line, column));
        let shown = if c == '\n' && here { " ".to_string() } else { escape(c.encode_utf8(&mut [0; 4])) };
        if here {
            html += &format!("<mark>{shown}</mark>");
        }
        if !here || c == '\n' {
            html += if c == '\n' { "\n" } else { &shown };
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    if place == Some((line, column)) {
        html += "<mark> </mark>";
    }
    html + if text.len() <= prompt_len { "</span>" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_complaint_is_found() {
        assert_eq!(place("fails at \"parses strictly\" (line 5, column 13: an open chord)"), Some((5, 13)));
        assert_eq!(place("fails at \"has a body\""), None);
    }

    #[test]
    fn the_prompt_is_set_apart_and_the_place_marked() {
        let open = "<span class=\"given\">";
        assert_eq!(marked("X:1\nAB<", 4, Some((2, 3))), format!("{open}X:1\n</span>AB<mark>&lt;</mark>"));
        assert_eq!(marked("AB\nC", 0, Some((1, 3))), format!("{open}</span>AB<mark> </mark>\nC"));
        assert_eq!(marked("AB", 2, Some((1, 3))), format!("{open}AB<mark> </mark></span>"));
        assert_eq!(marked("AB", 0, None), format!("{open}</span>AB"));
    }
}
