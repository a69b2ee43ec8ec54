//! Bars that do not add up to their metre.

use super::body::{Event, PlacedEvent, TuneBody, VoiceText, understand};
use super::place::{Complaints, Place};
use super::token::{Bar, Length, STEPS_PER_WHOLE, steps_of};
use crate::abc::{Complaint, Performance};
use crate::{Meter, Result};

/// Lists the bars whose length is not what the metre asks for.
///
/// The first and the last bar and bars beside a repeat sign, a double bar line or an ending may be shorter, since a
/// pickup shares its bar with them; none may be longer. A line that ends with a full bar needs no bar line. Free metre
/// asks for nothing.
///
/// # Errors
/// [`crate::Error::Abc`] if the text holds no music.
pub fn bar_errors(text: &str) -> Result<Vec<Complaint>> {
    let mut syntax = Complaints::default();
    let tune = understand(&super::source(text, &mut syntax)?, Performance::AsWritten, &mut syntax);
    Ok(check_bars(&tune).complaints.into_sorted())
}

/// How many bars of the text hold music and end with a bar line, as written: in the voice that has fewest. A rest of several
/// bars counts as many.
///
/// For a tune that is being written; so a text that holds no music yet has none.
pub fn closed_bars(text: &str) -> usize {
    let mut syntax = Complaints::default();
    let Ok(source) = super::source(text, &mut syntax) else { return 0 };
    let tune = understand(&source, Performance::AsWritten, &mut syntax);
    let of_voice = |voice: &VoiceText| {
        let mut count = Count::new(true, tune.meter);
        let mut n_bars = 0;
        for placed in &voice.events {
            if matches!(placed.event, Event::Bar(_)) {
                n_bars += count.n_bars();
                count = Count::new(true, count.meter);
            }
            count.event(placed);
        }
        n_bars
    };
    tune.voices.iter().map(of_voice).min().unwrap_or(0)
}

/// The ends of lines where a bar is full but its bar line was left out, and where no accidental holds that a bar line
/// would end.
pub(crate) fn missing_bar_lines(tune: &TuneBody) -> Vec<Place> {
    check_bars(tune).missing_bar_lines
}

#[derive(Default)]
struct BarCheck {
    complaints: Complaints,
    missing_bar_lines: Vec<Place>,
}

/// The bar being counted.
struct Count {
    place: Option<Place>,
    /// Steps of the layer that runs, and of the longest layer before it.
    steps: u64,
    longest: u64,
    may_be_short: bool,
    /// Nothing but rests so far.
    silent: bool,
    meter: Option<Meter>,
}

impl Count {
    fn new(may_be_short: bool, meter: Option<Meter>) -> Self {
        Count { place: None, steps: 0, longest: 0, may_be_short, silent: true, meter }
    }

    /// Steps that the metre asks for; none in free metre.
    fn expected(&self) -> Option<u64> {
        self.meter.map(|meter| steps_of(Length::of(meter)))
    }

    /// Exactly one bar, or several whole bars of rest (`Z4` stands between two bar lines).
    fn is_full(&self) -> bool {
        let steps = self.longest.max(self.steps);
        let whole_bars = |expected: u64| steps > 0 && expected > 0 && steps.is_multiple_of(expected) && self.silent;
        self.expected().is_some_and(|expected| steps == expected || whole_bars(expected))
    }

    /// One, where there is music; as many as it rests, where there is none but rests.
    fn n_bars(&self) -> usize {
        let whole_bars = |expected: u64| usize::try_from(self.steps / expected).unwrap_or(usize::MAX).max(1);
        match (self.place, self.expected().filter(|expected| *expected > 0 && self.silent)) {
            (None, _) => 0,
            (Some(_), expected) => expected.map_or(1, whole_bars),
        }
    }

    fn event(&mut self, placed: &PlacedEvent) {
        match &placed.event {
            Event::Sound { heads, advance } => {
                self.silent &= heads.is_empty();
                self.place = self.place.or(Some(placed.place));
                self.steps = self.steps.saturating_add(*advance);
            }
            Event::Overlay => {
                self.longest = self.longest.max(self.steps);
                self.steps = 0;
            }
            Event::Meter(new) if self.steps == 0 => self.meter = *new,
            Event::Ending(_) | Event::Part(_) => self.may_be_short = true,
            _ => {}
        }
    }

    /// Complains where it does not add up.
    fn end(&self, bar: &Bar, complaints: &mut Complaints) {
        let (Some(place), Some(meter), Some(expected)) = (self.place, self.meter, self.expected()) else { return };
        let steps = self.longest.max(self.steps);
        let may_be_short = self.may_be_short || !bar.is_plain();
        if self.is_full() || (may_be_short && steps < expected) {
            return;
        }
        let beats = |steps: u64| (steps as f64 * 4000.0 / STEPS_PER_WHOLE as f64).round() / 1000.0;
        let (lasts, asked) = (beats(steps), beats(expected));
        complaints.add(place, format!("this bar lasts {lasts} quarter notes, but {meter} asks for {asked}"));
    }
}

fn check_bars(tune: &TuneBody) -> BarCheck {
    let mut check = BarCheck::default();
    for voice in &tune.voices {
        check.voice(tune, voice);
    }
    check
}

/// Whether an overlay goes back to the beginning of the bar before these events.
fn is_overlaid(rest: Option<&[PlacedEvent]>) -> bool {
    let mut bar = rest.unwrap_or_default().iter().take_while(|placed| !matches!(placed.event, Event::Bar(_)));
    bar.any(|placed| matches!(placed.event, Event::Overlay))
}

impl BarCheck {
    fn voice(&mut self, tune: &TuneBody, voice: &VoiceText) {
        let mut meter = tune.meter;
        let mut count = Count::new(true, meter);
        for (index, placed) in voice.events.iter().enumerate() {
            match &placed.event {
                Event::Bar(bar) => {
                    count.end(bar, &mut self.complaints);
                    let within_ending = count.place.is_none() && count.may_be_short; // two bar lines without music between
                    count = Count::new(*bar != Bar::PLAIN || within_ending, meter);
                }
                Event::LineEnd { altered }
                    if count.is_full() && count.longest == 0 && !is_overlaid(voice.events.get(index + 1..)) =>
                {
                    if !altered {
                        self.missing_bar_lines.push(placed.place);
                    }
                    count = Count::new(false, meter);
                }
                _ => {}
            }
            if let Event::Meter(new) = &placed.event {
                meter = *new;
            }
            count.event(placed);
        }
        Count { may_be_short: true, ..count }.end(&Bar::PLAIN, &mut self.complaints);
    }
}
