//! Lays a voice out in bars: chords, layers for notes that overlap, ties over bar lines, rests and tuplets.

mod layers;
mod tuplets;

use crate::score::{Bar, Note};
use std::cell::Cell;
use std::ops::Range;

pub use layers::{Layer, layers_of};
pub use tuplets::Tuplet;

/// A note, chord or rest within one bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// When it starts.
    pub tick: u32,
    /// How long it sounds.
    pub ticks: u32,
    /// How long it is written: half as long again within a tuplet of three in the time of two.
    pub written: u32,
    /// The tuplet that starts here.
    pub tuplet: Option<Tuplet>,
    /// Where its pitches are in the part.
    pitches: Range<usize>,
}

/// One note of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pitch {
    pub pitch: u8,
    /// Goes on in the next piece of the layer.
    pub tied: bool,
    /// Goes on from the piece before.
    pub continues: bool,
}

/// A voice in bars. Everything of one kind stands in one list, in the order of the text: that is quick to make and read.
#[derive(Debug, Default)]
pub struct Part {
    bars: Vec<LaidBar>,
    /// The bar last asked for, by its place in the list: the next question is mostly about the one behind it.
    latest: Cell<usize>,
    /// The pieces of each layer of each bar.
    layers: Vec<Range<usize>>,
    pieces: Vec<Piece>,
    pitches: Vec<Pitch>,
}

#[derive(Debug)]
struct LaidBar {
    number: usize,
    layers: Range<usize>,
}

impl Part {
    /// The layers of the bar of this number, each of which fills the bar; none if nothing happens in it.
    pub fn layers(&self, number: usize) -> impl Iterator<Item = &[Piece]> + Clone {
        let bar = self.first_laid(number).filter(|bar| bar.number == number);
        let layers = bar.and_then(|bar| self.layers.get(bar.layers.clone())).unwrap_or_default();
        layers.iter().map(|pieces| self.pieces.get(pieces.clone()).unwrap_or_default())
    }

    /// The first bar of this number or a higher one.
    fn first_laid(&self, number: usize) -> Option<&LaidBar> {
        let lies_before = |i: usize| self.bars.get(i).is_some_and(|bar| bar.number < number);
        let mut first = self.latest.get();
        if first > 0 && !lies_before(first - 1) {
            first = self.bars.partition_point(|bar| bar.number < number);
        }
        while lies_before(first) {
            first += 1;
        }
        self.latest.set(first);
        self.bars.get(first)
    }

    /// Low to high; none is a rest.
    pub fn pitches(&self, piece: &Piece) -> &[Pitch] {
        self.pitches.get(piece.pitches.clone()).unwrap_or_default()
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The first bar from this one on in which something happens.
    pub fn next_bar(&self, from: usize) -> Option<usize> {
        self.first_laid(from).map(|bar| bar.number)
    }

    pub fn last_bar(&self) -> Option<usize> {
        self.bars.last().map(|bar| bar.number)
    }
}

/// The bars of a voice in which something happens in any of `layers`. `cuts` are ticks at which the first layer must have
/// a boundary (for a change of tempo), rising.
pub fn engrave(layers: &[Layer], bars: &[Bar], cuts: &[u32]) -> Part {
    let n_notes = layers.iter().map(Vec::len).sum();
    let (pieces, pitches) = (Vec::with_capacity(n_notes), Vec::with_capacity(n_notes)); // more where notes are tied
    let mut part = Part { pieces, pitches, ..Part::default() };
    let mut readers: Vec<LayerReader> = layers.iter().map(|notes| LayerReader::new(notes)).collect();
    let within_bar = |&&cut: &&u32| bars.binary_search_by_key(&cut, |bar| bar.start_ticks).is_err();
    let cuts: Vec<u32> = cuts.iter().filter(within_bar).copied().collect();
    let mut boundaries = Vec::new();
    let mut from = 0;
    while let Some(number) = next_number(&readers, bars, &cuts, from) {
        let Some(bar) = bars.get(number) else { break };
        let first_layer = part.layers.len();
        readers.iter_mut().for_each(|reader| reader.enter(bar));
        let n_layers = readers.iter().rposition(|reader| !reader.sounding.is_empty()).map_or(1, |last| last + 1);
        for (i, reader) in readers.iter().enumerate().take(n_layers) {
            let cuts = if i == 0 { inside(&cuts, bar) } else { &[] };
            part.add_layer(&reader.sounding, bar, cuts, &mut boundaries);
        }
        if readers.is_empty() {
            part.add_layer(&[], bar, inside(&cuts, bar), &mut boundaries); // a silent voice with a change of tempo
        }
        part.bars.push(LaidBar { number, layers: first_layer..part.layers.len() });
        from = number + 1;
    }
    part
}

/// The next bar in which a note sounds or a cut falls.
fn next_number(readers: &[LayerReader], bars: &[Bar], cuts: &[u32], from: usize) -> Option<usize> {
    let start = bars.get(from)?.start_ticks;
    let number_of = |tick: u32| match bars.get(from + 1) {
        Some(next) if next.start_ticks <= tick => bars.partition_point(|bar| bar.start_ticks <= tick).saturating_sub(1),
        _ => from, // mostly
    };
    let next_note = readers.iter().filter_map(|reader| reader.next_tick(start)).min();
    let next_cut = cuts.get(cuts.partition_point(|&cut| cut < start)).copied();
    next_note.into_iter().chain(next_cut).min().map(number_of)
}

/// The ticks within the bar, its ends left out.
fn inside<'a>(ticks: &'a [u32], bar: &Bar) -> &'a [u32] {
    let from = ticks.partition_point(|&tick| tick <= bar.start_ticks);
    let to = ticks.partition_point(|&tick| tick < bar.start_ticks + bar.ticks);
    ticks.get(from..to).unwrap_or_default()
}

/// Reads a layer bar by bar.
struct LayerReader<'a> {
    upcoming: &'a [Note],
    /// The notes that sound in the bar, by onset.
    sounding: Vec<Note>,
}

impl<'a> LayerReader<'a> {
    fn new(notes: &'a [Note]) -> Self {
        LayerReader { upcoming: notes, sounding: Vec::new() }
    }

    fn enter(&mut self, bar: &Bar) {
        self.sounding.retain(|note| end_of(note) > bar.start_ticks);
        let n = self.upcoming.iter().take_while(|note| note.onset_ticks < bar.start_ticks + bar.ticks).count();
        let (entering, later) = self.upcoming.split_at(n);
        self.sounding.extend(entering);
        self.upcoming = later;
    }

    /// When it sounds next, from the start of a bar on.
    fn next_tick(&self, start: u32) -> Option<u32> {
        if self.sounding.iter().any(|note| end_of(note) > start) {
            return Some(start);
        }
        self.upcoming.first().map(|note| note.onset_ticks)
    }
}

fn end_of(note: &Note) -> u32 {
    note.onset_ticks.saturating_add(note.duration_ticks)
}

impl Part {
    /// One layer of one bar: a piece from each boundary to the next, and tuplets. `boundaries` is room to work in.
    fn add_layer(&mut self, notes: &[Note], bar: &Bar, cuts: &[u32], boundaries: &mut Vec<u32>) {
        let (start, end) = (bar.start_ticks, bar.start_ticks + bar.ticks);
        boundaries.clear();
        boundaries.push(start);
        let mut add = |tick: u32| {
            if start < tick && tick < end && boundaries.last() != Some(&tick) {
                boundaries.push(tick);
            }
        };
        for note in notes {
            add(note.onset_ticks);
            add(end_of(note));
        }
        cuts.iter().copied().for_each(add);
        if !boundaries.is_sorted() {
            boundaries.sort_unstable(); // overlaps, mostly: else they come in order
            boundaries.dedup();
        }
        boundaries.push(end);
        let first_piece = self.pieces.len();
        let mut ended = 0; // all notes before this one have ended: no layer but the last has overlaps
        for (&from, &to) in boundaries.iter().zip(boundaries.iter().skip(1)) {
            let first_pitch = self.pitches.len();
            while notes.get(ended).is_some_and(|note| end_of(note) <= from) {
                ended += 1;
            }
            let sounding = notes.iter().skip(ended).take_while(|note| note.onset_ticks <= from);
            self.pitches.extend(sounding.filter(|note| end_of(note) > from).map(|note| Pitch {
                pitch: note.pitch,
                tied: end_of(note) > to,
                continues: note.onset_ticks < from,
            }));
            if let Some(chord) = self.pitches.get_mut(first_pitch..) {
                chord.sort_unstable();
            }
            let pitches = first_pitch..self.pitches.len();
            self.pieces.push(Piece { tick: from, ticks: to - from, written: to - from, tuplet: None, pitches });
        }
        self.add_tuplets(first_piece, bar);
        self.layers.push(first_piece..self.pieces.len());
    }

    /// Splits the piece that sounds at `tick` there; its notes are tied to the second half. Looks from `first_piece` on.
    fn cut_at(&mut self, first_piece: usize, tick: u32) {
        let sounds = |piece: &Piece| piece.tick < tick && tick < piece.tick + piece.ticks;
        let Some(at) = self.pieces.iter().skip(first_piece).position(sounds).map(|i| i + first_piece) else { return };
        let Some(first) = self.pieces.get_mut(at) else { return };
        let end = first.tick + first.ticks;
        (first.ticks, first.written) = (tick - first.tick, tick - first.tick);
        let new_pitches = self.pitches.len();
        for i in first.pitches.clone() {
            if let Some(pitch) = self.pitches.get_mut(i) {
                let second_half = Pitch { continues: true, ..*pitch };
                pitch.tied = true;
                self.pitches.push(second_half);
            }
        }
        let pitches = new_pitches..self.pitches.len();
        self.pieces.insert(at + 1, Piece { tick, ticks: end - tick, written: end - tick, tuplet: None, pitches });
    }
}
