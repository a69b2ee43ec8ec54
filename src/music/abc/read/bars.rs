//! Bars that do not add up to their metre.

use super::body::{Event, TuneBody, VoiceText, understand};
use super::place::{Complaints, Place};
use super::time::{Fraction, STEPS_PER_WHOLE};
use super::token::Bar;
use crate::Result;
use crate::music::Meter;
use crate::music::abc::Complaint;

/// Lists the bars whose length is not what the metre asks for.
///
/// The first and the last bar and bars beside a repeat sign, a double bar line or an ending may be shorter, since a
/// pickup shares its bar with them; none may be longer. Free metre asks for nothing.
///
/// # Errors
/// [`crate::Error::Abc`] if the text holds no music.
pub fn bar_errors(text: &str) -> Result<Vec<Complaint>> {
    let mut syntax = Complaints::default();
    let tune = understand(&super::source(text, &mut syntax)?, &mut syntax);
    let mut complaints = Complaints::default();
    for voice in &tune.voices {
        check_voice(&tune, voice, &mut complaints);
    }
    Ok(complaints.into_sorted())
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

fn check_voice(tune: &TuneBody, voice: &VoiceText, complaints: &mut Complaints) {
    let mut meter = tune.meter;
    let new_bar = |may_be_short: bool, meter: Option<Meter>| Count {
        place: None,
        steps: 0,
        longest: 0,
        may_be_short,
        silent: true,
        meter,
    };
    let mut count = new_bar(true, meter);
    for placed in &voice.events {
        match &placed.event {
            Event::Sound { heads, advance } => {
                count.silent &= heads.is_empty();
                count.place = count.place.or(Some(placed.place));
                count.steps = count.steps.saturating_add(advance.steps());
            }
            Event::Overlay => {
                count.longest = count.longest.max(count.steps);
                count.steps = 0;
            }
            Event::Meter(new) => {
                meter = *new;
                if count.steps == 0 {
                    count.meter = meter;
                }
            }
            Event::Ending(_) | Event::Part(_) => count.may_be_short = true,
            Event::Bar(bar) => {
                check_bar(&count, bar, complaints);
                let within_ending = count.place.is_none() && count.may_be_short; // two bar lines without music between
                count = new_bar(*bar != Bar::PLAIN || within_ending, meter);
            }
            _ => {}
        }
    }
    check_bar(&Count { may_be_short: true, ..count }, &Bar::PLAIN, complaints);
}

fn check_bar(count: &Count, bar: &Bar, complaints: &mut Complaints) {
    let (Some(place), Some(meter)) = (count.place, count.meter) else { return };
    let expected = Fraction::new(u64::from(meter.numerator), u64::from(meter.denominator)).steps();
    let steps = count.longest.max(count.steps);
    let may_be_short = count.may_be_short || !bar.is_plain();
    // Several whole bars of rest (Z4) stand between two bar lines.
    let is_whole_bars =
        expected > 0 && steps > 0 && steps.is_multiple_of(expected) && steps / expected > 1 && count.silent;
    if steps == expected || (may_be_short && steps < expected) || is_whole_bars {
        return;
    }
    let beats = |steps: u64| steps as f64 * 4.0 / STEPS_PER_WHOLE as f64;
    let message = format!("this bar lasts {} quarter notes, but {meter} asks for {}", beats(steps), beats(expected));
    complaints.add(place, message);
}
