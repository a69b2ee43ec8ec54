//! Cutting long tunes at bar lines.

use super::canonical::{Cell, InForce, Line, Sheet};

/// Bars in a line where voices are cut anew.
const BARS_PER_LINE: usize = 4;

/// A tune of more bars of rest than this is not worth cutting.
const MAX_BARS: usize = 200_000;

/// Cuts a tune into pieces in canonical form, each shorter than `max_chars`. Every piece repeats the header with the
/// key, metre, tempo and programs that hold where it begins; all voices are cut at the same bar.
///
/// A voice that rests all through a piece is left out of it. A bar that does not fit into a piece by itself is left
/// out, and so is a text that does not parse (it gives no pieces).
pub fn split_long(text: &str, max_chars: usize) -> Vec<String> {
    let Ok(whole) = Sheet::read(text, false).map(|sheet| sheet.text()) else { return Vec::new() };
    if whole.chars().count() < max_chars {
        return vec![whole];
    }
    let Ok(sheet) = Sheet::read(text, true) else { return Vec::new() };
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
        let mut best = (None, from + 1);
        let mut first = self.likely_end(from, max_chars);
        if self.piece(from, first).is_none_or(|piece| piece.chars().count() >= max_chars) {
            first = from + 1;
        }
        for to in first..=self.n_bars() {
            let piece = self.piece(from, to);
            let Some(piece) = piece else {
                best.1 = to; // silence so far
                continue;
            };
            if piece.chars().count() >= max_chars {
                break;
            }
            best = (Some(piece), to);
        }
        best
    }

    /// A bar up to which the music alone takes two thirds of the room: a good place to begin the search.
    fn likely_end(&self, from: usize, max_chars: usize) -> usize {
        let mut chars = 0;
        for bar in from..self.n_bars() {
            chars +=
                self.bars.iter().filter_map(|bars| bars.get(bar)).flatten().map(|cell| cell.text.len()).sum::<usize>();
            if 3 * chars > 2 * max_chars {
                return bar.max(from + 1);
            }
        }
        from + 1
    }

    /// Bars `from..to` of all voices that sound there; none if all are silent.
    fn piece(&self, from: usize, to: usize) -> Option<String> {
        let range_of = |voice: &Vec<Vec<Cell>>| from.min(voice.len())..to.min(voice.len());
        let sounding: Vec<usize> = (0..self.bars.len())
            .filter(|&voice| {
                let bars = self.bars.get(voice).and_then(|bars| bars.get(range_of(bars))).unwrap_or_default();
                bars.iter()
                    .flatten()
                    .any(|cell| cell.text.contains(|c: char| matches!(c, 'A'..='G' | 'a'..='g')) && sounds(&cell.text))
            })
            .collect();
        let in_force = self.in_force(*sounding.first()?, from)?;
        let heads: Vec<_> = sounding
            .iter()
            .filter_map(|&voice| {
                let mut head = self.sheet.voices.get(voice)?.clone();
                head.in_force = self.in_force(voice, from)?;
                Some(head)
            })
            .collect();
        let mut text = self.sheet.header(&in_force, &heads);
        let mut line = Line::default();
        let step = if self.interleaved && sounding.len() > 1 { BARS_PER_LINE } else { to - from };
        for start in (from..to).step_by(step.max(1)) {
            for (number, &voice) in sounding.iter().enumerate() {
                let cells = self.line_cells(voice, start, (start + step).min(to));
                for (index, mut cell) in cells.into_iter().enumerate() {
                    if start == from && index == 0 {
                        cell.text = differences(&cell.in_force, &in_force) + &cell.text;
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

    fn in_force(&self, voice: usize, bar: usize) -> Option<InForce> {
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
    let chars: Vec<char> = text.chars().collect();
    chars.iter().enumerate().any(|(index, &c)| {
        match c {
            '[' if chars.get(index + 2) == Some(&':') => within_field = true,
            ']' => within_field = false,
            _ => {}
        }
        !within_field && matches!(c, 'A'..='G' | 'a'..='g')
    })
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
