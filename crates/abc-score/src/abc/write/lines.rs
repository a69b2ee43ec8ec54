//! Which bars stand in which line of text.

use super::part::PartWriter;
use crate::abc::Layout;
use crate::score::Bar;

/// Bars in one line of text.
const BARS_PER_LINE: usize = 4;

/// So many bars in which every voice is silent get a line of their own, as `Z8|`.
const LONG_SILENCE: usize = 8;

/// One line of text.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextLine {
    pub voice: usize,
    pub from_bar: usize,
    /// The bar after its last.
    pub to_bar: usize,
}

/// Lines of text in order.
pub(super) fn lines_of(writers: &[PartWriter], bars: &[Bar], layout: Layout, n_notes: usize) -> Vec<TextLine> {
    let groups = line_groups(writers, bars.len());
    let sparse = groups.len() * writers.len() > 4 * n_notes + 64;
    if layout == Layout::InTurn || sparse {
        let in_turn = |(voice, writer)| lines_in_turn(&groups, voice, writer);
        return writers.iter().enumerate().flat_map(in_turn).collect();
    }
    let mut lines = Vec::new();
    for &(from_bar, to_bar) in &groups {
        let playing = writers.iter().enumerate().filter(|(_, writer)| from_bar < writer.end_bar);
        lines.extend(playing.map(|(voice, writer)| TextLine { voice, from_bar, to_bar: to_bar.min(writer.end_bar) }));
    }
    let ended = writers.iter().enumerate().filter(|(_, writer)| writer.end_bar < bars.len());
    let rest = |(voice, writer): (usize, &PartWriter)| TextLine { voice, from_bar: writer.end_bar, to_bar: bars.len() };
    lines.extend(ended.map(rest)); // all voices are equally long
    lines
}

/// Groups of bars, joined where this voice is silent.
fn lines_in_turn(groups: &[(usize, usize)], voice: usize, writer: &PartWriter) -> Vec<TextLine> {
    let mut lines: Vec<TextLine> = Vec::new();
    for &(from_bar, to_bar) in groups {
        let sounds = writer.part.next_bar(from_bar).is_some_and(|bar| bar < to_bar);
        match lines.last_mut() {
            Some(last) if !sounds => last.to_bar = to_bar,
            _ => lines.push(TextLine { voice, from_bar, to_bar }),
        }
    }
    lines
}

/// Four bars each; a long silence of all voices is one group.
fn line_groups(writers: &[PartWriter], n_bars: usize) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < n_bars {
        let next_sound = writers.iter().filter_map(|writer| writer.part.next_bar(from)).min();
        let silence = next_sound.unwrap_or(n_bars) - from;
        let n = if silence >= LONG_SILENCE { silence } else { BARS_PER_LINE };
        groups.push((from, (from + n).min(n_bars)));
        from += n;
    }
    groups
}
