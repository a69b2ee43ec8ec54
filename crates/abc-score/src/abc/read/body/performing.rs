//! What a tune read as played has over one read as written: the swing of hornpipes, fermatas, and the neighbours of ornaments.

use super::{Event, Figure, PITCHES, Reader};
use crate::Meter;
use crate::abc::Performance;
use crate::abc::read::time::Fraction;
use crate::abc::read::token::{Ornament, Tone};

/// Whether the tune is played as a hornpipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hornpipe {
    No,
    /// In another metre than 4/4 and 2/4 only what stands as `a>b` is played 2:1.
    DotsSwing,
    PairsSwing,
}

impl Reader<'_> {
    pub(super) fn hornpipe(&self, rhythm: Option<&str>) -> Hornpipe {
        let is_named = rhythm.is_some_and(|rhythm| rhythm.starts_with("hornpipe") || rhythm.starts_with("Hornpipe"));
        match self.tune.meter {
            _ if self.tune.performance == Performance::AsWritten || !is_named => Hornpipe::No,
            Some(Meter { numerator: 2 | 4, denominator: 4 }) => Hornpipe::PairsSwing,
            _ => Hornpipe::DotsSwing,
        }
    }

    /// The standard leaves open what `a>b` means between notes of unequal length: played, they stay as they are.
    pub(super) fn can_be_broken(&self, first: usize, last: usize) -> bool {
        let length = |index: usize| match self.tune.voices.get(self.current)?.events.get(index)?.event {
            Event::Sound { advance, .. } => Some(advance),
            _ => None,
        };
        self.tune.performance == Performance::AsWritten || length(first) == length(last)
    }

    /// The second of two eighth notes alone within a beat (in 2/4 of two sixteenths) is played as if a `>` stood before it.
    pub(super) fn swing(&mut self, tones: &[Tone], unit: Fraction) {
        if self.hornpipe != Hornpipe::PairsSwing {
            return;
        }
        let state = &mut self.voice().state;
        let pair = match state.meter {
            Some(Meter { numerator: 4, .. }) => Fraction::new(1, 8),
            _ => Fraction::new(1, 16),
        };
        let [tone, chord @ ..] = tones else { return };
        let length = unit.times_fraction(Fraction::of(tone.length));
        let is_second = state.beat.steps % (2 * pair.steps()) == pair.steps();
        if chord.is_empty() && is_second && length == pair && state.beat.last_written == Some(pair) && state.broken == 0
        {
            state.broken = 1;
        }
        state.beat.steps = state.beat.steps.saturating_add(length.steps());
        state.beat.last_written = Some(length).filter(|_| chord.is_empty());
    }

    pub(super) fn ornament(&mut self, ornament: Ornament) {
        if self.tune.performance == Performance::AsPlayed {
            self.voice().state.ornaments.push(ornament);
        }
    }

    /// The ornament of a note; none of a chord.
    pub(super) fn figure(&mut self, tones: &[Tone]) -> Option<Figure> {
        let state = &self.voice().state;
        let of_note = |of: Ornament| state.ornaments.contains(&of).then_some(of);
        let ornament = of_note(Ornament::Trill).or(of_note(Ornament::Cut)).or(of_note(Ornament::Roll))?;
        let [tone] = tones else { return None };
        let (upper, lower) = (self.neighbour(tone, 1), self.neighbour(tone, -1));
        Some(Figure { ornament, upper, lower, unit: Fraction::of(self.voice().state.unit) })
    }

    /// The pitch so many places of the scale above, by the key signature.
    fn neighbour(&mut self, tone: &Tone, places: i32) -> u8 {
        let place = super::letter_index(tone) as i32 + places;
        let letter = place.rem_euclid(7) as usize;
        let from_c = (super::letter_index(tone) as i32 + 5).rem_euclid(7) + places; // octaves begin at C
        let state = &self.voice().state;
        let octave = i32::from(tone.octave) + from_c.div_euclid(7) + i32::from(state.shift.octaves.unwrap_or(0));
        let transpose = state.transpose + i16::from(state.shift.semitones.unwrap_or(0));
        let pitch = i32::from(PITCHES[letter] + i16::from(state.key[letter]) + transpose) + 12 * octave;
        u8::try_from(pitch.clamp(0, 127)).unwrap_or(60)
    }

    /// What a fermata multiplies the length of the next note, chord or rest by; ends its ornaments.
    pub(super) fn stretch_of_fermata(&mut self) -> u64 {
        let ornaments = std::mem::take(&mut self.voice().state.ornaments);
        if ornaments.contains(&Ornament::Fermata) { 2 } else { 1 }
    }
}
