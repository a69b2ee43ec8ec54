//! Notes that overlap go to layers of their own.

use super::end_of;
use crate::music::score::{Note, Voice};
use std::cmp::Reverse;

/// Notes of a layer, sorted by onset.
pub type Layer = Vec<Note>;

/// Puts each chord into the first layer that is free: within a layer nothing overlaps, and a note keeps its layer over bar
/// lines. When `most` layers are taken, what overlaps goes to the last one, which is then written with ties inside chords.
pub fn layers_of(voice: &Voice, most: usize) -> Vec<Layer> {
    let mut layers: Vec<(u32, Layer)> = Vec::new(); // each with the tick from which it is free
    let mut struck: Vec<Note> = Vec::new();
    for together in voice.notes.chunk_by(|a, b| a.onset_ticks == b.onset_ticks) {
        struck.clear();
        struck.extend(together);
        struck.sort_by_key(end_of); // stable: each chord stays in order of pitch
        let mut chords: Vec<&[Note]> = struck.chunk_by(|a, b| a.duration_ticks == b.duration_ticks).collect();
        chords.sort_by_key(|chord| Reverse(chord.last().map(|note| note.pitch))); // melody first
        for chord in chords {
            let Some(first) = chord.first() else { continue };
            let free = layers.iter().position(|(free_from, _)| *free_from <= first.onset_ticks);
            let index = free.unwrap_or(layers.len()).min(most.max(1) - 1);
            if index == layers.len() {
                layers.push((0, Vec::new()));
            }
            if let Some((free_from, layer)) = layers.get_mut(index) {
                *free_from = end_of(first).max(*free_from);
                layer.extend(chord);
            }
        }
    }
    layers.into_iter().map(|(_, layer)| layer).collect()
}
