//! Notes that overlap go to layers of their own.

use super::end_of;
use crate::score::{Note, Voice};
use std::cmp::Reverse;

/// Notes of a layer, sorted by onset.
pub type Layer = Vec<Note>;

/// Puts each chord into the first layer that is free: within a layer nothing overlaps, and a note keeps its layer over bar
/// lines. When `most` layers are taken, what overlaps goes to the last one, which is then written with ties inside chords.
pub fn layers_of(voice: &Voice, most: usize) -> Vec<Layer> {
    let mut layers = Layers { most: most.max(1), layers: Vec::new() };
    layers.layers.push((0, Vec::with_capacity(voice.notes.len())));
    let mut by_end = Vec::new();
    for struck in voice.notes.chunk_by(|a, b| a.onset_ticks == b.onset_ticks) {
        let is_chord = |pair: &[Note]| matches!(pair, [a, b] if a.duration_ticks == b.duration_ticks);
        if struck.windows(2).all(is_chord) {
            layers.add_chord(struck);
            continue;
        }
        by_end.clear();
        by_end.extend_from_slice(struck);
        by_end.sort_by_key(end_of); // stable: each chord stays in order of pitch
        let mut chords: Vec<&[Note]> = by_end.chunk_by(|a, b| a.duration_ticks == b.duration_ticks).collect();
        chords.sort_by_key(|chord| Reverse(chord.last().map(|note| note.pitch))); // melody first
        chords.iter().for_each(|chord| layers.add_chord(chord));
    }
    layers.layers.into_iter().map(|(_, layer)| layer).filter(|layer| !layer.is_empty()).collect()
}

struct Layers {
    most: usize,
    /// Each with the tick from which it is free.
    layers: Vec<(u32, Layer)>,
}

impl Layers {
    fn add_chord(&mut self, chord: &[Note]) {
        let Some(first) = chord.first() else { return };
        let free = self.layers.iter().position(|(free_from, _)| *free_from <= first.onset_ticks);
        let index = free.unwrap_or(self.layers.len()).min(self.most - 1);
        if index == self.layers.len() {
            self.layers.push((0, Vec::new()));
        }
        if let Some((free_from, layer)) = self.layers.get_mut(index) {
            *free_from = end_of(first).max(*free_from);
            layer.extend_from_slice(chord);
        }
    }
}
