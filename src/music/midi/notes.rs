//! What one channel can sound: each key is down once, and one program at a time.

use crate::music::{Note, ProgramChange};

/// Sorted; a note that is struck again ends there, and notes struck twice at once sound equally long.
pub(in crate::music) fn without_collisions(mut notes: Vec<Note>) -> Vec<Note> {
    sort_notes(&mut notes);
    let mut next_strikes: [Option<Note>; 256] = [None; 256]; // of each pitch, going back in time
    for note in notes.iter_mut().rev() {
        let Some(next_strike) = next_strikes.get_mut(usize::from(note.pitch)) else { continue };
        note.duration_ticks = match next_strike {
            Some(same) if same.onset_ticks == note.onset_ticks => same.duration_ticks, // the longest stands last
            Some(next) => note.duration_ticks.min(next.onset_ticks - note.onset_ticks),
            None => note.duration_ticks,
        };
        *next_strike = Some(*note);
    }
    sort_notes(&mut notes);
    notes
}

/// Sorts notes by onset, pitch, duration and velocity; quick where they are mostly in order of their onsets.
pub(in crate::music) fn sort_notes(notes: &mut [Note]) {
    if !notes.is_sorted_by_key(|note| note.onset_ticks) {
        notes.sort_by_key(|note| note.onset_ticks);
    }
    notes.chunk_by_mut(|a, b| a.onset_ticks == b.onset_ticks).for_each(<[Note]>::sort_unstable);
}

/// The program in force at the first note, then those changes that a later note hears, each at that note's onset.
pub(in crate::music) fn programs_that_sound(programs: &[ProgramChange], notes: &[Note]) -> Vec<ProgramChange> {
    let mut sound: Vec<ProgramChange> = Vec::new();
    let mut upcoming = programs.iter().peekable();
    let mut current = None;
    for note in notes {
        while let Some(change) = upcoming.next_if(|change| change.tick <= note.onset_ticks) {
            current = Some(change.program);
        }
        let Some(program) = current else { continue };
        if sound.last().map(|last| last.program) != Some(program) {
            sound.push(ProgramChange { tick: if sound.is_empty() { 0 } else { note.onset_ticks }, program });
        }
    }
    sound
}
