//! The score: what MIDI and ABC have in common. Voices of notes on one time axis, and the changes of metre, tempo and key.
//!
//! Time is that of playing: what a repeat sign plays twice stands there twice. What the page shows of it is kept beside it,
//! as [`Score::signs`] and [`Score::repeats`], and [`Score::page`] puts both together.

use crate::Key;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// Time resolution of every score, in ticks per beat (a quarter note).
pub const TICKS_PER_BEAT: u32 = 480; // divides into 32nds, triplets and quintuplets

/// No bar is shorter: a 64th note. Keeps the number of bars bounded whatever the metre says.
const SHORTEST_BAR_TICKS: u32 = TICKS_PER_BEAT / 16;

/// 120 quarter notes per minute, where nothing is said: so do abc2midi and every MIDI player.
pub(crate) const DEFAULT_MICROS_PER_BEAT: u32 = 500_000;

/// The channel (counted from 0) whose pitches are drum sounds.
pub const DRUM_CHANNEL: u8 = 9;

/// A piece of music: voices that share one time axis. All times are in ticks ([`TICKS_PER_BEAT`]) from the start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// What the piece is called.
    pub title: Option<String>,
    /// Sorted by tick; the first is at tick 0. Each entry starts a new bar, so a pickup of one beat before bars of 4/4 is
    /// 4/4 at tick 0 and 4/4 again at tick 480; an entry where the last note ends says that the last bar is short.
    pub meters: Vec<MeterChange>,
    /// Sorted by tick; without one at tick 0 the piece begins at 120 quarter notes a minute, and no page says so.
    pub tempos: Vec<TempoChange>,
    /// Sorted by tick; the first is at tick 0.
    pub keys: Vec<KeyChange>,
    /// In the order of the tracks or of the text.
    pub voices: Vec<Voice>,
    /// Sorted by tick: bar lines of the page that are more than one thin line, and endings. The final bar line at the end is not
    /// among them: every piece has one.
    #[serde(default)]
    pub signs: Vec<Sign>,
    /// Stretches of ticks in which the page is played again: they stand on it before. Sorted, and apart from each other.
    #[serde(default)]
    pub repeats: Vec<Range<u32>>,
    /// Sorted by tick: what is sung. MIDI has it, and pages for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A word, or a syllable of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// When it is sung.
    pub tick: u32,
    /// With `-` at its end where the word goes on.
    pub text: String,
}

/// A bar line that is more than one thin line, or the beginning of an ending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// Where it stands.
    pub tick: u32,
    /// What it is.
    pub kind: SignKind,
}

/// What a [`Sign`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignKind {
    /// `||`
    Double,
    /// `|]`
    Final,
    /// `|:`
    RepeatBegins,
    /// `:|`: what stands before it is played again so many times, where no ending says otherwise.
    RepeatEnds(u8),
    /// `[1` or `[1,3`: what follows is played on these passes.
    Ending(Vec<u32>),
}

/// One part: the notes of one track on one channel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Voice {
    /// What the voice is called.
    pub name: Option<String>,
    /// 0..=15; [`DRUM_CHANNEL`] is drums.
    pub channel: u8,
    /// Sorted by tick; empty means program 0 (piano).
    pub programs: Vec<ProgramChange>,
    /// Sorted by onset, then pitch, then duration.
    pub notes: Vec<Note>,
}

/// One sounding note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// When it begins.
    pub onset_ticks: u32,
    /// MIDI pitch, 60 is middle C; on the drum channel, the drum sound.
    pub pitch: u8,
    /// How long it sounds, at least a tick.
    pub duration_ticks: u32,
    /// Loudness, 1..=127
    pub velocity: u8,
}

/// The metre from a tick on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterChange {
    /// When it takes effect.
    pub tick: u32,
    /// The metre from there on.
    pub meter: Meter,
}

/// The tempo from a tick on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TempoChange {
    /// When it takes effect.
    pub tick: u32,
    /// Microseconds per beat (quarter note): 500,000 is 120 beats per minute.
    pub micros_per_beat: u32,
}

/// The key from a tick on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// When it takes effect.
    pub tick: u32,
    /// The key from there on.
    pub key: Key,
}

/// The program from a tick on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramChange {
    /// When it takes effect.
    pub tick: u32,
    /// General MIDI program, 0..=127.
    pub program: u8,
}

/// A time signature, such as 6/8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meter {
    /// How many beats a bar has.
    pub numerator: u16,
    /// Which note is a beat: a power of two, 1..=64.
    pub denominator: u16,
}

/// One bar: from bar line to bar line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// When it begins.
    pub start_ticks: u32,
    /// How long it is: less than `meter.bar_ticks()` for a pickup and where a metre change cuts a bar short.
    pub ticks: u32,
    /// The metre in force.
    pub meter: Meter,
}

impl Bar {
    /// When the next one begins.
    pub fn end_ticks(&self) -> u32 {
        self.start_ticks.saturating_add(self.ticks)
    }
}

impl Meter {
    /// 4/4, which holds where nothing is said.
    pub const COMMON: Meter = Meter { numerator: 4, denominator: 4 };

    /// Ticks of one bar: a whole note is four beats.
    pub fn bar_ticks(&self) -> u32 {
        4 * TICKS_PER_BEAT * u32::from(self.numerator) / u32::from(self.denominator.max(1))
    }

    /// The metre of a bar of so many ticks that counts notes of at least this fineness; none if no 64th fits.
    pub(crate) fn of_bar(ticks: u32, denominator: u16) -> Option<Meter> {
        let finer = std::iter::successors(Some(denominator.max(1)), |finer| Some(2 * finer)).take_while(|&n| n <= 64);
        let numerator = |denominator: u16| {
            let counted = u64::from(ticks) * u64::from(denominator);
            let whole = u64::from(4 * TICKS_PER_BEAT);
            u16::try_from(counted / whole).ok().filter(|&n| n > 0 && counted.is_multiple_of(whole))
        };
        finer.into_iter().find_map(|denominator| Some(Meter { numerator: numerator(denominator)?, denominator }))
    }
}

impl std::fmt::Display for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl Voice {
    /// Whether its pitches are drum sounds.
    pub fn is_drums(&self) -> bool {
        self.channel == DRUM_CHANNEL
    }
}

impl Score {
    /// Number of notes in all voices.
    pub fn n_notes(&self) -> usize {
        self.voices.iter().map(|voice| voice.notes.len()).sum()
    }

    /// Tick at which the last note ends.
    pub fn end_ticks(&self) -> u32 {
        let ends = self
            .voices
            .iter()
            .flat_map(|voice| &voice.notes)
            .map(|note| note.onset_ticks.saturating_add(note.duration_ticks));
        ends.max().unwrap_or(0)
    }

    /// The bars up to the end of the last note, the last one complete; none if there are no notes.
    pub fn bars(&self) -> Vec<Bar> {
        self.each_bar().collect()
    }

    /// How many bars there are up to the end of the last note.
    pub fn n_bars(&self) -> usize {
        self.each_bar().count()
    }

    fn each_bar(&self) -> impl Iterator<Item = Bar> {
        let end = self.end_ticks();
        let mut meters = self.meters.iter().peekable();
        let (mut next_start, mut meter) = (0_u32, Meter::COMMON);
        std::iter::from_fn(move || {
            let start_ticks = next_start;
            while let Some(change) = meters.next_if(|change| change.tick <= start_ticks) {
                meter = change.meter;
            }
            let full = meter.bar_ticks().max(SHORTEST_BAR_TICKS);
            let ticks = meters.peek().map_or(full, |next| full.min(next.tick - start_ticks));
            next_start = start_ticks.saturating_add(ticks);
            (start_ticks < end).then_some(Bar { start_ticks, ticks, meter })
        })
    }

    /// The score as the page shows it: what is played again stands there once, and everything behind it comes earlier.
    pub fn page(&self) -> Cow<'_, Score> {
        if self.repeats.is_empty() {
            return Cow::Borrowed(self);
        }
        let page = Page::new(&self.repeats);
        let on_page = |note: &Note| {
            let onset_ticks = page.tick(note.onset_ticks);
            let end = page.tick(note.onset_ticks.saturating_add(note.duration_ticks));
            (end > onset_ticks).then_some(Note { onset_ticks, duration_ticks: end - onset_ticks, ..*note })
        };
        let voice = |voice: &Voice| Voice {
            name: voice.name.clone(),
            channel: voice.channel,
            programs: page.changes(&voice.programs, |change| &mut change.tick),
            notes: voice.notes.iter().filter_map(on_page).collect(),
        };
        let bars =
            self.bars().into_iter().map(|bar| (page.tick(bar.start_ticks), page.tick(bar.end_ticks()), bar.meter));
        let ends = bars.filter(|(start, end, _)| start < end);
        let lines = ends.flat_map(|(start, end, meter)| [(start, meter), (end, meter)]);
        Cow::Owned(Score {
            title: self.title.clone(),
            meters: meters_with_lines(lines),
            tempos: page.changes(&self.tempos, |change| &mut change.tick),
            keys: page.changes(&self.keys, |change| &mut change.tick),
            voices: self.voices.iter().map(voice).collect(),
            signs: self.signs.iter().map(|sign| Sign { tick: page.tick(sign.tick), ..sign.clone() }).collect(),
            repeats: Vec::new(),
            words: self.words.iter().map(|word| Word { tick: page.tick(word.tick), ..word.clone() }).collect(),
        })
    }

    /// Metre in force at the start; that of the second bar where the first alone has a longer one.
    pub fn meter(&self) -> Meter {
        let is_long = |first: &MeterChange, second: &MeterChange| {
            second.tick == first.meter.bar_ticks() && second.meter.bar_ticks() < second.tick
        };
        match self.meters.as_slice() {
            [first, second, ..] if is_long(first, second) => second.meter,
            [first, ..] => first.meter,
            [] => Meter::COMMON,
        }
    }

    /// Key in force at the start.
    pub fn key(&self) -> Key {
        self.keys.first().map_or(Key::default(), |change| change.key)
    }

    /// Tempo at the start, in quarter notes per minute.
    pub fn tempo_bpm(&self) -> f64 {
        let first = self.tempos.first().filter(|change| change.tick == 0);
        60e6 / f64::from(first.map_or(DEFAULT_MICROS_PER_BEAT, |change| change.micros_per_beat.max(1)))
    }
}

/// The metre changes of a score with these bar lines, in order of time, each with the metre behind it; bar lines that the
/// metre makes by itself may be left out.
pub(crate) fn meters_with_lines(lines: impl IntoIterator<Item = (u32, Meter)>) -> Vec<MeterChange> {
    let mut meters: Vec<MeterChange> = Vec::new();
    for (tick, meter) in lines {
        let is_regular = |last: &MeterChange| {
            last.meter == meter
                && tick.saturating_sub(last.tick).is_multiple_of(meter.bar_ticks().max(SHORTEST_BAR_TICKS))
        };
        match meters.last_mut() {
            Some(last) if last.tick == tick => last.meter = meter,
            Some(last) if is_regular(last) => {}
            _ => meters.push(MeterChange { tick, meter }),
        }
    }
    meters
}

/// Of the changes that follow each other on one tick, the last holds.
pub(crate) fn keep_last_of_each_tick<T>(changes: &mut Vec<T>, tick: impl Fn(&T) -> u32) {
    changes.reverse();
    changes.dedup_by_key(|change| tick(change));
    changes.reverse();
}

/// From the time of playing to that of the page.
struct Page<'a> {
    repeats: &'a [Range<u32>],
    /// Ticks of all repeats before each.
    hidden_before: Vec<u32>,
}

impl<'a> Page<'a> {
    fn new(repeats: &'a [Range<u32>]) -> Self {
        let hidden = repeats.iter().scan(0, |sum: &mut u32, repeat| {
            let before = *sum;
            *sum += repeat.end - repeat.start;
            Some(before)
        });
        Page { repeats, hidden_before: hidden.collect() }
    }

    /// Everything that is played again lies at the tick where it begins.
    fn tick(&self, tick: u32) -> u32 {
        let begun = self.repeats.partition_point(|repeat| repeat.start < tick);
        let latest = begun.checked_sub(1).and_then(|i| Some((self.repeats.get(i)?, self.hidden_before.get(i)?)));
        tick - latest.map_or(0, |(repeat, before)| before + tick.min(repeat.end) - repeat.start)
    }

    /// Of the changes that come to lie on one tick, the last holds.
    fn changes<T: Copy>(&self, changes: &[T], tick: fn(&mut T) -> &mut u32) -> Vec<T> {
        let mut moved = changes.to_vec();
        moved.iter_mut().map(tick).for_each(|tick| *tick = self.tick(*tick));
        keep_last_of_each_tick(&mut moved, |change| *tick(&mut change.clone()));
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickup_of_one_beat_is_a_short_first_bar() {
        let meters = [0, 480].map(|tick| MeterChange { tick, meter: Meter::COMMON }).to_vec();
        let note = Note { onset_ticks: 0, pitch: 60, duration_ticks: 481, velocity: 80 };
        let score = Score { meters, voices: vec![Voice { notes: vec![note], ..Voice::default() }], ..Score::default() };
        let bars: Vec<_> = score.bars().iter().map(|bar| (bar.start_ticks, bar.ticks)).collect();
        assert_eq!(bars, [(0, 480), (480, 1920)]);
    }

    #[test]
    fn bars_are_counted_in_each_metre() {
        let meter = |tick, numerator| MeterChange { tick, meter: Meter { numerator, denominator: 4 } };
        let note = Note { onset_ticks: 0, pitch: 60, duration_ticks: 480 * 14, velocity: 80 };
        let voices = vec![Voice { notes: vec![note], ..Voice::default() }];
        let score = Score { meters: vec![meter(0, 4), meter(480 * 8, 3)], voices, ..Score::default() };
        assert_eq!(score.n_bars(), 4); // two of 4/4, two of 3/4
        assert_eq!(Score::default().n_bars(), 0);
    }
}
