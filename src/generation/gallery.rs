//! A page with tunes of every model: seen as score and piano roll, heard, read, and what became of each.
//!
//! What is shown follows a rule and is not picked: of each group and prompt the tunes of the lowest seeds. The table above them
//! counts all tunes, those that are not shown too.

mod card;
mod table;

use super::pages::{PLAYER, STYLE, fill, json};
use super::{Prompt, Rung, Sample};
use crate::Result;
use crate::figures::look::{self, Colour};
use crate::figures::svg::escape;
use crate::models::Family;
use serde::{Deserialize, Serialize};

/// What one model wrote, or tunes by people to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Such as "Transformer xl", or "tunes by people".
    pub name: String,
    /// `None`: the tunes are by people.
    pub family: Option<Family>,
    /// Parameters of the model.
    pub n_params: Option<usize>,
    /// Its validation loss, nats per token.
    pub val_loss: Option<f64>,
    /// All that are kept; the page counts all of them and shows some.
    pub samples: Vec<Sample>,
}

/// How far a tune got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It passes every rung of the ladder.
    Success,
    /// It parses strictly and fails at a later rung.
    NearMiss,
    /// It does not parse strictly.
    Miss,
}

impl Outcome {
    /// All three, the best first.
    pub const ALL: [Outcome; 3] = [Outcome::Success, Outcome::NearMiss, Outcome::Miss];

    /// By the first rung that the raw text fails.
    pub fn of(sample: &Sample) -> Outcome {
        match sample.validity.first_failure() {
            None => Outcome::Success,
            Some(failure) if failure.rung <= Rung::ParsesStrictly => Outcome::Miss,
            Some(_) => Outcome::NearMiss,
        }
    }

    /// Name, sign, and the word for style sheet and script.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Outcome::Success => ("success", "✓", "success"),
            Outcome::NearMiss => ("near miss", "~", "near"),
            Outcome::Miss => ("miss", "✗", "miss"),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.words().0)
    }
}

/// One tune of the page: where it stands in the groups, and under which heading.
struct Shown<'a> {
    /// Counted over the page; names the card.
    number: usize,
    group: usize,
    /// Index of its heading.
    prompt: usize,
    sample: &'a Sample,
}

/// The page. Of each group and prompt the `per_prompt` tunes of the lowest seeds are shown.
///
/// # Errors
/// A score cannot be drawn.
pub fn page(groups: &[Group], title: &str, per_prompt: usize) -> Result<String> {
    let headings = headings(groups);
    let shown = choose(groups, &headings, per_prompt);
    let tones = tones(groups);
    let mut tunes = Vec::new();
    let mut sections = String::new();
    for (index, heading) in headings.iter().enumerate() {
        let mut cards = String::new();
        for one in shown.iter().filter(|one| one.prompt == index) {
            cards += &card::card(one, groups, &tones, &mut tunes)?;
        }
        sections += &format!(
            "<section data-prompt=\"{index}\">\n<h2 id=\"prompt-{index}\">{}</h2>\n{}<div class=\"cards\">\n{cards}</div>\n</section>\n",
            escape(&heading.title()),
            heading.given(),
        );
    }
    let n_tunes: usize = groups.iter().map(|group| group.samples.len()).sum();
    let parts = [
        ("title", escape(title)),
        ("style", format!("{STYLE}{}", include_str!("gallery/gallery.css"))),
        ("rule", rule(shown.len(), n_tunes, per_prompt)),
        ("table", table::table(groups, &headings, &shown, &tones)),
        ("models", options(groups.iter().map(|group| group.name.clone()))),
        ("prompts", options(headings.iter().map(Heading::title))),
        ("sections", sections),
        ("tunes", json(&tunes)?),
        ("script", format!("{PLAYER}{}", include_str!("gallery/gallery.js"))),
    ];
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, part)| (*name, part.as_str())).collect();
    Ok(fill(include_str!("gallery/gallery.html"), &parts))
}

/// What the tunes of one section start from.
enum Heading {
    Prompt(Prompt),
    People,
}

impl Heading {
    fn title(&self) -> String {
        match self {
            Heading::Prompt(prompt) => {
                let title = prompt.to_string();
                let first = title.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
                first + title.get(1..).unwrap_or_default()
            }
            Heading::People => "Tunes by people that start otherwise".to_string(),
        }
    }

    /// The text that the models were given.
    fn given(&self) -> String {
        match self {
            Heading::Prompt(prompt) if !prompt.prefix.is_empty() => {
                format!(
                    "<p class=\"note\">Given to every model:</p>\n<pre class=\"given\">{}</pre>\n",
                    escape(&prompt.prefix)
                )
            }
            Heading::Prompt(_) => "<p class=\"note\">Every model writes the whole tune, header and all.</p>\n".into(),
            Heading::People => String::new(),
        }
    }

    fn holds(&self, group: &Group, sample: &Sample) -> bool {
        match self {
            Heading::Prompt(prompt) if group.family.is_some() => *prompt == sample.prompt,
            Heading::Prompt(prompt) => prompt.prefix == sample.prompt.prefix,
            Heading::People => group.family.is_none(),
        }
    }
}

/// Every prompt of a model once, in the order in which they come; tunes by people stand under a prompt of the same text, else last.
fn headings(groups: &[Group]) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let by_models_first = groups
        .iter()
        .filter(|group| group.family.is_some())
        .chain(groups.iter().filter(|group| group.family.is_none()));
    for group in by_models_first {
        for sample in &group.samples {
            if !headings.iter().any(|heading| heading.holds(group, sample)) {
                let of_model = group.family.is_some();
                headings.push(if of_model { Heading::Prompt(sample.prompt.clone()) } else { Heading::People });
            }
        }
    }
    headings
}

/// The first tunes of each group and heading, by seed; in the order of the headings, then of the groups.
fn choose<'a>(groups: &'a [Group], headings: &[Heading], per_prompt: usize) -> Vec<Shown<'a>> {
    let mut shown = Vec::new();
    for prompt in 0..headings.len() {
        for (group, of_group) in groups.iter().enumerate() {
            let is_here =
                |sample: &&Sample| headings.iter().position(|heading| heading.holds(of_group, sample)) == Some(prompt);
            let mut samples: Vec<&Sample> = of_group.samples.iter().filter(is_here).collect();
            samples.sort_by_key(|sample| (sample.seed, sample.number));
            for sample in samples.into_iter().take(per_prompt) {
                shown.push(Shown { number: shown.len(), group, prompt, sample });
            }
        }
    }
    shown
}

fn rule(n_shown: usize, n_tunes: usize, per_prompt: usize) -> String {
    let which = if per_prompt == 1 {
        "the tune of the lowest seed".into()
    } else {
        format!("the {per_prompt} tunes of the lowest seeds")
    };
    format!(
        "{n_shown} of {n_tunes} tunes are shown: of each model and prompt {which}, whatever became of it. None was picked."
    )
}

/// Colour is the family, the larger the darker; people are grey.
fn tones(groups: &[Group]) -> Vec<String> {
    let tone = |group: &Group| {
        let Some(family) = group.family else { return Colour(0x4A, 0x4A, 0x4A) };
        let sizes = || groups.iter().filter(|other| other.family == Some(family)).filter_map(|other| other.n_params);
        let n_smaller = sizes().filter(|size| Some(*size) < group.n_params).count();
        look::shade(family, 0.15 + 0.7 * n_smaller as f64 / sizes().count().saturating_sub(1).max(1) as f64)
    };
    groups.iter().map(tone).map(|Colour(red, green, blue)| format!("#{red:02X}{green:02X}{blue:02X}")).collect()
}

fn options(names: impl Iterator<Item = String>) -> String {
    names.enumerate().map(|(index, name)| format!("<option value=\"{index}\">{}</option>", escape(&name))).collect()
}

#[cfg(test)]
mod tests;
