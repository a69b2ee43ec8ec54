//! The order in which written events are played: repeats, endings and parts.
//!
//! A repeat that ends without having begun goes back to the last double bar line or end of a repeat, or to the start
//! (standard 2.1, section 4.8). A section is played as often as its colons or its endings say. Those who play from ABC do not
//! stop at a double bar line: read as played, a repeat goes back to the last repeat sign, ending or start.

use super::body::performing::Performance;
use super::body::{Event, PlacedEvent};
use super::token::{Bar, BarStyle};
use std::ops::Range;

/// Events that are played one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    pub events: Range<usize>,
    /// Whether the page is played again here. A part that the order of the parts names twice stands on it twice.
    pub again: bool,
}

/// The stretches in the order of playing; `parts` is the order of the parts where the tune has any of them. `None` if there
/// are absurdly many.
pub(super) fn playing_order(
    events: &[PlacedEvent],
    parts: Option<&[char]>,
    performance: Performance,
) -> Option<Vec<Stretch>> {
    let sections = sections(events);
    let mut order = Vec::new();
    let mut played = 0usize;
    let mut play = |section: &Range<usize>, order: &mut Vec<Stretch>| {
        let mut reached = section.start;
        for Range { start, end } in repeated(events, section.clone(), performance) {
            played += end - start;
            let known = reached.clamp(start, end);
            order.push(Stretch { events: start..known, again: true });
            order.push(Stretch { events: known..end, again: false });
            reached = reached.max(end);
        }
        (played <= MAX_PLAYED).then_some(())
    };
    let named = |name: char| sections.iter().filter(move |(found, _)| *found == Some(name)).map(|(_, section)| section);
    match parts {
        Some(parts) => {
            for (_, section) in sections.iter().filter(|(name, _)| name.is_none()) {
                play(section, &mut order)?; // what stands before the first part
            }
            for &name in parts {
                let sounds = |section: &&Range<usize>| {
                    events
                        .get((*section).clone())
                        .into_iter()
                        .flatten()
                        .any(|placed| matches!(placed.event, Event::Sound { .. }))
                };
                for section in named(name).filter(sounds).take(1) {
                    play(section, &mut order)?;
                }
            }
        }
        None => play(&(0..events.len()), &mut order)?,
    }
    order.retain(|stretch: &Stretch| !stretch.events.is_empty());
    Some(order)
}

/// More events than this cannot be a tune; it is a bound on memory and time.
pub(super) const MAX_PLAYED: usize = 4_000_000;

/// The parts `P:A`, `P:B` … and what stands before them.
fn sections(events: &[PlacedEvent]) -> Vec<(Option<char>, Range<usize>)> {
    let mut sections = Vec::new();
    let mut name = None;
    let mut start = 0;
    for (index, placed) in events.iter().enumerate() {
        if let Event::Part(next) = placed.event {
            sections.push((name, start..index));
            (name, start) = (Some(next), index);
        }
    }
    sections.push((name, start..events.len()));
    sections
}

/// One stretch of music with its repeats written out.
fn repeated(events: &[PlacedEvent], section: Range<usize>, performance: Performance) -> Vec<Range<usize>> {
    let (from, start) = (section.start, section.start);
    let mut walk = Walk { performance, order: Vec::new(), from, start, pass: 1, begun: false, endings: 0 };
    let mut at = section.start;
    while at < section.end {
        let next = match events.get(at).map(|placed| &placed.event) {
            Some(Event::Bar(bar)) => walk.bar(bar, at, events.get(at + 1).map(|placed| &placed.event)),
            Some(Event::Ending(passes)) => walk.ending(events, &section, passes, at),
            _ => at + 1,
        };
        at = next;
    }
    walk.order.push(walk.from..section.end.max(walk.from));
    walk.order.retain(|range| !range.is_empty());
    walk.order
}

struct Walk {
    performance: Performance,
    order: Vec<Range<usize>>,
    /// First event not yet in `order`.
    from: usize,
    /// Where a repeat goes back to.
    start: usize,
    pass: u32,
    /// Whether `|:` stands at `start`.
    begun: bool,
    /// Highest pass that an ending of this section names.
    endings: u32,
}

impl Walk {
    fn begin_section(&mut self, at: usize, begun: bool) -> usize {
        (self.start, self.pass, self.begun, self.endings) = (at + 1, 1, begun, 0);
        at + 1
    }

    fn jump(&mut self, end: usize, to: usize) -> usize {
        self.order.push(self.from..end);
        self.from = to;
        to
    }

    fn bar(&mut self, bar: &Bar, at: usize, next: Option<&Event>) -> usize {
        if bar.ends > 0 {
            if let Some(Event::Ending(passes)) = next {
                self.expect_passes(passes);
            }
            let passes = (u32::from(bar.ends) + 1).max(self.endings);
            if self.pass < passes {
                self.pass += 1;
                return self.jump(at + 1, self.start);
            }
            return self.begin_section(at, bar.begins > 0);
        }
        if bar.begins > 0 {
            return self.begin_section(at, true);
        }
        let is_double = !matches!(bar.style, BarStyle::Plain);
        let goes_back_here = !self.begun && self.performance == Performance::AsWritten;
        if is_double && (goes_back_here || self.endings > 0) {
            return self.begin_section(at, false);
        }
        at + 1
    }

    fn expect_passes(&mut self, passes: &[u32]) {
        self.endings = self.endings.max(passes.iter().copied().max().unwrap_or(1).min(32));
    }

    /// Plays the ending if it is for this pass, otherwise goes on behind it.
    fn ending(&mut self, events: &[PlacedEvent], section: &Range<usize>, passes: &[u32], at: usize) -> usize {
        self.expect_passes(passes);
        if passes.contains(&self.pass) {
            return at + 1;
        }
        for index in at + 1..section.end {
            match events.get(index).map(|placed| &placed.event) {
                Some(Event::Ending(_)) => return self.jump(at, index),
                Some(Event::Bar(bar)) if bar.begins > 0 => return self.jump(at, index),
                Some(Event::Bar(bar)) if bar.ends > 0 || !matches!(bar.style, BarStyle::Plain) => {
                    return self.jump(at, index + 1);
                }
                _ => {}
            }
        }
        self.jump(at, section.end)
    }
}
