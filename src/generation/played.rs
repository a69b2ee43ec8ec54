//! A score as the pages play and draw it: a list of notes in milliseconds.

use crate::music::{MeterChange, Score, TICKS_PER_BEAT};
use serde::Serialize;

/// Where nothing is said, 120 quarter notes a minute.
const DEFAULT_MICROS_PER_BEAT: u32 = 500_000;

/// No page needs more; a tune of ten thousand repeats is cut here.
const MOST_NOTES: usize = 4000;

/// Notes, bar lines and instruments of a tune.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Played {
    /// When the last note ends, in milliseconds.
    pub end: u32,
    /// When each bar begins.
    pub bars: Vec<u32>,
    /// The General MIDI program of each voice; -1 is drums.
    pub voices: Vec<i16>,
    /// Onset and duration in milliseconds, pitch, velocity, voice; sorted by onset.
    pub notes: Vec<(u32, u32, u8, u8, usize)>,
}

impl Played {
    /// The notes up to the last bar line within so many seconds.
    pub fn of(score: &Score, seconds: f64) -> Played {
        let clock = Clock::of(score);
        let most = (1000.0 * seconds) as u32;
        let bars: Vec<u32> = score.bars().iter().map(|bar| clock.millis(bar.start_ticks)).collect();
        let whole = clock.millis(score.end_ticks());
        let last_bar = bars.iter().copied().take_while(|start| *start <= most).last().filter(|start| *start > 0);
        let limit = if whole <= most { whole } else { last_bar.unwrap_or(most) };
        let mut notes: Vec<(u32, u32, u8, u8, usize)> = Vec::new();
        for (index, voice) in score.voices.iter().enumerate() {
            for note in &voice.notes {
                let onset = clock.millis(note.onset_ticks);
                let end = clock.millis(note.onset_ticks.saturating_add(note.duration_ticks)).min(limit);
                if onset < limit {
                    notes.push((onset, end.saturating_sub(onset), note.pitch, note.velocity, index));
                }
            }
        }
        notes.sort_unstable();
        notes.truncate(MOST_NOTES);
        let program = |voice: &crate::music::Voice| {
            if voice.is_drums() { -1 } else { voice.programs.first().map_or(0, |change| i16::from(change.program)) }
        };
        Played {
            end: notes.iter().map(|note| note.0 + note.1).max().unwrap_or(0),
            bars: bars.into_iter().filter(|start| *start < limit).collect(),
            voices: score.voices.iter().map(program).collect(),
            notes,
        }
    }
}

/// From ticks to milliseconds by the tempo changes.
struct Clock {
    /// Tick, milliseconds at that tick, milliseconds per tick from there on.
    segments: Vec<(u32, f64, f64)>,
}

impl Clock {
    fn of(score: &Score) -> Clock {
        let per_tick = |micros_per_beat: u32| f64::from(micros_per_beat) / 1e3 / f64::from(TICKS_PER_BEAT);
        let mut clock = Clock { segments: vec![(0, 0.0, per_tick(DEFAULT_MICROS_PER_BEAT))] };
        for change in &score.tempos {
            let millis = clock.exact(change.tick);
            clock.segments.push((change.tick, millis, per_tick(change.micros_per_beat)));
        }
        clock
    }

    fn exact(&self, tick: u32) -> f64 {
        let segment = self.segments.iter().rev().find(|segment| segment.0 <= tick);
        segment.map_or(0.0, |(start, millis, per_tick)| millis + f64::from(tick - start) * per_tick)
    }

    fn millis(&self, tick: u32) -> u32 {
        self.exact(tick).round() as u32
    }
}

/// The first `n` bars of the page (what is repeated counts once), and how many bars the page has.
pub(super) fn first_bars(score: &Score, n: usize) -> (Score, usize) {
    let mut page = score.page().into_owned();
    let bars = page.bars();
    let Some(end) = bars.get(n).map(|bar| bar.start_ticks) else { return (page, bars.len()) };
    for voice in &mut page.voices {
        voice.notes.retain(|note| note.onset_ticks < end);
        for note in &mut voice.notes {
            note.duration_ticks = note.duration_ticks.min(end - note.onset_ticks);
        }
    }
    page.signs.retain(|sign| sign.tick < end);
    page.keys.retain(|change| change.tick < end);
    page.tempos.retain(|change| change.tick < end);
    page.meters.retain(|change: &MeterChange| change.tick < end);
    (page, bars.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::abc;

    const TUNE: &str = "X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\nCDEF|G2 z2|[Q:1/4=120]cBAG|C4|]\n";

    #[test]
    fn times_follow_the_tempo() {
        let played = Played::of(&abc::parse(TUNE).unwrap(), 60.0);
        assert_eq!(played.bars, [0, 4000, 8000, 10_000]);
        assert_eq!((played.notes[1].0, played.notes[1].1, played.notes[1].2), (1000, 1000, 62));
        assert_eq!((played.notes[6].0, played.end), (8500, 12_000));
    }

    #[test]
    fn a_long_tune_ends_at_a_bar_line() {
        let played = Played::of(&abc::parse(TUNE).unwrap(), 9.0);
        assert_eq!((played.end, played.notes.len(), played.bars.len()), (6000, 5, 2));
    }

    #[test]
    fn the_first_bars_of_a_page_are_counted_without_repeats() {
        let score = abc::parse("X:1\nM:4/4\nL:1/4\nK:C\n|:CDEF|GABc:|c4|B4|\n").unwrap();
        let (start, n_bars) = first_bars(&score, 3);
        assert_eq!((n_bars, start.n_bars(), start.n_notes()), (4, 3, 9));
        let (whole, n_bars) = first_bars(&score, 9);
        assert_eq!((n_bars, whole.n_bars()), (4, 4));
    }
}
