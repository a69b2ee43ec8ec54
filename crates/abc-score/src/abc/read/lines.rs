//! The lines of a text that can hold a tune.

/// One line, without what indents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Its number in the text, from 1.
    pub number: usize,
    /// Where it begins in its line, from 1.
    pub column: usize,
    pub text: &'a str,
}

impl Line<'_> {
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// The lines of a text; they end with LF, CR or both (with CR CR LF, where a program has made CR LF of both). What indents them, byte order marks of files that were put together, and
/// blocks of other languages (`%%begintext` … `%%endtext`, standard 2.1, section 11.4.3) are left out.
pub(crate) fn lines(text: &str) -> Vec<Line<'_>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let ended = text.split('\n').flat_map(|line| line.trim_end_matches('\r').split('\r'));
    let lines = (1..).zip(ended).map(|(number, line)| {
        let text = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let n_indenting = line.len() - text.len();
        let column = 1 + line.get(..n_indenting).map_or(0, |indent| indent.chars().count());
        Line { number, column, text }
    });
    without_blocks(lines.collect())
}

/// What stands behind `%%begin` or `%%end`.
fn edge_of_block<'a>(line: &Line<'a>, which: &str) -> Option<&'a str> {
    line.text.strip_prefix("%%")?.trim_start().strip_prefix(which)
}

fn without_blocks(lines: Vec<Line>) -> Vec<Line> {
    if !lines.iter().any(|line| edge_of_block(line, "begin").is_some()) {
        return lines;
    }
    let mut kept = Vec::with_capacity(lines.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let block = edge_of_block(line, "begin").and_then(|rest| rest.split_whitespace().next());
        let end = block.and_then(|name| {
            let edge = |line: &Line, which| edge_of_block(line, which).is_some_and(|end| end.starts_with(name));
            let later = lines.iter().skip(at + 1);
            let n_within = later.clone().position(|line| edge(line, "end") || edge(line, "begin"))?;
            later.clone().nth(n_within).filter(|line| edge(line, "end")).map(|_| at + 1 + n_within)
        });
        if end.is_none() {
            kept.push(*line); // no block, or one that never ends
        }
        at = end.unwrap_or(at) + 1;
    }
    kept
}
