//! One voice as staff notation: clef, key and metre signatures, notes with beams, rests, ties and triplets.
//!
//! Lengths are in spaces, the distance of two staff lines; heights count half spaces upwards from the lowest line.

use super::canvas::{At, Canvas};
use super::engraving::{self, Measure, Symbol};
use super::look::{self, AXIS, INK, TICK_SIZE};
use super::note_groups::{beam_groups, draw_group, draw_triplets};
use super::piano_roll::pitch_name;
use super::{Figure, Kind, Numbers, Options, Picture, ornaments};
use crate::music::{Key, Meter, Score, SignKind, TICKS_PER_BEAT, TempoChange, Voice};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Points from one staff line to the next.
pub(super) const SPACE: f64 = 5.6;
/// From the top line of a system to the top line of the next.
const SYSTEM_HEIGHT: f64 = 13.0 * SPACE;
const MOST_SYSTEMS: usize = 12;
const MARGIN_RIGHT: f64 = 6.0;
const LEFT: f64 = 4.0;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Staff {
    page: Score,
}

/// The first voice with pitches (not drums) as sheet music: what is repeated stands once, between repeat signs. At most twelve
/// lines, then it says how much is left out.
pub fn staff(score: &Score) -> Figure {
    Figure::new(Kind::Staff(Staff { page: score.page().into_owned() }))
}

/// One line of music.
pub(super) struct System {
    /// Height of the top line, in points.
    pub top: f64,
    /// Diatonic step of the lowest line.
    pub bottom_step: i32,
}

impl System {
    /// Height of a diatonic step.
    pub fn y(&self, step: i32) -> f64 {
        self.top + 4.0 * SPACE - f64::from(step - self.bottom_step) * SPACE / 2.0
    }

    pub fn middle_step(&self) -> i32 {
        self.bottom_step + 4
    }
}

const TREBLE_BOTTOM: i32 = 30; // E4
const BASS_BOTTOM: i32 = 18; // G2

impl Picture for Staff {
    fn draw(&self, _options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let (index, voice) = self.voice()?;
        let measures = engraving::measures(&self.page, voice);
        let mut system = System { top: top + 5.0 * SPACE, bottom_step: clef(voice) };
        let lines = lines(&measures, canvas.width - MARGIN_RIGHT);
        for line in lines.iter().take(MOST_SYSTEMS) {
            draw_line(canvas, &system, line);
            system.top += SYSTEM_HEIGHT;
        }
        let left_out: usize = lines.iter().skip(MOST_SYSTEMS).map(|line| line.len()).sum();
        let mut notes = Vec::new();
        if left_out > 0 {
            notes.push(format!("{left_out} more bars are not shown"));
        }
        if self.page.voices.len() > 1 {
            notes.push(format!("voice {} of {}", index + 1, self.page.voices.len()));
        }
        let bottom = system.top - SYSTEM_HEIGHT + 8.5 * SPACE;
        canvas.text((LEFT, bottom + 6.0), notes.join(" · "), look::text(TICK_SIZE, AXIS));
        Ok(bottom + if notes.is_empty() { 0.0 } else { 12.0 })
    }

    fn numbers(&self, _options: &Options) -> Numbers {
        let mut numbers = Numbers::new(&["onset_beats", "duration_beats", "pitch", "pitch_name"]);
        let beats = |ticks: u32| (f64::from(ticks) / f64::from(TICKS_PER_BEAT)).to_string();
        for note in self.voice().map(|(_, voice)| voice.notes.as_slice()).unwrap_or_default() {
            numbers.row([
                beats(note.onset_ticks),
                beats(note.duration_ticks),
                note.pitch.to_string(),
                pitch_name(note.pitch),
            ]);
        }
        numbers
    }
}

impl Staff {
    fn voice(&self) -> Result<(usize, &Voice)> {
        const MOST_BEATS: u32 = 100_000;
        let message = "staff notation needs a voice with pitches: this score has none that is not drums";
        let missing = || Error::Figure(message.into());
        if self.page.end_ticks() / TICKS_PER_BEAT > MOST_BEATS {
            return Err(Error::Figure(format!(
                "staff notation of more than {MOST_BEATS} beats cannot be read: cut the score first"
            )));
        }
        self.page
            .voices
            .iter()
            .enumerate()
            .find(|(_, voice)| !voice.is_drums() && !voice.notes.is_empty())
            .ok_or_else(missing)
    }
}

/// The lowest line's step: the treble clef where most notes lie above middle C.
fn clef(voice: &Voice) -> i32 {
    let mut pitches: Vec<u8> = voice.notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    let median = pitches.get(pitches.len() / 2).copied().unwrap_or(60);
    if median >= 59 { TREBLE_BOTTOM } else { BASS_BOTTOM }
}

/// Bars in lines: as many as fit at their natural width.
fn lines(measures: &[Measure], right: f64) -> Vec<Vec<&Measure>> {
    let mut lines: Vec<Vec<&Measure>> = Vec::new();
    let mut left = 0.0;
    for measure in measures {
        let needed = width(measure);
        match lines.last_mut().filter(|_| needed <= left) {
            Some(line) => line.push(measure),
            None => {
                left = right - LEFT - head_width(measure.key);
                lines.push(vec![measure]);
            }
        }
        left -= needed;
    }
    lines
}

/// Room for clef and key at the beginning of a line.
fn head_width(key: Key) -> f64 {
    (3.8 + key_width(key)) * SPACE
}

/// Spaces that a key signature takes.
fn key_width(key: Key) -> f64 {
    0.95 * f64::from(key.fifths.unsigned_abs())
}

/// Natural width of a bar in points.
fn width(measure: &Measure) -> f64 {
    (opening(measure) + measure.symbols.iter().map(room).sum::<f64>() + closing(measure)) * SPACE
}

/// Spaces before the notes of a bar: for a change of key, the metre, a repeat sign.
fn opening(measure: &Measure) -> f64 {
    let key = measure.old_key.map_or(0.0, |old| 0.8 + key_width(shown_key(old, measure.key).0));
    1.3 + key + if measure.new_meter { 2.4 } else { 0.0 } + if measure.repeats { 1.5 } else { 0.0 }
}

/// Spaces behind the notes of a bar.
fn closing(measure: &Measure) -> f64 {
    match measure.closes {
        Some(SignKind::RepeatEnds(_)) => 1.6,
        Some(_) => 0.8,
        None => 0.3,
    }
}

fn draw_line(canvas: &mut Canvas, system: &System, measures: &[&Measure]) {
    let Some((first, last)) = measures.first().zip(measures.last()) else { return };
    let head = head_width(first.key);
    let room = canvas.width - MARGIN_RIGHT - LEFT - head;
    let natural: f64 = measures.iter().map(|measure| width(measure)).sum();
    let stretch = if last.closes.is_some() && natural < 0.7 * room { 1.0 } else { room / natural.max(1.0) };
    for i in 0..5 {
        let y = system.top + f64::from(i) * SPACE;
        canvas.line(vec![(LEFT, y), (LEFT + head + natural * stretch, y)], AXIS, 0.6);
    }
    if system.bottom_step == TREBLE_BOTTOM {
        ornaments::treble_clef(canvas, (LEFT + 1.7 * SPACE, system.y(TREBLE_BOTTOM + 2)));
    } else {
        ornaments::bass_clef(canvas, (LEFT + 0.9 * SPACE, system.y(BASS_BOTTOM + 6)));
    }
    draw_key(canvas, system, LEFT + 3.7 * SPACE, (first.key, first.key.fifths.signum()));
    let mut left = LEFT + head;
    for (i, measure) in measures.iter().enumerate() {
        let right = left + width(measure) * stretch;
        draw_measure(canvas, system, measure, (left, right));
        let meets_repeat = measures.get(i + 1).is_some_and(|next| next.repeats);
        if measure.closes.is_some() || !meets_repeat {
            draw_bar_line(canvas, system, right, -1.0, measure.closes.as_ref());
        }
        left = right;
    }
}

/// The signs of a key change: those of the new key, or naturals where that has none.
fn shown_key(old: Key, new: Key) -> (Key, i8) {
    if new.fifths == 0 { (old, 0) } else { (new, new.fifths.signum()) }
}

/// A key signature from `x` on, of sharps (1), flats (-1) or naturals (0).
fn draw_key(canvas: &mut Canvas, system: &System, mut x: f64, (key, sign): (Key, i8)) {
    for letter in engraving::key_letters(key.fifths) {
        // the usual places: sharps between G4 (A4) and G5, flats a little lower, two octaves less one step for the bass
        let lowest = if key.fifths > 0 { 33 } else { 31 } - if system.bottom_step == TREBLE_BOTTOM { 0 } else { 14 };
        let step = lowest + (letter - lowest).rem_euclid(7);
        ornaments::sign(canvas, (x, system.y(step)), sign.into());
        x += 0.95 * SPACE;
    }
}

/// A bar line at `x`; what is more than a thin line lies to the left (`side` -1) or to the right (1) of it.
fn draw_bar_line(canvas: &mut Canvas, system: &System, x: f64, side: f64, kind: Option<&SignKind>) {
    let lines: &[(f64, f64)] = match kind {
        Some(SignKind::Double) => &[(0.45, 0.9), (3.6, 0.9)],
        Some(_) => &[(1.1, 2.2), (4.6, 0.9)],
        None => &[(0.45, 0.9)],
    };
    for (offset, thickness) in lines {
        let x = x + side * offset;
        canvas.line(vec![(x, system.top), (x, system.top + 4.0 * SPACE)], INK, *thickness);
    }
    if matches!(kind, Some(SignKind::RepeatEnds(_) | SignKind::RepeatBegins)) {
        for line in [1.5, 2.5] {
            ornaments::spot(canvas, (x + side * 8.0, system.top + line * SPACE), 0.22);
        }
    }
}

/// What stands between the bar line and the notes; returns where the notes begin.
fn draw_opening(canvas: &mut Canvas, system: &System, measure: &Measure, left: f64) -> f64 {
    let mut x = left;
    if let Some(old) = measure.old_key {
        let shown = shown_key(old, measure.key);
        draw_key(canvas, system, x + 1.2 * SPACE, shown);
        x += (0.8 + key_width(shown.0)) * SPACE;
    }
    if measure.new_meter {
        let look = look::text(2.75 * SPACE, INK).bold().middle();
        let Meter { numerator, denominator } = measure.bar.meter;
        canvas.text((x + 1.5 * SPACE, system.top + 2.0 * SPACE), numerator.to_string(), look);
        canvas.text((x + 1.5 * SPACE, system.top + 4.0 * SPACE), denominator.to_string(), look);
        x += 2.4 * SPACE;
    }
    if measure.repeats {
        draw_bar_line(canvas, system, x, 1.0, Some(&SignKind::RepeatBegins));
        x += 1.5 * SPACE;
    }
    x + 1.3 * SPACE
}

/// Spaces that a symbol takes: a sixteenth two, longer ones more, though less than in proportion; signs before it extra.
fn room(symbol: &Symbol) -> f64 {
    let sixteenths = f64::from(symbol.value.ticks()) / 120.0;
    let sign = if symbol.heads.iter().any(|head| head.sign.is_some()) { 1.0 } else { 0.0 };
    2.0 * sixteenths.max(0.5).powf(0.42) + sign
}

fn draw_measure(canvas: &mut Canvas, system: &System, measure: &Measure, (left, right): (f64, f64)) {
    let rooms: f64 = measure.symbols.iter().map(room).sum();
    let mut x = draw_opening(canvas, system, measure, left);
    let unit = (right - closing(measure) * SPACE - x) / rooms.max(1.0);
    let mut placed: Vec<(f64, &Symbol)> = Vec::new();
    for symbol in &measure.symbols {
        let sign = if symbol.heads.iter().any(|head| head.sign.is_some()) { unit } else { 0.0 };
        placed.push((x + sign, symbol));
        x += room(symbol) * unit;
    }
    draw_above(canvas, system, measure, &placed, (left, right));
    if let [(x, only)] = placed.as_slice()
        && only.heads.is_empty()
    {
        ornaments::rest(canvas, system, (x + right) / 2.0, 0, false);
        return;
    }
    for group in beam_groups(&placed, measure) {
        draw_group(canvas, system, group);
    }
    for (i, (x, symbol)) in placed.iter().enumerate().filter(|(_, (_, symbol))| symbol.tied) {
        let to = placed.get(i + 1).map_or(right + 0.6 * SPACE, |next| next.0);
        for head in &symbol.heads {
            let below = head.step < system.middle_step();
            ornaments::tie(canvas, (x + 0.7 * SPACE, system.y(head.step)), to - 0.5 * SPACE, below);
        }
    }
    draw_triplets(canvas, system, &placed);
}

/// Tempo and the bracket of an ending.
fn draw_above(
    canvas: &mut Canvas,
    system: &System,
    measure: &Measure,
    placed: &[(f64, &Symbol)],
    (left, right): (f64, f64),
) {
    let steps = measure.symbols.iter().flat_map(|symbol| &symbol.heads).map(|head| head.step);
    let highest = steps.max().map_or(system.top, |step| system.y(step)).min(system.top);
    let mut y = highest - 2.0 * SPACE;
    if let Some(volta) = &measure.volta {
        y -= SPACE;
        let from = placed.iter().find(|(_, symbol)| symbol.start >= volta.start && volta.start > 0);
        let continues = if volta.passes.is_empty() { -1.0 } else { 1.0 };
        let from = from.map_or(left + continues, |(x, _)| x - SPACE);
        let mut corners = vec![(from, y), (right - 1.0, y)];
        if !volta.passes.is_empty() {
            corners.insert(0, (from, y + 1.6 * SPACE));
            canvas.text((from + 0.5 * SPACE, y + 1.6 * SPACE), format!("{}.", volta.passes), look::text(10.0, INK));
        }
        corners.extend(volta.ends.then_some((right - 1.0, y + 1.6 * SPACE)));
        canvas.line(corners, INK, 0.8);
        y -= 0.8 * SPACE;
    }
    if let Some(tempo) = measure.tempo {
        let x = if tempo.tick == 0 { LEFT } else { left };
        draw_tempo(canvas, (x, if tempo.tick == 0 { system.top - 2.4 * SPACE } else { y }), measure.bar.meter, tempo);
    }
}

/// Beats a minute: of quarters, in compound time of dotted quarters, over a two of halves.
fn draw_tempo(canvas: &mut Canvas, at: At, meter: Meter, tempo: TempoChange) {
    let (halvings, dotted, beats) = match meter {
        Meter { numerator: 6 | 9 | 12 | 15, denominator: 8 } => (2, true, 1.5),
        Meter { denominator: 2, .. } => (1, false, 2.0),
        _ => (2, false, 1.0),
    };
    let head = (at.0 + 0.7 * SPACE, at.1 - 0.5 * SPACE);
    ornaments::head(canvas, head, halvings);
    canvas.line(vec![(head.0 + 0.58 * SPACE, head.1), (head.0 + 0.58 * SPACE, head.1 - 2.6 * SPACE)], INK, 0.9);
    if dotted {
        ornaments::spot(canvas, (head.0 + 1.2 * SPACE, head.1), 0.22);
    }
    let per_minute = 60e6 / f64::from(tempo.micros_per_beat.max(1)) / beats;
    canvas.text((at.0 + 2.6 * SPACE, at.1), format!("= {per_minute:.0}"), look::text(TICK_SIZE, INK));
}
