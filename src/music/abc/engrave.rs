//! Lays a voice out in bars: chords, layers for notes that overlap, ties over bar lines, rests and tuplets.

use crate::music::score::{Bar, Note, TICKS_PER_BEAT, Voice};
use std::collections::{BTreeMap, BTreeSet};

/// The straight grid that needs no tuplet: a 64th note.
const STRAIGHT: u32 = TICKS_PER_BEAT / 16;

/// A note, chord or rest within one bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// When it starts.
    pub tick: u32,
    /// How long it sounds.
    pub ticks: u32,
    /// How long it is written: half as long again within a tuplet of three in the time of two.
    pub written: u32,
    /// Low to high; none is a rest.
    pub pitches: Vec<Pitch>,
    /// The tuplet that starts here.
    pub tuplet: Option<Tuplet>,
}

/// Pieces that are written as three in the time of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuplet {
    /// How many pieces it has.
    pub n: usize,
    /// Whether all are written with the same length.
    pub equal: bool,
    pub has_chord: bool,
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

/// The layers of one bar; each fills the bar.
pub type Layers = Vec<Vec<Piece>>;

/// The bars of a voice that have notes in any of `layers`, by the number of the bar. `cuts` are ticks at
/// which the first layer must have a boundary (for a change of tempo), rising.
pub fn engrave(layers: &[Layer], bars: &[Bar], cuts: &[u32]) -> BTreeMap<usize, Layers> {
    let mut laid: BTreeMap<usize, Vec<Layer>> = BTreeMap::new();
    for (i, notes) in layers.iter().enumerate() {
        for (number, part) in by_bar(notes, bars) {
            let layers = laid.entry(number).or_default();
            layers.resize_with(layers.len().max(i + 1), Vec::new);
            if let Some(layer) = layers.get_mut(i) {
                *layer = part;
            }
        }
    }
    for cut in cuts {
        let number = bars.partition_point(|bar| bar.start_ticks <= *cut).saturating_sub(1);
        if bars.get(number).is_some_and(|bar| bar.start_ticks < *cut) {
            laid.entry(number).or_insert_with(|| vec![Vec::new()]); // a silent bar with a change inside is written out
        }
    }
    let lay_out = |(number, layers): (usize, Vec<Layer>)| {
        let bar = bars.get(number)?;
        let cuts_of = |i| if i == 0 { cuts } else { &[] };
        Some((number, layers.iter().enumerate().map(|(i, notes)| pieces_of(notes, bar, cuts_of(i))).collect()))
    };
    laid.into_iter().filter_map(lay_out).collect()
}

/// Notes of a layer, sorted by onset.
pub type Layer = Vec<Note>;

/// The notes that sound in each bar.
fn by_bar(notes: &[Note], bars: &[Bar]) -> BTreeMap<usize, Layer> {
    let mut parts: BTreeMap<usize, Layer> = BTreeMap::new();
    for note in notes {
        let first = bars.partition_point(|bar| bar.start_ticks <= note.onset_ticks).saturating_sub(1);
        let end = end_of(note);
        for (number, _) in bars.iter().enumerate().skip(first).take_while(|(_, bar)| bar.start_ticks < end) {
            parts.entry(number).or_default().push(*note);
        }
    }
    parts
}

fn end_of(note: &Note) -> u32 {
    note.onset_ticks.saturating_add(note.duration_ticks)
}

/// Puts each chord into the first layer that is free: within a layer nothing overlaps, and a note keeps its layer over bar
/// lines. When `most` layers are taken, what overlaps goes to the last one, which is then written with ties inside chords.
pub fn layers_of(voice: &Voice, most: usize) -> Vec<Layer> {
    let mut chords: BTreeMap<(u32, u32), Vec<Note>> = BTreeMap::new();
    for note in &voice.notes {
        chords.entry((note.onset_ticks, end_of(note))).or_default().push(*note);
    }
    let mut chords: Vec<_> = chords.into_iter().collect();
    chords.sort_by_key(|((onset, _), notes)| (*onset, std::cmp::Reverse(notes.last().map(|note| note.pitch)))); // melody first
    let mut layers: Vec<(u32, Layer)> = Vec::new();
    for ((onset, end), notes) in chords {
        let free = layers.iter().position(|(free_from, _)| *free_from <= onset);
        let index = free.unwrap_or(layers.len()).min(most.max(1) - 1);
        if index == layers.len() {
            layers.push((0, Vec::new()));
        }
        if let Some((free_from, layer)) = layers.get_mut(index) {
            *free_from = end.max(*free_from);
            layer.extend(notes);
        }
    }
    layers.into_iter().map(|(_, layer)| layer).collect()
}

/// One layer of one bar: a piece from each boundary to the next, and tuplets.
fn pieces_of(notes: &[Note], bar: &Bar, cuts: &[u32]) -> Vec<Piece> {
    let (start, end) = (bar.start_ticks, bar.start_ticks + bar.ticks);
    let inside = |tick: &u32| start < *tick && *tick < end;
    let ends_and_onsets = notes.iter().flat_map(|note| [note.onset_ticks, end_of(note)]);
    let mut boundaries: Vec<u32> =
        ends_and_onsets.chain(cuts.iter().copied()).filter(inside).chain([start, end]).collect();
    boundaries.sort_unstable();
    boundaries.dedup();
    let mut upcoming = notes.iter().peekable();
    let mut sounding: Vec<&Note> = Vec::new();
    let mut pieces = Vec::with_capacity(boundaries.len());
    for (from, to) in boundaries.iter().zip(boundaries.iter().skip(1)) {
        sounding.retain(|note| end_of(note) > *from);
        while let Some(note) = upcoming.next_if(|note| note.onset_ticks <= *from) {
            sounding.push(note);
        }
        let pitch =
            |note: &&Note| Pitch { pitch: note.pitch, tied: end_of(note) > *to, continues: note.onset_ticks < *from };
        let mut pitches: Vec<Pitch> = sounding.iter().map(pitch).collect();
        pitches.sort_unstable();
        pieces.push(Piece { tick: *from, ticks: to - from, written: to - from, pitches, tuplet: None });
    }
    add_tuplets(&mut pieces, bar);
    pieces
}

/// Splits the piece that sounds at `tick` there; its notes are tied to the second half.
fn cut_at(pieces: &mut Vec<Piece>, tick: u32) {
    let Some(at) = pieces.iter().position(|piece| piece.tick < tick && tick < piece.tick + piece.ticks) else { return };
    let mut second = pieces[at].clone();
    let first = &mut pieces[at];
    first.ticks = tick - first.tick;
    first.written = first.ticks;
    first.pitches.iter_mut().for_each(|pitch| pitch.tied = true);
    second.ticks -= first.ticks;
    second.written = second.ticks;
    second.tick = tick;
    second.pitches.iter_mut().for_each(|pitch| pitch.continues = true);
    pieces.insert(at + 1, second);
}

/// Where triplet positions are, pieces become tuplets of three in the time of two: half a beat, a beat, or two beats.
fn add_tuplets(pieces: &mut Vec<Piece>, bar: &Bar) {
    for (from, to) in tuplet_windows(pieces, bar) {
        cut_at(pieces, from);
        cut_at(pieces, to);
        let inside = |piece: &&mut Piece| from <= piece.tick && piece.tick < to;
        let (mut n, mut lengths, mut has_chord) = (0, BTreeSet::new(), false);
        for piece in pieces.iter_mut().filter(inside) {
            piece.written = piece.ticks / 2 * 3; // grids are multiples of 10 ticks: exact
            n += 1;
            lengths.insert(piece.written);
            has_chord |= piece.pitches.len() > 1;
        }
        if let Some(first) = pieces.iter_mut().find(|piece| piece.tick == from) {
            first.tuplet = Some(Tuplet { n, equal: lengths.len() == 1, has_chord });
        }
    }
}

fn tuplet_windows(pieces: &[Piece], bar: &Bar) -> Vec<(u32, u32)> {
    let mut windows = Vec::new();
    let end = bar.start_ticks + bar.ticks;
    let odd = |from: u32, to: u32| {
        pieces.iter().any(|piece| {
            from < piece.tick && piece.tick < to && !(piece.tick - bar.start_ticks).is_multiple_of(STRAIGHT)
        })
    };
    let whole = |tick: u32| {
        tick >= end
            || pieces.iter().any(|piece| {
                piece.tick == tick || (piece.pitches.is_empty() && piece.tick < tick && tick < piece.tick + piece.ticks)
            })
    };
    let mut from = bar.start_ticks;
    while from < end {
        let (half, to, double) =
            (from + TICKS_PER_BEAT / 2, (from + TICKS_PER_BEAT).min(end), from + 2 * TICKS_PER_BEAT);
        let mut next = to;
        if odd(from, to) {
            if half < to && whole(half) {
                windows.extend([(from, half), (half, to)].into_iter().filter(|&(a, b)| odd(a, b)));
            } else if !whole(to) && double <= end && whole(double) {
                windows.push((from, double));
                next = double;
            } else {
                windows.push((from, to));
            }
        }
        from = next;
    }
    windows
}
