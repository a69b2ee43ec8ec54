//! What can be measured in one tune, by published definitions; the same for generated tunes and for people's.
//!
//! - `muspy`: the set of MusPy (Dong et al., ISMIR 2020), with the groove of Wu and Yang (ISMIR 2020) beside it.
//! - `mgeval`: the set of MGEval (Yang and Lerch, Neural Computing and Applications 32, 2020).
//! - `structure`: what comes back in a tune.
//!
//! A value that a tune has not (the groove of a single bar, the scale of drums alone) is `None`. Time is that of playing, as in
//! a MIDI file; only `structure` looks at the page, where a repeated part stands once.

mod mgeval;
mod muspy;
pub(super) mod structure;

use crate::music::{Key, Note, Score};
use serde::{Deserialize, Serialize};

/// Shares of twelve classes, which sum to 1; all 0 where there was nothing to count.
pub type Histogram = [f64; 12];
/// Shares of the transitions from row to column, which sum to 1 over the whole matrix; all 0 where there are none.
pub type Transitions = [[f64; 12]; 12];

/// What can be measured in a tune. Drums have no pitch: where it is about pitches they are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Voices that have notes.
    pub n_voices: usize,
    /// Notes of all voices.
    pub n_notes: usize,
    /// Bars up to the last note's end.
    pub n_bars: usize,
    /// n_notes / n_bars, all voices together; 0 without bars.
    pub notes_per_bar: f64,
    /// Semitones from the lowest to the highest pitch; 0 without one.
    pub pitch_range: f64,
    /// Different pitches.
    pub n_pitches: usize,
    /// Different pitch classes, at most 12.
    pub n_pitch_classes: usize,
    /// How many pitches sound at a time, on average over the time in which one does.
    pub polyphony: Option<f64>,
    /// Share of the time up to the end of the tune in which more than two pitches sound.
    pub polyphony_rate: Option<f64>,
    /// MusPy's pitch-in-scale rate for the declared key: share of notes in the seven pitch classes of the key signature in force.
    pub in_scale_share: Option<f64>,
    /// The largest share of notes in one of the 24 major and natural minor scales, whatever key is declared.
    pub scale_consistency: Option<f64>,
    /// H = -Σ p·log₂ p over the 128 pitches, in bits.
    pub pitch_entropy: Option<f64>,
    /// The same over the twelve pitch classes: 0 for one class, 2.81 for an even diatonic scale, at most 3.58.
    pub pitch_class_entropy: Option<f64>,
    /// Share of beats (quarter notes) in which nothing sounds.
    pub empty_beat_rate: Option<f64>,
    /// Share of bars in which nothing sounds.
    pub empty_measure_rate: Option<f64>,
    /// 1 - mean Hamming distance of the onset patterns of neighbouring bars, as in MusPy.
    pub groove_consistency: Option<f64>,
    /// The same over all pairs of bars, as in Wu and Yang.
    pub groove_similarity: Option<f64>,
    /// Beats between the onsets of consecutive notes of all voices together; notes of a chord are 0 apart.
    pub mean_inter_onset_beats: Option<f64>,
    /// Semitones between consecutive notes of a voice, up or down.
    pub mean_pitch_interval: Option<f64>,
    /// Share of the bars on the page that are, note for note, an earlier one.
    pub repeated_bar_share: Option<f64>,
    /// Share of the playing time that repeat signs play again.
    pub repeat_sign_rate: Option<f64>,
    /// Mean similarity of two bars of the page: notes in both / notes in either.
    pub bar_self_similarity: Option<f64>,
    /// Bytes of the notes on the page after deflate / before: the smaller, the more comes back; long tunes have smaller ones.
    pub compression_ratio: Option<f64>,
    /// Sounding time of the pitch classes, C first.
    pub pitch_class_histogram: Histogram,
    /// Pitch classes of notes that follow each other.
    pub pitch_class_transitions: Transitions,
    /// Lengths of notes, in the order of [`NOTE_LENGTHS`].
    pub note_length_histogram: Histogram,
    /// Lengths of notes that follow each other in a voice.
    pub note_length_transitions: Transitions,
}

pub use mgeval::NOTE_LENGTHS;

/// A feature that is one number.
#[derive(Debug, Clone, Copy)]
pub struct Scalar {
    /// As the field is called.
    pub name: &'static str,
    /// What it is counted in; `share` is between 0 and 1.
    pub unit: &'static str,
    /// Reads it.
    pub of: fn(&Features) -> Option<f64>,
}

macro_rules! scalars {
    ($($name:ident: $unit:literal, $of:expr;)*) => {
        [$(Scalar { name: stringify!($name), unit: $unit, of: $of }),*]
    };
}

/// Every feature that is one number, in the order of tables and figures.
pub const SCALARS: [Scalar; 22] = scalars! {
    n_notes: "notes", |f| Some(f.n_notes as f64);
    n_bars: "bars", |f| Some(f.n_bars as f64);
    notes_per_bar: "notes", |f| Some(f.notes_per_bar);
    pitch_range: "semitones", |f| Some(f.pitch_range);
    n_pitches: "pitches", |f| Some(f.n_pitches as f64);
    n_pitch_classes: "pitch classes", |f| Some(f.n_pitch_classes as f64);
    polyphony: "pitches", |f| f.polyphony;
    polyphony_rate: "share", |f| f.polyphony_rate;
    in_scale_share: "share", |f| f.in_scale_share;
    scale_consistency: "share", |f| f.scale_consistency;
    pitch_entropy: "bits", |f| f.pitch_entropy;
    pitch_class_entropy: "bits", |f| f.pitch_class_entropy;
    empty_beat_rate: "share", |f| f.empty_beat_rate;
    empty_measure_rate: "share", |f| f.empty_measure_rate;
    groove_consistency: "share", |f| f.groove_consistency;
    groove_similarity: "share", |f| f.groove_similarity;
    mean_inter_onset_beats: "beats", |f| f.mean_inter_onset_beats;
    mean_pitch_interval: "semitones", |f| f.mean_pitch_interval;
    repeated_bar_share: "share", |f| f.repeated_bar_share;
    repeat_sign_rate: "share", |f| f.repeat_sign_rate;
    bar_self_similarity: "share", |f| f.bar_self_similarity;
    compression_ratio: "ratio", |f| f.compression_ratio;
};

impl Features {
    /// Measures a tune.
    pub fn of(score: &Score) -> Features {
        let (n_notes, n_bars, page) = (score.n_notes(), score.n_bars(), score.page());
        let pitched = pitched_notes(score);
        let (polyphony, polyphony_rate) = muspy::polyphony(&pitched, score.end_ticks());
        let (groove_consistency, groove_similarity) = muspy::groove(score);
        let bars = structure::bars(&page);
        Features {
            n_voices: score.voices.iter().filter(|voice| !voice.notes.is_empty()).count(),
            n_notes,
            n_bars,
            notes_per_bar: ratio(n_notes, n_bars).unwrap_or(0.0),
            pitch_range: muspy::pitch_range(&pitched),
            n_pitches: muspy::n_different(pitched.iter().map(|note| note.pitch)),
            n_pitch_classes: muspy::n_different(pitched.iter().map(|note| note.pitch % 12)),
            polyphony,
            polyphony_rate,
            in_scale_share: muspy::in_scale_share(&pitched, |tick| key_at(score, tick)),
            scale_consistency: muspy::scale_consistency(&pitched),
            pitch_entropy: muspy::entropy(pitched.iter().map(|note| note.pitch)),
            pitch_class_entropy: muspy::entropy(pitched.iter().map(|note| note.pitch % 12)),
            empty_beat_rate: muspy::empty_beat_rate(score),
            empty_measure_rate: muspy::empty_measure_rate(score),
            groove_consistency,
            groove_similarity,
            mean_inter_onset_beats: mgeval::mean_inter_onset_beats(&pitched),
            mean_pitch_interval: mgeval::mean_pitch_interval(score),
            repeated_bar_share: structure::repeated_bar_share(&bars),
            repeat_sign_rate: structure::repeat_sign_rate(score),
            bar_self_similarity: structure::bar_self_similarity(&bars),
            compression_ratio: structure::compression_ratio(&page),
            pitch_class_histogram: mgeval::pitch_class_histogram(&pitched),
            pitch_class_transitions: mgeval::pitch_class_transitions(score),
            note_length_histogram: mgeval::note_length_histogram(score),
            note_length_transitions: mgeval::note_length_transitions(score),
        }
    }

    /// Name, unit and value of every feature that is one number.
    pub fn scalars(&self) -> [(&'static str, &'static str, Option<f64>); SCALARS.len()] {
        SCALARS.map(|scalar| (scalar.name, scalar.unit, (scalar.of)(self)))
    }
}

fn pitched_notes(score: &Score) -> Vec<Note> {
    let melodic = score.voices.iter().filter(|voice| !voice.is_drums());
    melodic.flat_map(|voice| voice.notes.iter().copied()).collect()
}

fn end_ticks(note: &Note) -> u32 {
    note.onset_ticks.saturating_add(note.duration_ticks)
}

fn key_at(score: &Score, tick: u32) -> Key {
    score.keys.iter().rev().find(|change| change.tick <= tick).map_or(score.key(), |change| change.key)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_usize, 0.0), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::abc;

    /// A tune in 4/4 whose unit is a quarter note.
    pub fn score(header: &str, music: &str) -> Score {
        abc::parse(&format!("X:1\nM:4/4\nL:1/4\n{header}\n{music}\n")).unwrap()
    }

    pub fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?} is not {expected}");
    }

    #[test]
    fn counts_of_a_scale_of_g_major() {
        let found = Features::of(&score("K:G", "GABc|defg|"));
        assert_eq!((found.n_voices, found.n_notes, found.n_bars, found.notes_per_bar), (1, 8, 2, 4.0));
    }

    #[test]
    fn nothing_has_no_features_and_is_written_as_json_all_the_same() {
        let found = Features::of(&Score::default());
        assert_eq!((found.n_notes, found.pitch_range, found.notes_per_bar), (0, 0.0, 0.0));
        let n_defined = found.scalars().iter().filter(|(_, _, value)| value.is_some()).count();
        assert_eq!(n_defined, 6, "only the counts are defined");
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Features>(&json).unwrap(), found);
    }

    #[test]
    fn scalars_are_called_as_the_fields_are() {
        let json = serde_json::to_value(Features::of(&score("K:G", "GABc|defg|"))).unwrap();
        assert!(SCALARS.iter().all(|scalar| json.get(scalar.name).is_some()));
    }
}
