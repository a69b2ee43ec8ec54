//! A score as a piano roll: time in beats to the right, pitch upwards, one colour a voice, drums in a strip below.

use super::arcs::{LEAST_SHOWN, N_POINTS, WIDEST};
use super::axes::human;
use super::canvas::Canvas;
use super::look::{self, AXIS, Colour, GRID, INK, LABEL_SIZE, TICK_SIZE};
use super::{Figure, Kind, Numbers, Options, Picture};
use crate::models::Family;
use crate::music::{Note, Score, TICKS_PER_BEAT, Voice};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PianoRoll {
    score: Score,
    /// How much each note of the first voice looks at each, 0 to 1; none on an ordinary roll.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    arcs: Vec<Vec<f64>>,
}

/// The whole score; `.x_range(0.0, 32.0)` shows its first 32 beats.
pub fn piano_roll(score: &Score) -> Figure {
    piano_roll_with_arcs(score, [])
}

/// With an arc from each note of its first voice to the one that it looks at most: `weights[i][j]` is how much note i looks at note j, 0 to
/// 1, drawn as in [`super::arcs()`].
pub fn piano_roll_with_arcs(score: &Score, weights: impl AsRef<[Vec<f64>]>) -> Figure {
    Figure::new(Kind::PianoRoll(PianoRoll { score: score.clone(), arcs: weights.as_ref().to_vec() }))
}

/// More beats than this are not drawn at once: half an hour of music would be one grey block.
const MOST_BEATS: f64 = 4096.0;
const DRUM_ROW: f64 = 13.0;
const OCTAVE: u8 = 12;
/// Above the notes, in points.
const ROOM_FOR_ARCS: f64 = 70.0;

/// Where beats and pitches lie, in points.
struct Roll {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    beats: (f64, f64),
    pitches: (u8, u8),
}

impl Roll {
    fn x(&self, beat: f64) -> f64 {
        let (low, high) = self.beats;
        self.left + (self.right - self.left) * ((beat - low) / (high - low)).clamp(0.0, 1.0)
    }

    fn row_height(&self) -> f64 {
        (self.bottom - self.top) / f64::from(self.pitches.1 - self.pitches.0 + 1)
    }

    /// Upper edge of a pitch's row.
    fn y(&self, pitch: u8) -> f64 {
        self.top + self.row_height() * f64::from(self.pitches.1.saturating_sub(pitch))
    }

    fn shows(&self, onset: f64, end: f64) -> bool {
        end > self.beats.0 && onset < self.beats.1
    }
}

impl Picture for PianoRoll {
    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let beats = self.beats(options)?;
        let legend_bottom = self.draw_names(canvas, top);
        let pitches = self.pitches();
        let has_pitches = self.pitched().any(|(_, voice)| !voice.notes.is_empty());
        let legend_bottom = if self.arcs.is_empty() { legend_bottom } else { legend_bottom + ROOM_FOR_ARCS };
        let height = if has_pitches { options.frame_height.unwrap_or(220.0).clamp(60.0, 2000.0) } else { 0.0 };
        let bottom = legend_bottom + height;
        let roll = Roll { left: 48.0, right: canvas.width - 14.0, top: legend_bottom, bottom, beats, pitches };
        let drums = self.drum_rows();
        let drums_top = if drums.is_empty() { bottom } else { bottom + 8.0 };
        let end = drums_top + DRUM_ROW * drums.len() as f64;
        if has_pitches {
            draw_keys(canvas, &roll);
        }
        let bars = self.bar_beats(beats);
        for beat in bars.iter().step_by(bars.len().div_ceil(60).max(1)) {
            canvas.line(vec![(roll.x(*beat), roll.top), (roll.x(*beat), end)], GRID.towards(AXIS, 0.25), 0.7);
        }
        for (index, voice) in self.pitched() {
            let colour = if self.arcs.is_empty() { look::category_colour(index) } else { AXIS };
            draw_notes(canvas, &roll, voice, colour);
        }
        self.draw_arcs(canvas, &roll);
        self.draw_drums(canvas, &roll, &drums, drums_top);
        canvas.line(vec![(roll.left, end), (roll.right, end)], AXIS, 1.0);
        for beat in bars.iter().step_by(bars.len().div_ceil(9).max(1)) {
            canvas.line(vec![(roll.x(*beat), end), (roll.x(*beat), end + 4.0)], AXIS, 1.0);
            canvas.text((roll.x(*beat), end + 16.5), human(*beat), look::text(TICK_SIZE, AXIS).middle());
        }
        let label = options.x.label.as_deref().unwrap_or("Beats (vertical lines: bars)");
        canvas.text(((roll.left + roll.right) / 2.0, end + 33.0), label, look::text(LABEL_SIZE, INK).middle());
        Ok(end + 41.0)
    }

    fn numbers(&self, _options: &Options) -> Numbers {
        if !self.arcs.is_empty() {
            return self.numbers_of_arcs();
        }
        let mut numbers =
            Numbers::new(&["voice", "name", "onset_beats", "duration_beats", "pitch", "pitch_name", "velocity"]);
        for (i, voice) in self.score.voices.iter().enumerate() {
            for note in &voice.notes {
                let sound = if voice.is_drums() { drum_name(note.pitch).to_string() } else { pitch_name(note.pitch) };
                let (onset, duration) = (beats_of(note.onset_ticks), beats_of(note.duration_ticks));
                numbers.row([
                    (i + 1).to_string(),
                    voice_name(i, voice),
                    onset.to_string(),
                    duration.to_string(),
                    note.pitch.to_string(),
                    sound,
                    note.velocity.to_string(),
                ]);
            }
        }
        numbers
    }
}

impl PianoRoll {
    fn pitched(&self) -> impl Iterator<Item = (usize, &Voice)> {
        self.score.voices.iter().enumerate().filter(|(_, voice)| !voice.is_drums())
    }

    fn beats(&self, options: &Options) -> Result<(f64, f64)> {
        let (low, high) = options.x.range.unwrap_or((0.0, beats_of(self.score.end_ticks())));
        let message = if self.score.n_notes() == 0 {
            "a piano roll needs notes: this score has none".to_string()
        } else if !(low.is_finite() && high.is_finite() && low >= 0.0 && low < high) {
            format!("beats {low} to {high} of a piano roll do not work: give two beats, the smaller first")
        } else if high - low > MOST_BEATS {
            format!(
                "{} beats are too many for one piano roll: show at most {MOST_BEATS} with .x_range(first, last)",
                high - low
            )
        } else {
            return Ok((low, high));
        };
        Err(Error::Figure(message))
    }

    /// The lowest and highest pitch, at least an octave apart.
    fn pitches(&self) -> (u8, u8) {
        let pitches = || self.pitched().flat_map(|(_, voice)| &voice.notes).map(|note| note.pitch.min(127));
        let (low, high) = (pitches().min().unwrap_or(60), pitches().max().unwrap_or(72));
        let missing = OCTAVE.saturating_sub(high - low) / 2;
        (low.saturating_sub(1 + missing), high.saturating_add(1 + missing).min(127))
    }

    /// The voices' names in their colours, as many lines as they need.
    fn draw_names(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let names: Vec<(usize, String)> = self.pitched().map(|(i, voice)| (i, voice_name(i, voice))).collect();
        if names.len() < 2 {
            return top + 6.0;
        }
        let (mut x, mut y) = (48.0, top + 11.0);
        for (index, name) in names {
            let name = look::shorten(&name, LABEL_SIZE, 150.0);
            let width = look::text_width(&name, LABEL_SIZE, false) + 30.0;
            if x > 48.0 && x + width > canvas.width {
                (x, y) = (48.0, y + 16.0);
            }
            canvas.rectangle((x, y - 8.0), (12.0, 7.0), look::category_colour(index));
            canvas.text((x + 16.0, y), name, look::text(LABEL_SIZE, INK));
            x += width;
        }
        y + 9.0
    }

    /// Where bars begin, within the ends shown; at least the first beat shown.
    fn bar_beats(&self, (low, high): (f64, f64)) -> Vec<f64> {
        if beats_of(self.score.end_ticks()) > 16.0 * MOST_BEATS {
            return vec![low]; // a stray note hours later: its bars cannot be counted in reasonable time
        }
        let starts = self.score.bars().into_iter().map(|bar| beats_of(bar.start_ticks));
        let inside: Vec<f64> = starts.filter(|beat| (low..=high).contains(beat)).collect();
        if inside.is_empty() { vec![low] } else { inside }
    }

    /// (from, to, weight): the other note that each looks at most.
    fn looks(&self) -> Vec<(&Note, &Note, f64)> {
        let notes = self.score.voices.first().map_or(&[][..], |voice| &voice.notes);
        let most = |from: &Note, row: &[f64]| {
            let others = notes.iter().zip(row).filter(|(to, weight)| *to != from && **weight >= LEAST_SHOWN);
            others.max_by(|a, b| a.1.total_cmp(b.1)).map(|(to, weight)| (to, *weight))
        };
        let rows = notes.iter().zip(&self.arcs);
        rows.filter_map(|(from, row)| most(from, row).map(|(to, weight)| (from, to, weight))).collect()
    }

    fn numbers_of_arcs(&self) -> Numbers {
        let mut numbers = Numbers::new(&["from_beat", "from_pitch", "to_beat", "to_pitch", "weight"]);
        for (from, to, weight) in self.looks() {
            let [(beat, pitch), (to_beat, to_pitch)] =
                [from, to].map(|note| (beats_of(note.onset_ticks).to_string(), pitch_name(note.pitch)));
            numbers.row([beat, pitch, to_beat, to_pitch, weight.to_string()]);
        }
        numbers
    }

    /// Each rises the higher the farther it goes.
    fn draw_arcs(&self, canvas: &mut Canvas, roll: &Roll) {
        let place = |note: &Note| {
            let middle = beats_of(note.onset_ticks) + 0.5 * beats_of(note.duration_ticks);
            (roll.x(middle), roll.y(note.pitch))
        };
        let looks = self.looks();
        let farthest = looks.iter().map(|(from, to, _)| (place(from).0 - place(to).0).abs()).fold(1.0, f64::max);
        for (from, to, weight) in looks {
            let (from, to) = (place(from), place(to));
            let level = roll.top - ROOM_FOR_ARCS * (from.0 - to.0).abs() / farthest;
            let point = |k: usize| {
                let along = k as f64 / N_POINTS as f64;
                let rise = (std::f64::consts::PI * along).sin();
                let straight = |from: f64, to: f64| from + (to - from) * along;
                (straight(from.0, to.0), straight(from.1, to.1) * (1.0 - rise) + level * rise)
            };
            canvas.line((0..=N_POINTS).map(point).collect(), look::family_colour(Family::Transformer), WIDEST * weight);
        }
    }

    /// Names of the drum sounds that occur, from the floor up.
    fn drum_rows(&self) -> Vec<&'static str> {
        let mut rows: Vec<(u8, &str)> = Vec::new();
        for note in self.score.voices.iter().filter(|voice| voice.is_drums()).flat_map(|voice| &voice.notes) {
            let name = drum_name(note.pitch);
            if !rows.iter().any(|row| row.1 == name) {
                rows.push((note.pitch, name));
            }
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.0));
        rows.into_iter().map(|row| row.1).collect()
    }

    fn draw_drums(&self, canvas: &mut Canvas, roll: &Roll, rows: &[&str], top: f64) {
        for (i, name) in rows.iter().enumerate() {
            let y = top + DRUM_ROW * i as f64;
            canvas.text((roll.left - 5.0, y + 10.0), *name, look::text(TICK_SIZE, AXIS).end());
            canvas.line(vec![(roll.left, y + DRUM_ROW / 2.0), (roll.right, y + DRUM_ROW / 2.0)], GRID, 0.7);
        }
        let width = ((roll.right - roll.left) / (roll.beats.1 - roll.beats.0) * 0.2).clamp(1.0, 4.0);
        for note in self.score.voices.iter().filter(|voice| voice.is_drums()).flat_map(|voice| &voice.notes) {
            let beat = beats_of(note.onset_ticks);
            let row = rows.iter().position(|name| *name == drum_name(note.pitch)).unwrap_or(0);
            if beat >= roll.beats.0 && beat < roll.beats.1 {
                let y = top + DRUM_ROW * row as f64 + 2.5;
                canvas.rectangle((roll.x(beat), y), (width, DRUM_ROW - 5.0), INK);
            }
        }
    }
}

/// Grey rows for the black keys and the names of the Cs; with little more than an octave, of the white keys.
fn draw_keys(canvas: &mut Canvas, roll: &Roll) {
    let height = roll.row_height();
    let few = roll.pitches.1 - roll.pitches.0 <= 18;
    for pitch in roll.pitches.0..=roll.pitches.1 {
        let (y, key) = (roll.y(pitch), pitch % OCTAVE);
        let black = matches!(key, 1 | 3 | 6 | 8 | 10);
        if black {
            canvas.rectangle((roll.left, y), (roll.right - roll.left, height), Colour(0xF3, 0xF3, 0xF3));
        }
        if key == 0 {
            canvas.line(vec![(roll.left, y + height), (roll.right, y + height)], GRID, 0.7);
        }
        if key == 0 || (few && !black) {
            let baseline = y + height / 2.0 + 0.36 * TICK_SIZE;
            canvas.text((roll.left - 5.0, baseline), pitch_name(pitch), look::text(TICK_SIZE, AXIS).end());
        }
    }
}

fn draw_notes(canvas: &mut Canvas, roll: &Roll, voice: &Voice, colour: Colour) {
    let height = roll.row_height();
    let gap = (height * 0.1).min(0.8);
    for note in &voice.notes {
        let (onset, end) = (beats_of(note.onset_ticks), beats_of(note.onset_ticks) + beats_of(note.duration_ticks));
        if roll.shows(onset, end) {
            let width = (roll.x(end) - roll.x(onset) - 0.7).max(0.8);
            canvas.rectangle((roll.x(onset), roll.y(note.pitch) + gap), (width, height - 2.0 * gap), colour);
        }
    }
}

fn beats_of(ticks: u32) -> f64 {
    f64::from(ticks) / f64::from(TICKS_PER_BEAT)
}

fn voice_name(index: usize, voice: &Voice) -> String {
    let named = voice.name.as_ref().filter(|name| !name.trim().is_empty());
    named.cloned().unwrap_or_else(|| if voice.is_drums() { "Drums".into() } else { format!("Voice {}", index + 1) })
}

/// Scientific pitch notation: 60 is C4, 69 is A4.
pub(super) fn pitch_name(pitch: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
    let name = NAMES.get(usize::from(pitch % OCTAVE)).copied().unwrap_or("C");
    format!("{name}{}", i32::from(pitch / OCTAVE) - 1)
}

/// The instrument of a General MIDI drum sound, similar ones under one name.
fn drum_name(pitch: u8) -> &'static str {
    match pitch {
        35 | 36 => "kick",
        37 | 38 | 40 => "snare",
        39 => "clap",
        41 | 43 | 45 | 47 | 48 | 50 => "toms",
        42 | 44 | 46 => "hi-hat",
        49 | 52 | 55 | 57 => "crash",
        51 | 53 | 59 => "ride",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_c_is_c4_and_concert_pitch_a4() {
        assert_eq!((pitch_name(60), pitch_name(69), pitch_name(0)), ("C4".into(), "A4".into(), "C-1".into()));
    }
}
