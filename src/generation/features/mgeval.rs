//! The set of MGEval: Yang and Lerch, "On the evaluation of generative models in music", Neural Computing and Applications 32
//! (2020), and what its code asks pretty_midi for (Raffel and Ellis 2014). Drums are left out.
//!
//! Where this differs: MGEval looks at one track, here every voice counts and no pair of notes crosses voices; its
//! inter-onset interval is in seconds and its matrices are counts, here beats and shares, so that neither tempo nor length
//! decides; its note lengths are parts of a bar, here of a whole note, so that an eighth is an eighth in 6/8, too.

use super::{Histogram, Transitions, end_ticks, mean};
use crate::music::{Note, Score, TICKS_PER_BEAT, Voice};

const WHOLE_TICKS: f64 = 4.0 * TICKS_PER_BEAT as f64;

/// The classes of note lengths with their parts of a whole note, in MGEval's order.
pub const NOTE_LENGTHS: [(&str, f64); 12] = [
    ("whole", 1.0),
    ("half", 1.0 / 2.0),
    ("quarter", 1.0 / 4.0),
    ("8th", 1.0 / 8.0),
    ("16th", 1.0 / 16.0),
    ("dotted half", 3.0 / 4.0),
    ("dotted quarter", 3.0 / 8.0),
    ("dotted 8th", 3.0 / 16.0),
    ("dotted 16th", 3.0 / 32.0),
    ("half triplet", 1.0 / 3.0),
    ("quarter triplet", 1.0 / 6.0),
    ("8th triplet", 1.0 / 12.0),
];

/// pretty_midi counts a transition where a note begins less than this after or before another ends.
const TRANSITION_SECONDS: f64 = 0.05;

/// (last onset - first onset) / (notes - 1), which is the mean over consecutive notes.
pub fn mean_inter_onset_beats(pitched: &[Note]) -> Option<f64> {
    let onsets = || pitched.iter().map(|note| note.onset_ticks);
    let ticks = f64::from(onsets().max()? - onsets().min()?);
    (pitched.len() > 1).then(|| ticks / f64::from(TICKS_PER_BEAT) / (pitched.len() - 1) as f64)
}

/// Σ |p_{i+1} - p_i| / pairs, over consecutive notes of each voice; those of a chord follow each other from the lowest up.
pub fn mean_pitch_interval(score: &Score) -> Option<f64> {
    let pairs = melodic(score).flat_map(|voice| voice.notes.iter().zip(voice.notes.iter().skip(1)));
    mean(pairs.map(|(a, b)| f64::from(a.pitch.abs_diff(b.pitch))))
}

/// Share of each pitch class in the sounding time of all notes.
pub fn pitch_class_histogram(pitched: &[Note]) -> Histogram {
    let mut ticks = [0.0; 12];
    for note in pitched {
        add(&mut ticks, class(note), f64::from(note.duration_ticks));
    }
    shares(ticks)
}

/// Share of each pair (class of a note, class of a note of the same voice that begins where it ends, give or take 50 ms at the
/// tempo of the start) in all such pairs.
pub fn pitch_class_transitions(score: &Score) -> Transitions {
    let tolerance = (TRANSITION_SECONDS * score.tempo_bpm() / 60.0 * f64::from(TICKS_PER_BEAT)).ceil() as u32; // exclusive
    let mut counts = [[0.0; 12]; 12];
    for voice in melodic(score) {
        for (place, note) in voice.notes.iter().enumerate() {
            let end = end_ticks(note);
            let first = voice.notes.partition_point(|next| next.onset_ticks.saturating_add(tolerance) <= end);
            let near = voice.notes.iter().enumerate().skip(first);
            for (other, next) in near.take_while(|(_, next)| next.onset_ticks < end.saturating_add(tolerance)) {
                if other != place {
                    add_pair(&mut counts, class(note), class(next));
                }
            }
        }
    }
    shares_of_pairs(counts)
}

/// Share of each class of [`NOTE_LENGTHS`] in the notes, each note in the class nearest to it.
pub fn note_length_histogram(score: &Score) -> Histogram {
    let mut counts = [0.0; 12];
    for note in melodic(score).flat_map(|voice| &voice.notes) {
        add(&mut counts, length_class(note), 1.0);
    }
    shares(counts)
}

/// Share of each pair (class of a note's length, class of the next note's) in the pairs of consecutive notes of each voice.
pub fn note_length_transitions(score: &Score) -> Transitions {
    let mut counts = [[0.0; 12]; 12];
    for (note, next) in melodic(score).flat_map(|voice| voice.notes.iter().zip(voice.notes.iter().skip(1))) {
        add_pair(&mut counts, length_class(note), length_class(next));
    }
    shares_of_pairs(counts)
}

fn melodic(score: &Score) -> impl Iterator<Item = &Voice> {
    score.voices.iter().filter(|voice| !voice.is_drums())
}

fn class(note: &Note) -> usize {
    usize::from(note.pitch % 12)
}

/// Of two classes equally near the earlier one, as numpy's argmin.
fn length_class(note: &Note) -> usize {
    let distance = |(_, part): &(&str, f64)| (part * WHOLE_TICKS - f64::from(note.duration_ticks)).abs();
    let nearest = NOTE_LENGTHS.iter().enumerate().min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)));
    nearest.map_or(0, |(place, _)| place)
}

fn add(counts: &mut Histogram, class: usize, amount: f64) {
    if let Some(count) = counts.get_mut(class) {
        *count += amount;
    }
}

fn add_pair(counts: &mut Transitions, from: usize, to: usize) {
    if let Some(row) = counts.get_mut(from) {
        add(row, to, 1.0);
    }
}

fn shares(counts: Histogram) -> Histogram {
    let sum: f64 = counts.iter().sum();
    counts.map(|count| if sum > 0.0 { count / sum } else { 0.0 })
}

fn shares_of_pairs(counts: Transitions) -> Transitions {
    let sum: f64 = counts.iter().flatten().sum();
    counts.map(|row| row.map(|count| if sum > 0.0 { count / sum } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::super::Features;
    use super::super::tests::{close, score};

    /// Onsets at 0, 2, 3 beats, a rest, then 5 and 5 (a chord): C half, D quarter, E quarter, [Ec] dotted half.
    fn found() -> Features {
        Features::of(&score("K:C", "C2DE|z[Ec]3|"))
    }

    #[test]
    fn intervals_of_time_and_pitch_by_hand() {
        close(found().mean_inter_onset_beats, 5.0 / 4.0); // 2, 1, 2, 0
        close(found().mean_pitch_interval, (2.0 + 2.0 + 0.0 + 8.0) / 4.0); // C D, D E, E E, E c
        assert_eq!(Features::of(&score("K:C", "C4|")).mean_inter_onset_beats, None);
        assert_eq!(Features::of(&score("K:C", "C4|")).mean_pitch_interval, None);
    }

    #[test]
    fn no_interval_crosses_voices() {
        let found = Features::of(&score("K:C", "V:1\nV:2\n[V:1]CCCC|\n[V:2]cccc|"));
        close(found.mean_pitch_interval, 0.0);
    }

    #[test]
    fn pitch_classes_are_weighted_by_their_time() {
        let histogram = found().pitch_class_histogram; // C 2 + 3, D 1, E 1 + 3 beats
        close(Some(histogram[0]), 0.5);
        close(Some(histogram[2]), 0.1);
        close(Some(histogram[4]), 0.4);
        close(Some(histogram.iter().sum()), 1.0);
    }

    #[test]
    fn pitch_classes_follow_each_other_where_one_ends_as_the_other_begins() {
        let transitions = found().pitch_class_transitions; // C D and D E; before the chord is a rest
        assert_eq!((transitions[0][2], transitions[2][4]), (0.5, 0.5));
        let chords = Features::of(&score("K:C", "[CE]2[DF]2|")).pitch_class_transitions; // each of two to each of two
        assert_eq!([chords[0][2], chords[0][5], chords[4][2], chords[4][5]], [0.25; 4]);
    }

    #[test]
    fn lengths_are_note_values_in_every_metre() {
        let histogram = found().note_length_histogram; // half 1, quarter 2, dotted half 2
        assert_eq!((histogram[1], histogram[2], histogram[5]), (0.2, 0.4, 0.4));
        let transitions = found().note_length_transitions; // half quarter, quarter quarter, quarter dotted, dotted dotted
        assert_eq!([transitions[1][2], transitions[2][2], transitions[2][5], transitions[5][5]], [0.25; 4]);
        let jig = Features::of(&score("M:6/8\nL:1/8\nK:C", "CDE F3|"));
        assert_eq!((jig.note_length_histogram[3], jig.note_length_histogram[6]), (0.75, 0.25));
        let triplet = Features::of(&score("K:C", "(3C/D/E/ F3|"));
        assert_eq!((triplet.note_length_histogram[11], triplet.note_length_histogram[5]), (0.75, 0.25));
    }
}
