//! What a tune's melodies consist of, in a few hundred bytes that neither transposition nor tempo changes.
//!
//! A phrase is eight notes of one voice that follow each other, the highest of each chord: seven steps in semitones, and the
//! seven times between the onsets in units of their greatest common divisor. Drums have none. The sketch of a tune is the
//! 64 least hashes of its phrases, which is a random sample of them, the same hashes for the same phrases (bottom-k MinHash;
//! Broder 1997, Cohen and Kaplan 2007). Of two sketches A and B
//!
//! ```text
//! similarity = |S ∩ A ∩ B| / |S|      S: the 64 least hashes of A ∪ B
//! ```
//!
//! estimates the share of the phrases of both tunes together that stand in both; it is exact up to 64 phrases.

use super::fingerprint::greatest_common_divisor;
use super::hash;
use crate::music::{Score, Voice};

/// Enough for chance to be rare among folk tunes of fifty notes, few enough to lie between two changes of an edition.
pub const NOTES_A_PHRASE: usize = 8;
/// Hashes in a sketch: 512 bytes a tune; a similarity of 1/4 is known to ± 0.05.
pub const SKETCH_SIZE: usize = 64;

/// The least hashes of the phrases of all voices but the drums, sorted.
pub fn sketch(score: &Score) -> Vec<u64> {
    let mut hashes: Vec<u64> =
        lines(score).flat_map(|line| line.windows(NOTES_A_PHRASE).filter_map(phrase).collect::<Vec<u64>>()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(SKETCH_SIZE);
    hashes
}

/// How many hashes stand in both sketches, of how many: the ones of S above.
pub fn shared(a: &[u64], b: &[u64]) -> (usize, usize) {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let (mut n_shared, mut n) = (0, 0);
    while n < SKETCH_SIZE {
        let Some(least) = a.peek().into_iter().chain(b.peek()).min().map(|least| **least) else { break };
        let (in_a, in_b) = (a.next_if(|hash| **hash == least).is_some(), b.next_if(|hash| **hash == least).is_some());
        n_shared += usize::from(in_a && in_b);
        n += 1;
    }
    (n_shared, n)
}

/// A note of a melody: when it begins, in ticks, and its pitch.
pub type LineNote = (u32, u8);

/// The melody of each voice but the drums: its onsets, each with the highest pitch.
pub fn lines(score: &Score) -> impl Iterator<Item = Vec<LineNote>> {
    score.voices.iter().filter(|voice| !voice.is_drums()).map(line)
}

fn line(voice: &Voice) -> Vec<LineNote> {
    let mut line: Vec<LineNote> = Vec::new();
    for note in &voice.notes {
        match line.last_mut() {
            Some((onset, pitch)) if *onset == note.onset_ticks => *pitch = (*pitch).max(note.pitch),
            _ => line.push((note.onset_ticks, note.pitch)),
        }
    }
    line
}

/// From each note of a line to the next: (semitones, ticks).
pub fn moves(notes: &[LineNote]) -> impl Iterator<Item = (i16, u32)> {
    notes.iter().zip(notes.iter().skip(1)).map(|((onset, a), (next, b))| (i16::from(*b) - i16::from(*a), next - onset))
}

/// What strangers share, too: notes of two pitches, and what turns less than twice, as scales and broken chords do.
pub fn is_commonplace(notes: &[LineNote]) -> bool {
    let ups: Vec<bool> = moves(notes).filter(|(step, _)| *step != 0).map(|(step, _)| step > 0).collect();
    let n_turns = ups.iter().zip(ups.iter().skip(1)).filter(|(a, b)| a != b).count();
    let mut pitches: Vec<u8> = notes.iter().map(|(_, pitch)| *pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    n_turns < 2 || pitches.len() < 3
}

/// Hash of a phrase; none for what is commonplace.
fn phrase(notes: &[LineNote]) -> Option<u64> {
    if is_commonplace(notes) {
        return None;
    }
    let unit = moves(notes).map(|(_, time)| time).fold(0, greatest_common_divisor).max(1);
    let bytes = moves(notes).flat_map(|(step, time)| step.to_le_bytes().into_iter().chain((time / unit).to_le_bytes()));
    Some(hash(&[&bytes.collect::<Vec<u8>>()]))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::music::{DRUM_CHANNEL, Note, abc};

    /// The sketch of a tune in ABC.
    pub fn sketch_of(text: &str) -> Vec<u64> {
        sketch(&abc::parse(text).unwrap())
    }

    const TUNE: &str = "L:1/8\nK:D\nF2AF dFAF|G2BG dGBG|F2AF E2GE|ABcd efge|]\n\n";

    #[test]
    fn another_key_tempo_note_value_or_voice_order_gives_the_same_sketch() {
        let tune = sketch_of(&format!("X:1\nM:4/4\n{TUNE}"));
        assert_eq!(tune.len(), 28 - 7 - 3); // of 28 notes the last seven begin no phrase, three before them begin scales
        let score = abc::parse(&format!("X:1\nM:4/4\n{TUNE}")).unwrap();
        let (mut moved, mut slow) = (score.clone(), score.clone());
        moved.voices[0].notes.iter_mut().for_each(|note| note.pitch += 5);
        slow.voices[0].notes.iter_mut().for_each(|note| note.onset_ticks *= 2);
        let bass = Voice { notes: score.voices[0].notes.iter().take(4).copied().collect(), ..Voice::default() };
        let mut with_bass = score.clone();
        with_bass.voices.insert(0, bass); // four notes make no phrase
        for same in [moved, slow, with_bass] {
            assert_eq!(sketch(&same), tune);
        }
    }

    #[test]
    fn drums_scales_and_repeated_notes_have_no_phrases() {
        let note = |i: usize, pitch: u8| Note { onset_ticks: 240 * i as u32, pitch, duration_ticks: 240, velocity: 80 };
        let voice = |channel: u8, pitches: &[u8]| {
            let notes = pitches.iter().enumerate().map(|(i, &pitch)| note(i, pitch)).collect();
            Score { voices: vec![Voice { channel, notes, ..Voice::default() }], ..Score::default() }
        };
        let melody = [60, 64, 62, 65, 64, 67, 65, 69];
        assert_eq!(sketch(&voice(0, &melody)).len(), 1);
        assert!(sketch(&voice(DRUM_CHANNEL, &melody)).is_empty());
        for commonplace in [[60, 62, 64, 65, 67, 69, 71, 72], [60; 8], [60, 67, 60, 67, 60, 67, 60, 67]] {
            assert!(sketch(&voice(0, &commonplace)).is_empty());
        }
    }

    #[test]
    fn similarity_is_the_share_of_common_hashes_and_a_sample_estimates_it() {
        assert_eq!(shared(&[1, 2, 3, 4], &[2, 4, 5]), (2, 5));
        assert_eq!(shared(&[], &[]), (0, 0));
        // Two sets of 3,000 numbers, 1,000 of them in both: 1,000 / 5,000.
        let sketch = |numbers: std::ops::Range<u32>| {
            let mut hashes: Vec<u64> = numbers.map(|number| hash(&[&number.to_le_bytes()])).collect();
            hashes.sort_unstable();
            hashes.truncate(SKETCH_SIZE);
            hashes
        };
        let (n_shared, n) = shared(&sketch(0..3000), &sketch(2000..5000));
        assert!(n == 64 && (7..=19).contains(&n_shared), "{n_shared}"); // 12.8 ± 3.2 are expected
    }
}
