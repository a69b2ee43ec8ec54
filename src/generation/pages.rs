//! Two pages of a study's tunes that need nothing else: [`super::gallery`] to look through, [`super::listening`] to choose blindly.
//!
//! Each is one file. Its own Content-Security-Policy forbids every request, so nothing that a listener does leaves the page.

use super::gallery::{self, Group};
use super::listening;
use crate::{Error, Result, files};
use std::path::{Path, PathBuf};

/// What both pages play with.
pub(super) const PLAYER: &str = include_str!("player.js");
/// What both pages look like.
pub(super) const STYLE: &str = include_str!("pages.css");

/// What the pages are called, and how much they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOptions {
    /// Heading of the gallery, such as "Tunes of the laptop study".
    pub title: String,
    /// So many tunes of each group are shown for each prompt: those of the lowest seeds.
    pub per_prompt: usize,
    /// Pairs on the listening page.
    pub n_pairs: usize,
    /// Decides which pairs are drawn, their order and their sides.
    pub seed: u64,
}

impl Default for PageOptions {
    fn default() -> Self {
        PageOptions { title: "Tunes from every size".to_string(), per_prompt: 1, n_pairs: 12, seed: 1337 }
    }
}

/// Writes `index.html`, `listen.html` and its key, `listen.json`, into `folder`; returns their paths. The pairs are of the usual
/// comparisons ([`listening::usual_comparisons`]); where the groups allow none, only `index.html` is written.
///
/// # Errors
/// A score cannot be drawn, or a file cannot be written.
pub fn write_pages(groups: &[Group], folder: &Path, options: &PageOptions) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let mut write = |name: &str, text: &str| -> Result<()> {
        let path = folder.join(name);
        files::write_atomic(&path, text)?;
        written.push(path);
        Ok(())
    };
    write("index.html", &gallery::page(groups, &options.title, options.per_prompt)?)?;
    let comparisons = listening::usual_comparisons(groups);
    let pairs = listening::draw_pairs(groups, &comparisons, options.n_pairs, options.seed);
    if !pairs.is_empty() {
        let (page, key) = listening::page(&pairs)?;
        write("listen.html", &page)?;
        write("listen.json", &key.json()?)?;
    }
    Ok(written)
}

/// The template with each `{{name}}` replaced by the part of that name; a name without a part leaves nothing.
pub(super) fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").unwrap_or((after, ""));
        let part = parts.iter().find(|(of, _)| *of == name).map_or("", |(_, part)| part);
        page.push_str(before);
        page.push_str(part);
        rest = behind;
    }
    page + rest
}

/// JSON that may stand in a `<script>`: no `<` in it can end the element.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Error::Data(format!("the tunes cannot be written into the page: {error}")))?;
    Ok(text.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_where_they_are_named_and_are_not_filled_themselves() {
        assert_eq!(fill("a{{x}}b{{y}}c{{z}}d", &[("x", "{{y}}"), ("y", "2")]), "a{{y}}b2cd");
        assert_eq!(fill("plain", &[]), "plain");
    }

    #[test]
    fn text_of_a_tune_cannot_leave_its_script() {
        assert_eq!(json(&"</script>").unwrap(), "\"\\u003c/script>\"");
    }
}
