//! What one channel can sound: each key is down once, and one program at a time.

use crate::{Note, ProgramChange};

/// Sorted; a note that is struck again ends there, and notes struck twice at once sound equally long.
pub(crate) fn without_collisions(mut notes: Vec<Note>) -> Vec<Note> {
    sort_notes(&mut notes);
    if !have_collisions(&notes) {
        return notes;
    }
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

/// Whether a key is struck while it is down. The notes must be sorted.
pub(crate) fn have_collisions(notes: &[Note]) -> bool {
    let mut free_from = [0; 256]; // the tick at which the last note of each pitch ends
    notes.iter().any(|note| {
        let free_from = &mut free_from[usize::from(note.pitch)];
        let collides = note.onset_ticks < *free_from;
        *free_from = note.onset_ticks.saturating_add(note.duration_ticks.max(1));
        collides
    })
}

/// Sorts notes by onset, pitch, duration and velocity; quick where they are mostly in order of their onsets.
pub(crate) fn sort_notes(notes: &mut [Note]) {
    if notes.is_sorted() {
        return;
    }
    if !notes.is_sorted_by_key(|note| note.onset_ticks) {
        notes.sort_by_key(|note| note.onset_ticks);
    }
    notes.chunk_by_mut(|a, b| a.onset_ticks == b.onset_ticks).for_each(<[Note]>::sort_unstable);
}

/// The program in force at the first note, then those changes that a later note hears, each at that note's onset.
pub(crate) fn programs_that_sound(programs: &[ProgramChange], notes: &[Note]) -> Vec<ProgramChange> {
    let mut sound: Vec<ProgramChange> = Vec::new();
    let mut notes = notes;
    for (i, change) in programs.iter().enumerate() {
        let n_before = notes.partition_point(|note| note.onset_ticks < change.tick);
        notes = notes.get(n_before..).unwrap_or_default();
        let Some(first) = notes.first() else { break };
        let is_replaced = programs.get(i + 1).is_some_and(|next| next.tick <= first.onset_ticks); // before anybody hears it
        if !is_replaced && sound.last().map(|last| last.program) != Some(change.program) {
            sound.push(ProgramChange {
                tick: if sound.is_empty() { 0 } else { first.onset_ticks },
                program: change.program,
            });
        }
    }
    sound
}
