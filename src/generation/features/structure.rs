//! What comes back in a tune. Bars are those of the page: what a repeat sign plays again is counted by
//! `repeat_sign_rate` and by nothing else.

use super::{mean, ratio};
use crate::music::{Note, Score, TICKS_PER_BEAT};
use flate2::{Compression, write::DeflateEncoder};
use std::collections::{BTreeSet, HashSet};
use std::io::Write;

/// Bars that are compared with each other, from the first on: no folk tune has more, and a symphony must end in time.
const N_BARS_COMPARED: usize = 512;

/// Lengths of notes go into the string as 24ths of a beat.
const TICKS_PER_STEP: u32 = TICKS_PER_BEAT / 24;

/// The notes that begin in a bar: (voice, onset in the bar, pitch, duration).
pub type BarNotes = BTreeSet<(usize, u32, u8, u32)>;

/// The notes of every bar.
pub(in crate::generation) fn notes_of_bars(page: &Score) -> Vec<BarNotes> {
    let bars = page.bars();
    let mut notes = vec![BarNotes::new(); bars.len()];
    for (place, voice) in page.voices.iter().enumerate() {
        for Note { onset_ticks, pitch, duration_ticks, .. } in &voice.notes {
            let bar = bars.partition_point(|bar| bar.start_ticks <= *onset_ticks).saturating_sub(1);
            if let (Some(bar), Some(notes)) = (bars.get(bar), notes.get_mut(bar)) {
                notes.insert((place, onset_ticks - bar.start_ticks, *pitch, *duration_ticks));
            }
        }
    }
    notes
}

/// The bars in which a note begins.
pub fn bars(page: &Score) -> Vec<BarNotes> {
    notes_of_bars(page).into_iter().filter(|notes| !notes.is_empty()).collect()
}

/// #{bars that are equal to an earlier one} / #{bars}, of the bars in which a note begins: the same notes in every voice, no
/// transposition.
pub fn repeated_bar_share(bars: &[BarNotes]) -> Option<f64> {
    let n_different = bars.iter().collect::<HashSet<_>>().len();
    ratio(bars.len() - n_different, bars.len())
}

/// Ticks that repeat signs play again / ticks of the whole tune as played.
pub fn repeat_sign_rate(score: &Score) -> Option<f64> {
    let repeated: u64 = score.repeats.iter().map(|repeat| u64::from(repeat.end.saturating_sub(repeat.start))).sum();
    ratio(repeated as usize, score.end_ticks() as usize).map(|rate| rate.min(1.0))
}

/// Mean over all pairs of bars in which a note begins of |A ∩ B| / |A ∪ B|, A and B their notes as (voice, onset in the bar,
/// pitch): 1 where all bars are alike, 0 where no two have a note in common (Jaccard 1912).
pub fn bar_self_similarity(bars: &[BarNotes]) -> Option<f64> {
    let onsets = |bar: &BarNotes| bar.iter().map(|(voice, onset, pitch, _)| (*voice, *onset, *pitch)).collect();
    let bars: Vec<BTreeSet<(usize, u32, u8)>> = bars.iter().take(N_BARS_COMPARED).map(onsets).collect();
    let similarity = |a: &BTreeSet<_>, b: &BTreeSet<_>| {
        let n_common = a.intersection(b).count();
        n_common as f64 / (a.len() + b.len() - n_common) as f64
    };
    let pairs = bars.iter().enumerate().flat_map(|(i, a)| bars.iter().skip(i + 1).map(move |b| (a, b)));
    mean(pairs.map(|(a, b)| similarity(a, b)))
}

/// |deflate(s)| / |s|, s two bytes a note: semitones from the voice's note before (0 for its first), and the length in 24ths of a
/// beat, 255 for longer ones.
pub fn compression_ratio(page: &Score) -> Option<f64> {
    let mut string = Vec::with_capacity(2 * page.n_notes());
    for voice in &page.voices {
        let mut before = voice.notes.first().map_or(0, |note| note.pitch);
        for note in &voice.notes {
            let length = u8::try_from(note.duration_ticks / TICKS_PER_STEP).unwrap_or(u8::MAX);
            string.extend([note.pitch.wrapping_sub(before), length]);
            before = note.pitch;
        }
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&string).ok()?;
    ratio(encoder.finish().ok()?.len(), string.len())
}

#[cfg(test)]
mod tests {
    use super::super::Features;
    use super::super::tests::{close, score};

    #[test]
    fn bars_come_back_note_for_note_and_silent_bars_do_not_count() {
        let found = Features::of(&score("K:C", "CDEF|GABc|CDEF|z4|z4|cdef|CDEF|"));
        close(found.repeated_bar_share, 2.0 / 5.0); // the third and the last of five bars with notes
        close(Features::of(&score("K:C", "CDEF|C2EF|cdef|")).repeated_bar_share, 0.0);
    }

    #[test]
    fn a_repeat_sign_plays_half_of_the_time_again_and_repeats_no_bar_of_the_page() {
        let found = Features::of(&score("K:C", "|:CDEF|GABc:|"));
        assert_eq!(found.n_bars, 4);
        close(found.repeat_sign_rate, 0.5);
        close(found.repeated_bar_share, 0.0);
        close(Features::of(&score("K:C", "CDEF|GABc|]")).repeat_sign_rate, 0.0);
    }

    #[test]
    fn two_bars_are_as_alike_as_the_share_of_their_notes_in_both() {
        // CDEF and CDGF: three of five; CDEF and c4, CDGF and c4: none
        close(Features::of(&score("K:C", "CDEF|CDGF|c4|")).bar_self_similarity, (3.0 / 5.0) / 3.0);
        close(Features::of(&score("K:C", "CDEF|CDEF|CDEF|")).bar_self_similarity, 1.0);
        assert_eq!(Features::of(&score("K:C", "CDEF|")).bar_self_similarity, None);
    }

    #[test]
    fn a_note_repeated_64_times_is_packed_into_seven_bytes() {
        // 0, 24, 0, 24, … of 128 bytes. Fixed Huffman code of RFC 1951: 3 bits for the block, 8 for each of three literals (zlib looks
        // one byte ahead before it takes a match), a match of 125 two bytes back in 8 + 4 and 5 bits, 7 for the end: 51 bits.
        let found = Features::of(&score("K:C", &"CCCC|".repeat(16)));
        close(found.compression_ratio, 7.0 / 128.0);
        let scale = Features::of(&score("K:C", "C/E2 B, c3/|d/4 F7/4 ^G z|"));
        assert!(scale.compression_ratio > Some(0.9), "no note comes back: {:?}", scale.compression_ratio);
    }
}
