//! Cutting long tunes at bar lines.

use super::canonical::{Cell, InForce, Line, Sheet, sound_tune};
use std::rc::Rc;

/// Bars in a line where voices are cut anew.
const BARS_PER_LINE: usize = 4;

/// A tune of more bars of rest than this is not worth cutting.
const MAX_BARS: usize = 200_000;

/// Cuts a tune into pieces in canonical form, each shorter than `max_chars`. Every piece repeats the header with the
/// key, metre, tempo and programs that hold where it begins; all voices are cut at the same bar.
///
/// A note that is tied over the cut ends there, and is struck again in the next piece. A voice that rests all through a
/// piece is left out of it. A bar that does not fit into a piece by itself is left out, and so is a text that does not
/// parse (it gives no pieces).
pub fn split_long(text: &str, max_chars: usize) -> Vec<String> {
    let Ok(tune) = sound_tune(text) else { return Vec::new() };
    let whole = Sheet::of(&tune, false).text();
    if whole.chars().count() < max_chars {
        return vec![whole];
    }
    let sheet = Sheet::of(&tune, true);
    if sheet.cells.len() > MAX_BARS {
        return Vec::new();
    }
    let cutter = Cutter::new(sheet, max_chars);
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < cutter.n_bars() {
        let (piece, to) = cutter.longest_piece(from, max_chars);
        pieces.extend(piece);
        from = to;
    }
    pieces
}

struct Cutter {
    sheet: Sheet,
    /// Cells of each voice by bar.
    bars: Vec<Vec<Vec<Cell>>>,
    interleaved: bool,
}

impl Cutter {
    fn new(mut sheet: Sheet, max_chars: usize) -> Cutter {
        let cells = std::mem::take(&mut sheet.cells);
        let switches = cells.windows(2).filter(|pair| matches!(pair, [a, b] if a.voice != b.voice)).count();
        let interleaved = switches >= sheet.voices.len();
        let mut bars: Vec<Vec<Vec<Cell>>> = vec![vec![Vec::new()]; sheet.voices.len()];
        for cell in cells {
            let Some(voice) = bars.get_mut(cell.voice) else { continue };
            let closes_bar = cell.closes_bar;
            if let Some(bar) = voice.last_mut() {
                bar.push(cell);
            }
            if closes_bar {
                voice.push(Vec::new());
            }
        }
        for voice in &mut bars {
            if voice.last().is_some_and(Vec::is_empty) {
                voice.pop();
            }
        }
        if let [bars] = bars.as_mut_slice() {
            *bars = std::mem::take(bars).into_iter().flat_map(|bar| shorter_bars(bar, max_chars / 4)).collect();
        }
        sheet.parts = None; // the order of parts means nothing in a piece
        Cutter { sheet, bars, interleaved }
    }

    fn n_bars(&self) -> usize {
        self.bars.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The longest piece from this bar on, and the bar behind it. No piece if even one bar is too long.
    fn longest_piece(&self, from: usize, max_chars: usize) -> (Option<String>, usize) {
        let mut longest = None;
        let (mut fits_to, mut too_far) = (from, self.first_bar_beyond(from, max_chars) + 1);
        while too_far - fits_to > 1 {
            let to = fits_to + (too_far - fits_to) / 2;
            match self.piece(from, to) {
                Some(piece) if piece.chars().count() >= max_chars => too_far = to,
                piece => (longest, fits_to) = (piece, to), // none is silence so far
            }
        }
        (longest, fits_to.max(from + 1))
    }

    /// The first bar with which the music alone takes more than the room, or the end.
    fn first_bar_beyond(&self, from: usize, max_chars: usize) -> usize {
        let mut n_bytes = 0;
        let cells = |bar: usize| self.bars.iter().filter_map(move |bars| bars.get(bar)).flatten();
        let beyond = (from..self.n_bars()).find(|&bar| {
            n_bytes += cells(bar).filter(|cell| sounds(&cell.text)).map(|cell| cell.text.len()).sum::<usize>();
            n_bytes > max_chars
        });
        beyond.unwrap_or(self.n_bars())
    }

    /// Bars `from..to` of all voices that sound there; none if all are silent.
    fn piece(&self, from: usize, to: usize) -> Option<String> {
        let range_of = |voice: &Vec<Vec<Cell>>| from.min(voice.len())..to.min(voice.len());
        let sounding: Vec<usize> = (0..self.bars.len())
            .filter(|&voice| {
                let bars = self.bars.get(voice).and_then(|bars| bars.get(range_of(bars))).unwrap_or_default();
                bars.iter().flatten().any(|cell| sounds(&cell.text))
            })
            .collect();
        let in_force = self.in_force(*sounding.first()?, from)?;
        let heads: Vec<_> = sounding
            .iter()
            .filter_map(|&voice| {
                let mut head = self.sheet.voices.get(voice)?.clone();
                head.in_force = (*self.in_force(voice, from)?).clone();
                Some(head)
            })
            .collect();
        let mut text = self.sheet.header(&in_force, &heads);
        let mut line = Line::default();
        let step = if self.interleaved && sounding.len() > 1 { BARS_PER_LINE } else { to - from };
        for start in (from..to).step_by(step.max(1)) {
            for (number, &voice) in sounding.iter().enumerate() {
                let cells = self.line_cells(voice, start, (start + step).min(to));
                let n_cells = cells.len();
                for (index, mut cell) in cells.into_iter().enumerate() {
                    if start == from && index == 0 {
                        cell.text = differences(&cell.in_force, &in_force) + &cell.text;
                    }
                    if start + step >= to && index + 1 == n_cells {
                        cell.text = without_open_ties(&cell.text);
                    }
                    cell.voice = number;
                    line.add(&mut text, &cell, sounding.len());
                }
                line.end(&mut text);
            }
        }
        text.push('\n');
        Some(text)
    }

    /// Cells of some bars of a voice, bars of rest joined.
    fn line_cells(&self, voice: usize, from: usize, to: usize) -> Vec<Cell> {
        let many_voices = self.bars.len() > 1;
        let mut cells: Vec<Cell> = Vec::new();
        let mut rests = 0;
        for (index, bar) in self.bars.get(voice).into_iter().flatten().enumerate().take(to).skip(from) {
            let is_rest = matches!(bar.as_slice(), [cell] if cell.text == "Z|" && cell.ending.is_none());
            rests = if is_rest { rests + 1 } else { 0 };
            for cell in bar {
                let mut cell = Cell { part: None, ..cell.clone() };
                if many_voices {
                    cell.ends_line = cell.closes_bar && (index + 1 - from).is_multiple_of(BARS_PER_LINE);
                }
                match cells.last_mut() {
                    Some(last) if rests > 1 && !last.ends_line => {
                        last.text = format!("Z{rests}|");
                        last.ends_line = cell.ends_line;
                    }
                    _ => {
                        rests = rests.min(1);
                        cells.push(cell);
                    }
                }
            }
        }
        cells
    }

    fn in_force(&self, voice: usize, bar: usize) -> Option<Rc<InForce>> {
        let bars = self.bars.get(voice)?;
        bars.get(bar..)?.iter().flatten().next().map(|cell| cell.in_force.clone())
    }
}

/// Music without bar lines is cut at the ends of its lines.
fn shorter_bars(bar: Vec<Cell>, max_chars: usize) -> Vec<Vec<Cell>> {
    if bar.iter().map(|cell| cell.text.len()).sum::<usize>() <= max_chars {
        return vec![bar];
    }
    bar.into_iter().map(|cell| vec![cell]).collect()
}

/// Whether a text has notes outside its fields.
fn sounds(text: &str) -> bool {
    let mut within_field = false;
    text.bytes().zip(text.bytes().skip(2).chain([0, 0])).any(|(byte, second_next)| {
        match byte {
            b'[' if second_next == b':' => within_field = true,
            b']' => within_field = false,
            _ => {}
        }
        !within_field && matches!(byte, b'A'..=b'G' | b'a'..=b'g')
    })
}

/// The text of a bar without ties that reach out of it, in any of its layers.
fn without_open_ties(bar: &str) -> String {
    let music_ends = bar.strip_suffix("|]").unwrap_or(bar).trim_end_matches(['|', ':', '[']).len();
    let (music, bar_line) = bar.split_at(music_ends);
    let layers: Vec<String> = music.split('&').map(without_open_tie).collect();
    layers.join("&") + bar_line
}

/// The tie stands behind the last note or chord, or within that chord.
fn without_open_tie(layer: &str) -> String {
    let layer = layer.trim_end();
    let behind_chord = layer.trim_end_matches(|c: char| c.is_ascii_digit() || c == '/');
    let chord = behind_chord.strip_suffix(']').and_then(|inner| inner.rfind('['));
    match (layer.strip_suffix('-'), chord) {
        (Some(untied), _) => untied.to_string(),
        (None, Some(start)) => {
            let (before, chord) = layer.split_at(start);
            before.to_string() + &chord.replace('-', "")
        }
        _ => layer.to_string(),
    }
}

/// Fields for what holds in a voice, but not by the header.
fn differences(voice: &InForce, header: &InForce) -> String {
    let mut fields = String::new();
    for (letter, ours, theirs) in
        [('K', &voice.key, &header.key), ('M', &voice.meter, &header.meter), ('L', &voice.unit, &header.unit)]
    {
        if ours != theirs {
            fields += &format!("[{letter}:{ours}]");
        }
    }
    fields
}
