//! From performed time to written time: every onset and end onto a grid that ABC text can hold.
//!
//! The grid counts from the bar line: sixteenths of a beat (64th notes), or twelfths of a beat (triplets and their halves
//! and quarters). [`quantise`] cleans a performance up: in each beat of each voice it takes the simplest grid that moves
//! no onset by more than a twentieth of a beat, and lets notes end where a person would write the end. [`to_grid`] only moves
//! what is off the grid, and leaves a score that is on it as it is.

use super::midi::{have_collisions, programs_that_sound, sort_notes, without_collisions};
use super::score::{
    Bar, DEFAULT_MICROS_PER_BEAT, KeyChange, Meter, MeterChange, Note, Score, Sign, TICKS_PER_BEAT, TempoChange, Voice,
    keep_last_of_each_tick, meters_with_lines,
};
use std::borrow::Cow;
use std::cell::Cell;

/// The straight grid: a 64th note.
const STRAIGHT: u32 = TICKS_PER_BEAT / 16;
/// The triplet grid: a twelfth of a beat.
const TRIPLET: u32 = TICKS_PER_BEAT / 12;

/// Grids for the onsets of one beat, simplest first, each with the largest error in ticks that it may cause: people play up to a
/// twentieth of a beat beside a straight note. Triplets must fit better, as they read harder. What fits none is put on the
/// straight grid, off by 15 at most.
const GRIDS: [(u32, u32); 7] = [(480, 24), (240, 24), (120, 24), (160, 15), (60, 15), (80, 10), (TRIPLET, 4)];

/// More voices than this are joined where they sound the same.
const MANY_VOICES: usize = 24;

/// How far the end of a note may move, at least: a sixteenth of a beat.
const END_TOLERANCE: u32 = TICKS_PER_BEAT / 16;

/// Longer notes are cut: 32 bars of 4/4. Keeps the text of a hanging note bounded.
const LONGEST_NOTE: u32 = 128 * TICKS_PER_BEAT;

/// Bars outside this range are written as 4/4: real files claim 132/4 and 1/64.
const BAR_RANGE: std::ops::RangeInclusive<u32> = TICKS_PER_BEAT / 2..=12 * TICKS_PER_BEAT;

/// Metre changes are put on bar lines this near, else on sixteenth notes.
const METER_SNAP: u32 = TICKS_PER_BEAT / 4;

/// A performance as a person would write it down. Deterministic; no onset moves by more than 24 ticks (a twentieth of a beat).
pub fn quantise(score: &Score) -> Score {
    let mut written = Score { title: score.title.clone(), words: score.words.clone(), ..Score::default() };
    written.meters = written_meters(&score.meters);
    written.tempos = written_tempos(&score.tempos);
    written.keys = score.keys.clone();
    let ruler = Ruler::new(&written, score.end_ticks());
    written.voices = joined_voices(&score.voices).into_iter().map(|voice| quantise_voice(voice, &ruler)).collect();
    let end = written.end_ticks();
    fit_changes(&mut written, end, &ruler);
    written
}

/// One voice for all drums; and when there are too many voices to read, those of one channel and program are joined, then
/// those of one channel: they sound the same.
fn joined_voices(voices: &[Voice]) -> Vec<Voice> {
    let drums = join(voices, |a, b| a.is_drums() && b.is_drums());
    if drums.len() <= MANY_VOICES {
        return drums;
    }
    let same_sound = join(&drums, |a, b| a.channel == b.channel && a.programs == b.programs);
    if same_sound.len() <= MANY_VOICES { same_sound } else { join(&same_sound, |a, b| a.channel == b.channel) }
}

fn join(voices: &[Voice], belongs: impl Fn(&Voice, &Voice) -> bool) -> Vec<Voice> {
    let mut joined: Vec<Voice> = Vec::new();
    for voice in voices {
        match joined.iter_mut().find(|other| belongs(other, voice)) {
            Some(other) => {
                other.notes.extend(&voice.notes);
                other.programs.extend(&voice.programs);
            }
            None => joined.push(voice.clone()),
        }
    }
    for voice in &mut joined {
        sort_notes(&mut voice.notes);
        voice.programs.sort_by_key(|change| change.tick);
    }
    joined
}

/// Moves what is off the grid onto it: the score itself if text can hold it exactly, as it can what [`quantise`] gives.
pub fn to_grid(score: &Score) -> Cow<'_, Score> {
    let (meters, tempos, keys) = (score.meters.clone(), score.tempos.clone(), score.keys.clone());
    let mut fitted = Score { meters, tempos, keys, ..Score::default() };
    for change in &mut fitted.meters {
        change.tick = nearest(change.tick, STRAIGHT);
    }
    keep_last_of_each_tick(&mut fitted.meters, |change| change.tick);
    let ruler = Ruler::new(&fitted, score.end_ticks());
    if score.voices.iter().all(|voice| is_on_grid(voice, &ruler)) {
        fit_changes(&mut fitted, score.end_ticks(), &ruler);
        if (&fitted.meters, &fitted.tempos, &fitted.keys) == (&score.meters, &score.tempos, &score.keys) {
            return Cow::Borrowed(score);
        }
        fitted.voices.clone_from(&score.voices);
    } else {
        fitted.voices = score.voices.iter().map(|voice| moved_to_grid(voice, &ruler)).collect();
        let end = fitted.end_ticks();
        fit_changes(&mut fitted, end, &ruler);
    }
    fitted.title.clone_from(&score.title);
    fitted.words.clone_from(&score.words);
    fitted.signs = score.signs.iter().map(|sign| Sign { tick: ruler.on_grid(sign.tick), ..sign.clone() }).collect();
    let repeats = score.repeats.iter().map(|repeat| ruler.on_grid(repeat.start)..ruler.on_grid(repeat.end));
    fitted.repeats = repeats.collect();
    Cow::Owned(fitted)
}

/// Whether [`moved_to_grid`] would change nothing.
fn is_on_grid(voice: &Voice, ruler: &Ruler) -> bool {
    let fits = |note: &Note| {
        let end = note.onset_ticks.saturating_add(note.duration_ticks);
        (STRAIGHT..=LONGEST_NOTE).contains(&note.duration_ticks)
            && ruler.on_grid(note.onset_ticks) == note.onset_ticks
            && ruler.on_grid(end) == end
    };
    voice.notes.is_sorted()
        && voice.notes.iter().all(fits)
        && !have_collisions(&voice.notes)
        && voice.programs == programs_that_sound(&voice.programs, &voice.notes)
}

fn moved_to_grid(voice: &Voice, ruler: &Ruler) -> Voice {
    let mut notes = voice.notes.clone();
    for note in &mut notes {
        let end = ruler.on_grid(note.onset_ticks.saturating_add(note.duration_ticks.min(LONGEST_NOTE)));
        note.onset_ticks = ruler.on_grid(note.onset_ticks);
        let straight_end = note.onset_ticks.saturating_add(STRAIGHT);
        let shortest = if ruler.on_grid(straight_end) == straight_end { STRAIGHT } else { TRIPLET }; // its end is on the grid, too
        note.duration_ticks = end.saturating_sub(note.onset_ticks).max(shortest);
    }
    let notes = without_collisions(notes);
    let programs = programs_that_sound(&voice.programs, &notes);
    Voice { name: voice.name.clone(), channel: voice.channel, programs, notes }
}

/// Tempo changes onto the grid, key changes onto bar lines; those after the last note, which ends at `end`, go.
fn fit_changes(score: &mut Score, end: u32, ruler: &Ruler) {
    if score.tempos.first().is_none_or(|first| first.tick > 0) {
        score.tempos.insert(0, TempoChange { tick: 0, micros_per_beat: DEFAULT_MICROS_PER_BEAT });
    }
    score.tempos.iter_mut().for_each(|change| change.tick = ruler.on_grid(change.tick));
    score.keys.iter_mut().for_each(|change| change.tick = ruler.bar_line(change.tick));
    keep_last_of_each_tick(&mut score.tempos, |change| change.tick);
    keep_last_of_each_tick(&mut score.keys, |change| change.tick);
    score.tempos.dedup_by_key(|change| change.micros_per_beat);
    score.keys.dedup_by_key(|change| change.key);
    let last_line = ruler.bar(end.saturating_sub(1)).1;
    let ends_there = score.meters.iter().any(|change| change.tick == last_line);
    score.meters.retain(|change| change.tick == 0 || change.tick < end);
    let last = score.meters.last().filter(|_| ends_there).map(|last| (last_line.max(last.tick), last.meter));
    score.meters = meters_with_lines(score.meters.iter().map(|change| (change.tick, change.meter)).chain(last));
    score.tempos.retain(|change| change.tick == 0 || change.tick < end);
    score.keys.retain(|change: &KeyChange| change.tick == 0 || change.tick < end);
}

/// The nearest multiple of `grid`; halfway goes up.
fn nearest(tick: u32, grid: u32) -> u32 {
    tick.saturating_add(grid / 2) / grid * grid
}

// ------------------------------------------------------------------------------------------------- metre and tempo

/// Metres that can be written: sensible lengths, on bar lines or sixteenths; a bar that is cut short by another metre gets its
/// own. The same metre again begins a new bar where it stands, and a first bar too short for a metre is a pickup.
fn written_meters(meters: &[MeterChange]) -> Vec<MeterChange> {
    let mut written: Vec<MeterChange> = vec![MeterChange { tick: 0, meter: Meter::COMMON }];
    let mut before = None;
    for (i, change) in meters.iter().enumerate() {
        let sensible = |meter: &Meter| BAR_RANGE.contains(&meter.bar_ticks());
        let next = meters.get(i + 1).filter(|next| i == 0 && next.tick == change.meter.bar_ticks());
        let stated = next.map(|next| next.meter).filter(|_| change.meter.bar_ticks() < *BAR_RANGE.start());
        let stated = stated.unwrap_or(change.meter);
        let meter = Some(stated).filter(sensible).unwrap_or(Meter::COMMON);
        let is_again = before.replace(stated) == Some(stated);
        let Some(&last) = written.last() else { continue };
        if meter == last.meter && change.tick > 0 && !is_again {
            continue;
        }
        let snap = if is_again { STRAIGHT } else { METER_SNAP };
        let (bar, since) = (last.meter.bar_ticks(), change.tick.saturating_sub(last.tick));
        let to_line = nearest(since, bar);
        let since = if to_line.abs_diff(since) <= snap { to_line } else { nearest(since, snap) };
        let (tick, cut) = (last.tick + since, since % bar);
        if cut > 0 && !is_again {
            let meter = Meter::of_bar(cut, 4).unwrap_or(last.meter);
            written.push(MeterChange { tick: tick - cut, meter });
        }
        written.push(MeterChange { tick, meter });
        keep_last_of_each_tick(&mut written, |change| change.tick);
    }
    meters_with_lines(written.iter().map(|change| (change.tick, change.meter)))
}

/// Each tempo where it stands, on 32nds; a beat in which it changes more often gets the one tempo with which it lasts as long.
fn written_tempos(tempos: &[TempoChange]) -> Vec<TempoChange> {
    let mut written: Vec<TempoChange> = Vec::new();
    let mut before = DEFAULT_MICROS_PER_BEAT;
    for changes in tempos.chunk_by(|a, b| a.tick / TICKS_PER_BEAT == b.tick / TICKS_PER_BEAT) {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { continue };
        let start = first.tick / TICKS_PER_BEAT * TICKS_PER_BEAT;
        if changes.len() <= MOST_TEMPOS_A_BEAT {
            let tick = |change: &TempoChange| nearest(change.tick, TICKS_PER_BEAT / 8);
            written.extend(changes.iter().map(|change| TempoChange { tick: tick(change), ..*change }));
        } else {
            let ends = changes.iter().skip(1).map(|next| next.tick).chain([start + TICKS_PER_BEAT]);
            let lasts =
                |(change, end): (&TempoChange, u32)| u64::from(end - change.tick) * u64::from(change.micros_per_beat);
            let micros =
                u64::from(first.tick - start) * u64::from(before) + changes.iter().zip(ends).map(lasts).sum::<u64>();
            written.push(TempoChange { tick: start, micros_per_beat: (micros / u64::from(TICKS_PER_BEAT)) as u32 });
            written.push(TempoChange { tick: start + TICKS_PER_BEAT, ..*last });
        }
        before = last.micros_per_beat;
    }
    written.iter_mut().for_each(|change| change.micros_per_beat = written_micros(change.micros_per_beat));
    keep_last_of_each_tick(&mut written, |change| change.tick);
    written.dedup_by_key(|change| change.micros_per_beat);
    written
}

/// More changes of tempo within a beat are a curve that nobody writes down.
const MOST_TEMPOS_A_BEAT: usize = 2;

/// A beat of a thousandth of a second: more is damage, not a tempo. One of a minute: so does the ABC reader have it.
const MICROS_RANGE: std::ops::RangeInclusive<u32> = 1_000..=60_000_000;

/// A tempo may be off by this part of it: three milliseconds in five minutes.
const TEMPO_TOLERANCE: f64 = 1e-5;

/// Quarter notes per minute, as the text has them.
pub(super) fn bpm_of(micros_per_beat: u32) -> String {
    digits_of(written_micros(micros_per_beat))
}

/// Microseconds per quarter note, as a reader has them from the text.
pub(super) fn written_micros(micros_per_beat: u32) -> u32 {
    let read = |micros: u32| digits_of(micros).parse().map_or(micros, |bpm: f64| (60e6 / bpm).round() as u32);
    (0..8).fold(micros_per_beat, |micros, _| read(micros)) // a rounded tempo may be told in fewer digits yet
}

/// As few digits as tell the tempo.
fn digits_of(micros_per_beat: u32) -> String {
    let exact = 60e6 / f64::from(micros_per_beat.clamp(*MICROS_RANGE.start(), *MICROS_RANGE.end()));
    let tells = |text: &String| text.parse().is_ok_and(|bpm: f64| (bpm / exact - 1.0).abs() <= TEMPO_TOLERANCE);
    (0..=8).map(|digits| format!("{exact:.digits$}")).find(tells).unwrap_or_else(|| exact.to_string())
}

// ------------------------------------------------------------------------------------------------------------ notes

/// Where the bar lines and beats are.
struct Ruler {
    bars: Vec<Bar>,
    /// Whether all bars begin on the straight grid: then every tick that is a multiple of it is on it.
    is_straight: bool,
    /// The bar last asked for: the next question is mostly about the same, or one beside it.
    latest: Cell<usize>,
}

impl Ruler {
    /// Bars by the metres of `score`, up to a little after `end`.
    fn new(score: &Score, end: u32) -> Ruler {
        let last = Note { onset_ticks: end, pitch: 0, duration_ticks: TICKS_PER_BEAT, velocity: 1 };
        let voices = vec![Voice { notes: vec![last], ..Voice::default() }];
        let bars = Score { meters: score.meters.clone(), voices, ..Score::default() }.bars();
        let is_straight = bars.iter().all(|bar| bar.start_ticks.is_multiple_of(STRAIGHT));
        Ruler { bars, is_straight, latest: Cell::new(0) }
    }

    /// Start and end of the bar at `tick`.
    fn bar(&self, tick: u32) -> (u32, u32) {
        let holds_tick = |number: &usize| {
            let bar = self.bars.get(*number);
            bar.is_some_and(|bar| bar.start_ticks <= tick && tick - bar.start_ticks < bar.ticks)
        };
        let latest = self.latest.get();
        let near = [latest, latest + 1, latest.saturating_sub(1)].into_iter().find(holds_tick);
        let number = near.or_else(|| self.bars.partition_point(|bar| bar.start_ticks <= tick).checked_sub(1));
        let bar = number.and_then(|number| {
            self.latest.set(number);
            self.bars.get(number)
        });
        bar.map_or((0, TICKS_PER_BEAT), |bar| (bar.start_ticks, bar.start_ticks.saturating_add(bar.ticks)))
    }

    /// Start and end of the beat at `tick`; the last beat of a bar may be short.
    fn beat(&self, tick: u32) -> (u32, u32) {
        let (start, end) = self.bar(tick);
        let beat = start + tick.saturating_sub(start) / TICKS_PER_BEAT * TICKS_PER_BEAT;
        (beat, (beat + TICKS_PER_BEAT).min(end.max(beat + 1)))
    }

    /// The nearest tick that is a multiple of 30 or 40 from the beat, or the next beat.
    fn on_grid(&self, tick: u32) -> u32 {
        if self.is_straight && tick.is_multiple_of(STRAIGHT) {
            return tick;
        }
        let (start, end) = self.beat(tick);
        let since = tick - start;
        if since.is_multiple_of(STRAIGHT) {
            return tick.min(end);
        }
        let (straight, triplet) = (nearest(since, STRAIGHT), nearest(since, TRIPLET));
        let best = if triplet.abs_diff(since) < straight.abs_diff(since) { triplet } else { straight };
        (start + best).min(end)
    }

    /// The nearest bar line.
    fn bar_line(&self, tick: u32) -> u32 {
        let (start, end) = self.bar(tick);
        if tick - start.min(tick) <= end.saturating_sub(tick) { start } else { end }
    }
}

/// The notes of the voice must be sorted.
fn quantise_voice(voice: Voice, ruler: &Ruler) -> Voice {
    let (onsets, steps) = quantise_onsets(&voice.notes, ruler);
    let mut notes: Vec<Note> = Vec::with_capacity(voice.notes.len());
    for (i, note) in voice.notes.iter().enumerate() {
        let onset = onsets[i];
        let next = onsets[i..].iter().copied().find(|&later| later > onset); // onsets rise, so this is near
        let end = if voice.is_drums() {
            next.unwrap_or(u32::MAX).min(ruler.beat(onset).1) // a drum sounds as long as it likes: no rests within a beat
        } else {
            let chord = notes.iter().rev().take_while(|other| other.onset_ticks == onset);
            let ends = chord.map(|other| other.onset_ticks + other.duration_ticks).chain(next);
            written_end(note, onset, ends, steps[i], ruler)
        };
        notes.push(Note { onset_ticks: onset, duration_ticks: end.saturating_sub(onset).max(STRAIGHT), ..*note });
    }
    let notes = without_collisions(notes);
    let programs = programs_that_sound(&voice.programs, &notes);
    Voice { programs, notes, ..voice }
}

/// The written onset of each note (they keep their order), and the finest step of its beat.
fn quantise_onsets(notes: &[Note], ruler: &Ruler) -> (Vec<u32>, Vec<u32>) {
    let (mut onsets, mut steps) = (Vec::with_capacity(notes.len()), Vec::with_capacity(notes.len()));
    let mut rest = notes;
    while let Some(first) = rest.first() {
        let (start, end) = ruler.beat(first.onset_ticks);
        let n = rest.iter().take_while(|note| note.onset_ticks < end).count().max(1);
        let (beat, later) = rest.split_at(n);
        let grid = grid_of(beat.iter().map(|note| note.onset_ticks - start));
        for note in beat {
            onsets.push((start + nearest(note.onset_ticks - start, grid)).min(end));
            steps.push(if grid == 160 || grid == 80 || grid == TRIPLET { TRIPLET } else { STRAIGHT });
        }
        rest = later;
    }
    (onsets, steps)
}

/// The simplest grid that moves none of these times (since the beat) too far.
fn grid_of(times: impl Iterator<Item = u32> + Clone) -> u32 {
    let fits =
        |&&(grid, tolerance): &&(u32, u32)| times.clone().all(|time| nearest(time, grid).abs_diff(time) <= tolerance);
    GRIDS.iter().find(fits).map_or(STRAIGHT, |&(grid, _)| grid)
}

/// Where a note ends on paper: at one of the `known` ends (of its chord, and at the next onset) or else at the simplest
/// place, if near enough.
fn written_end(note: &Note, onset: u32, known: impl Iterator<Item = u32>, step: u32, ruler: &Ruler) -> u32 {
    let duration = note.duration_ticks.min(LONGEST_NOTE);
    let end = onset.saturating_add(duration); // a note that is moved keeps its length
    let tolerance = (duration / 5).max(END_TOLERANCE);
    let near = |place: &u32| place.abs_diff(end) <= tolerance && *place > onset && *place - onset <= LONGEST_NOTE;
    let known = known.filter(near).min_by_key(|place| place.abs_diff(end));
    if let Some(place) = known {
        return place;
    }
    let (start, limit) = ruler.beat(end);
    let same_beat = start <= onset;
    let grids: &[u32] =
        if same_beat && step == TRIPLET { &[480, 160, 80, TRIPLET] } else { &[480, 240, 120, 60, STRAIGHT] };
    let places = grids.iter().map(|&grid| (start + nearest(end - start, grid)).min(limit));
    places.into_iter().find(near).unwrap_or(onset + step).max(onset + step)
}
