//! The order in which written events are played: repeats, endings and parts.
//!
//! A repeat that ends without having begun goes back to the last double bar line or end of a repeat, or to the start
//! (standard 2.1, section 4.8). A section is played as often as its colons or its endings say. Those who play from ABC do not
//! stop at a double bar line: read as played, a repeat goes back to the last repeat sign, ending or start.

use super::body::performing::Performance;
use super::body::{Event, PlacedEvent};
use super::place::Place;
use super::token::{Bar, BarStyle, Mark, Until};
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

/// The endings that the order never comes to: those of the last of several without `:|` before it, for one.
pub(super) fn unplayed_endings(events: &[PlacedEvent], order: &[Stretch]) -> Vec<Place> {
    let first_time: Vec<&Range<usize>> = order.iter().filter(|stretch| !stretch.again).map(|new| &new.events).collect();
    let is_played = |at: usize| {
        let behind = first_time.partition_point(|range| range.start <= at);
        behind.checked_sub(1).is_some_and(|last| first_time[last].contains(&at))
    };
    let endings = events.iter().enumerate().filter(|(_, placed)| matches!(placed.event, Event::Ending(_)));
    endings.filter(|(at, _)| !is_played(*at)).map(|(_, placed)| placed.place).collect()
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

/// One stretch of music with its repeats written out, and what its marks (`!D.C.!`, `!fine!` …) say to a player.
fn repeated(events: &[PlacedEvent], section: Range<usize>, performance: Performance) -> Vec<Range<usize>> {
    let mut order = Walk::new(section.clone(), performance, false).ranges(events);
    let marks = |wanted: fn(&Mark) -> bool| {
        section.clone().filter(
            move |&at| matches!(events.get(at), Some(PlacedEvent { event: Event::Mark(mark), .. }) if wanted(mark)),
        )
    };
    let Some((jump, to_segno, until)) = section.clone().find_map(|at| match events.get(at)?.event {
        Event::Mark(Mark::Jump { to_segno, until }) => Some((at, to_segno, until)),
        _ => None,
    }) else {
        return order;
    };
    cut(&mut order, jump, behind(events, jump), true);
    let segno = marks(|mark| *mark == Mark::Segno).next().filter(|_| to_segno);
    let once = |from: usize| Walk::new(from..section.end, performance, true).ranges(events);
    let mut again = once(segno.unwrap_or(section.start));
    let fine = marks(|mark| *mark == Mark::Fine).next().filter(|_| until != Until::Coda);
    let codas: Vec<usize> = marks(|mark| *mark == Mark::Coda).collect();
    let leaves = marks(|mark| *mark == Mark::ToCoda).next().or(codas.first().copied().filter(|_| codas.len() > 1));
    match (fine, leaves, codas.last()) {
        (Some(fine), ..) => cut(&mut again, fine, behind(events, fine), false),
        (None, Some(leaves), Some(&coda)) => {
            cut(&mut again, leaves, behind(events, leaves), false);
            again.extend(once(coda));
        }
        _ => {}
    }
    order.extend(again);
    order
}

/// Where a mark takes effect: behind the note or bar line that it stands on.
fn behind(events: &[PlacedEvent], mark: usize) -> usize {
    let is = |at: usize, wanted: fn(&Event) -> bool| events.get(at).is_some_and(|placed| wanted(&placed.event));
    let sound = mark + 1 + usize::from(is(mark + 1, |event| matches!(event, Event::Sound { .. })));
    sound + usize::from(is(sound, |event| matches!(event, Event::Bar(_))))
}

/// Ends the order at `end`, the first or the last time that it comes to the mark.
fn cut(order: &mut Vec<Range<usize>>, mark: usize, end: usize, last_time: bool) {
    let comes = |range: &Range<usize>| range.contains(&mark);
    let found = if last_time { order.iter().rposition(comes) } else { order.iter().position(comes) };
    let Some(range) = found.and_then(|found| {
        order.truncate(found + 1);
        order.last_mut()
    }) else {
        return;
    };
    range.end = end;
}

#[derive(Default)]
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
    in_ending: bool,
    /// Whether a player has come back by a mark: then nothing is repeated, and last endings are played.
    last_time: bool,
    end: usize,
}

impl Walk {
    fn new(section: Range<usize>, performance: Performance, last_time: bool) -> Self {
        let Range { start, end } = section;
        Walk { performance, from: start, start, pass: 1, last_time, end, ..Walk::default() }
    }

    fn ranges(mut self, events: &[PlacedEvent]) -> Vec<Range<usize>> {
        let mut at = self.start;
        while at < self.end {
            at = match events.get(at).map(|placed| &placed.event) {
                Some(Event::Bar(bar)) if !self.last_time => {
                    self.bar(bar, at, events.get(at + 1).map(|placed| &placed.event))
                }
                Some(Event::Ending(passes)) => self.ending(events, passes, at),
                _ => at + 1,
            };
        }
        self.order.push(self.from..self.end.max(self.from));
        self.order.retain(|range| !range.is_empty());
        self.order
    }

    fn begin_section(&mut self, at: usize, begun: bool) -> usize {
        (self.start, self.pass, self.begun, self.endings, self.in_ending) = (at + 1, 1, begun, 0, false);
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
                self.in_ending = false;
                return self.jump(at + 1, self.start);
            }
            return self.begin_section(at, bar.begins > 0);
        }
        if bar.begins > 0 {
            return self.begin_section(at, true);
        }
        let is_double = !matches!(bar.style, BarStyle::Plain | BarStyle::Invisible);
        let goes_back_here = !self.begun && self.performance == Performance::AsWritten;
        let ends_last_ending = self.in_ending && self.pass > 1; // not the repeat that |: began, nor an ending that :| will end
        if is_double && (goes_back_here || ends_last_ending) {
            return self.begin_section(at, false);
        }
        at + 1
    }

    fn expect_passes(&mut self, passes: &[u32]) {
        self.endings = self.endings.max(passes.iter().copied().max().unwrap_or(1).min(32));
    }

    /// Plays the ending if it is for this pass, otherwise goes on behind it.
    fn ending(&mut self, events: &[PlacedEvent], passes: &[u32], at: usize) -> usize {
        self.expect_passes(passes);
        let event = |index: usize| events.get(index).map(|placed| &placed.event);
        let mut double_bar = None;
        let mut found = None;
        for index in at + 1..self.end {
            match event(index) {
                Some(Event::Ending(_)) => found = Some(index),
                Some(Event::Bar(bar)) if bar.ends > 0 => found = Some(index + 1),
                Some(Event::Bar(bar)) if bar.begins > 0 => found = Some(double_bar.unwrap_or(index)),
                Some(Event::Bar(Bar { style: BarStyle::Plain | BarStyle::Invisible, .. })) | None => continue,
                Some(Event::Bar(_)) => {
                    double_bar = double_bar.or(Some(index + 1)); // the end, unless a :| comes
                    continue;
                }
                _ => continue,
            }
            break;
        }
        let behind = found.or(double_bar).unwrap_or(self.end);
        let is_played = match self.last_time {
            true => !matches!(event(behind), Some(Event::Ending(_))),
            false => passes.contains(&self.pass),
        };
        if is_played {
            self.in_ending = true;
            return at + 1;
        }
        self.jump(at, behind)
    }
}
