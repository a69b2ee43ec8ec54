//! Score → ABC text: one tune, as a person would write it.
//!
//! ```text
//! X:1
//! M:4/4
//! L:1/8
//! Q:1/4=120
//! K:G
//! V:1
//! %%MIDI channel 1
//! %%MIDI program 33
//! [V:1]G2B2 d2g2|f8-|f4 z4&D8|Z2|
//! ```

mod part;
mod pitches;
mod words;

use super::engrave::{Layer, Part, engrave, layers_of};
use super::spelling::push_length;
use super::{Layout, WriteOptions};
use crate::quantise::{bpm_of, to_grid};
use crate::score::{Bar, Meter, Score, TICKS_PER_BEAT, Voice};
use part::PartWriter;
use std::fmt::Write;

/// Unit note lengths that the writer chooses from, as the number under `L:1/`.
const UNITS: [u32; 4] = [8, 4, 16, 32];

/// Room that is set aside for the text.
const USUAL_BYTES_PER_NOTE: usize = 6;

/// Layers that a voice may have: more are hard to read.
const MOST_LAYERS: usize = 4;

/// abc2midi gives up beyond 39 tracks, and each layer of a voice takes one.
const MOST_TRACKS: usize = 38;

/// Bars in one line of text.
const BARS_PER_LINE: usize = 4;

/// So many bars in which every voice is silent get a line of their own, as `Z8|`.
const LONG_SILENCE: usize = 8;

/// Writes one tune: header, voices, and a blank line at the end. Times off the grid of [`to_grid`] are moved onto it; what is
/// played again stands once, between repeat signs.
///
/// A score whose voices are mostly silent is written in turn even when asked for interleaved, so that the text never
/// exceeds about 40 bytes a note plus 60 a voice plus 16 a change of metre, key or tempo in each voice.
pub fn write(score: &Score, options: &WriteOptions) -> String {
    let page = score.page();
    let score = to_grid(&page);
    let bars = score.bars();
    let signs = score.signs.iter().map(|sign| sign.tick);
    let mut cuts: Vec<u32> = score.tempos.iter().map(|change| change.tick).chain(signs.clone()).collect();
    cuts.sort_unstable();
    let cuts_of_others: Vec<u32> = signs.collect();
    let cuts_of = |voice| if voice == 0 { &cuts } else { &cuts_of_others };
    let layers = layers_within_budget(&score);
    let parts: Vec<Part> = layers.iter().enumerate().map(|(i, layers)| engrave(layers, &bars, cuts_of(i))).collect();
    let has_chords = parts.iter().any(|part| part.pieces().iter().any(|piece| part.pitches(piece).len() > 1));
    let unit = choose_unit(&parts);
    let meter = bars.first().map_or(score.meter(), |bar| bar.meter);
    let mut text = header(&score, meter, unit, has_chords, options);
    text.reserve(USUAL_BYTES_PER_NOTE * score.n_notes());
    let singing_voice = words::singing_voice(&score).filter(|_| options.title);
    let writer = |(i, part)| {
        let words = if singing_voice == Some(i) { score.words.as_slice() } else { &[] };
        PartWriter::new(&score, i, part, &bars, unit, options.title, words)
    };
    let mut writers: Vec<PartWriter> = parts.into_iter().enumerate().map(writer).collect();
    for line in lines_of(&writers, &bars, options.layout, score.n_notes()) {
        if let Some(writer) = writers.get_mut(line.voice) {
            writer.write_line(&mut text, line.from_bar, line.to_bar);
        }
    }
    text.push('\n');
    text
}

/// The layers of each voice: as many as its overlaps need, as long as abc2midi has tracks for all of them.
fn layers_within_budget(score: &Score) -> Vec<Vec<Layer>> {
    let mut most = MOST_LAYERS;
    loop {
        let layers: Vec<Vec<Layer>> = score.voices.iter().map(|voice| layers_of(voice, most)).collect();
        if most == 1 || layers.iter().map(Vec::len).sum::<usize>() <= MOST_TRACKS {
            return layers;
        }
        most -= 1;
    }
}

fn header(score: &Score, meter: Meter, unit: u32, has_chords: bool, options: &WriteOptions) -> String {
    let mut text = String::from("X:1\n");
    if let (true, Some(title)) = (options.title, &score.title) {
        let _ = writeln!(text, "T:{}", plain(title).trim()); // writing to a String cannot fail, here and below
    }
    let bpm = score.tempos.first().map_or_else(|| "120".to_string(), |change| bpm_of(change.micros_per_beat));
    let clef = |voice: &Voice| if options.title { clef_of(voice) } else { "" };
    let key = match score.voices.as_slice() {
        [voice] if options.title && voice.is_drums() => format!("none{}", clef(voice)),
        [voice] => score.key().in_abc() + clef(voice),
        _ => score.key().in_abc(),
    };
    let _ = write!(text, "M:{meter}\nL:1/{unit}\nQ:1/4={bpm}\nK:{key}\n");
    if has_chords {
        text.push_str("%%MIDI chordattack 0\n"); // abc2midi would play the notes of a chord one after the other
    }
    for (i, voice) in score.voices.iter().enumerate() {
        if score.voices.len() > 1 {
            let name = voice.name.as_ref().filter(|_| options.title).map(|name| format!(" name=\"{}\"", plain(name)));
            let _ = writeln!(text, "V:{}{}{}", i + 1, clef(voice), name.unwrap_or_default());
        }
        if score.voices.len() > 1 || voice.channel != 0 {
            let _ = writeln!(text, "%%MIDI channel {}", voice.channel + 1);
        }
        if let Some(first) = voice.programs.first().filter(|change| change.tick == 0) {
            let _ = writeln!(text, "%%MIDI program {}", first.program);
        }
    }
    text
}

/// A name without what would end it or mean something else.
fn plain(name: &str) -> String {
    let is_plain = |c: &char| !c.is_control() && !"%\\\"".contains(*c);
    name.chars().map(|c| Some(c).filter(is_plain).unwrap_or(' ')).collect()
}

/// Where most of a voice's notes would stand far below a treble staff, and for drums.
fn clef_of(voice: &Voice) -> &'static str {
    const LOWEST_ON_TREBLE: u8 = 57; // the A below middle C, on two ledger lines
    let n_low = voice.notes.iter().filter(|note| note.pitch < LOWEST_ON_TREBLE).count();
    match voice.is_drums() {
        true => " clef=perc",
        false if 2 * n_low > voice.notes.len() => " clef=bass",
        false => "",
    }
}

/// The unit with which all lengths take the fewest characters.
fn choose_unit(parts: &[Part]) -> u32 {
    const FINEST: u32 = 5; // every written length is a multiple of 5 ticks
    let mut counts: Vec<usize> = Vec::new(); // by length
    for piece in parts.iter().flat_map(Part::pieces) {
        let index = (piece.written / FINEST) as usize;
        if index >= counts.len() {
            counts.resize(index + 1, 0);
        }
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    let lengths = counts.iter().zip(0_u32..).filter(|(n, _)| **n > 0).map(|(n, index)| (n, index * FINEST));
    let mut text = String::new();
    let mut n_chars = |unit: u32, written: u32| {
        text.clear();
        push_length(&mut text, written, 4 * TICKS_PER_BEAT / unit);
        text.len()
    };
    let mut cost = |unit: &u32| lengths.clone().map(|(n, written)| n * n_chars(*unit, written)).sum::<usize>();
    UNITS.into_iter().min_by_key(|unit| cost(unit)).unwrap_or(8)
}

/// One line of text.
#[derive(Debug, Clone, Copy)]
struct TextLine {
    voice: usize,
    from_bar: usize,
    /// The bar after its last.
    to_bar: usize,
}

/// Lines of text in order.
fn lines_of(writers: &[PartWriter], bars: &[Bar], layout: Layout, n_notes: usize) -> Vec<TextLine> {
    let groups = line_groups(writers, bars.len());
    let sparse = groups.len() * writers.len() > 4 * n_notes + 64;
    if layout == Layout::InTurn || sparse {
        let in_turn = |(voice, writer)| lines_in_turn(&groups, voice, writer);
        return writers.iter().enumerate().flat_map(in_turn).collect();
    }
    let mut lines = Vec::new();
    for &(from_bar, to_bar) in &groups {
        let playing = writers.iter().enumerate().filter(|(_, writer)| from_bar < writer.end_bar);
        lines.extend(playing.map(|(voice, writer)| TextLine { voice, from_bar, to_bar: to_bar.min(writer.end_bar) }));
    }
    let ended = writers.iter().enumerate().filter(|(_, writer)| writer.end_bar < bars.len());
    let rest = |(voice, writer): (usize, &PartWriter)| TextLine { voice, from_bar: writer.end_bar, to_bar: bars.len() };
    lines.extend(ended.map(rest)); // all voices are equally long
    lines
}

/// Groups of bars, joined where this voice is silent.
fn lines_in_turn(groups: &[(usize, usize)], voice: usize, writer: &PartWriter) -> Vec<TextLine> {
    let mut lines: Vec<TextLine> = Vec::new();
    for &(from_bar, to_bar) in groups {
        let sounds = writer.part.next_bar(from_bar).is_some_and(|bar| bar < to_bar);
        match lines.last_mut() {
            Some(last) if !sounds => last.to_bar = to_bar,
            _ => lines.push(TextLine { voice, from_bar, to_bar }),
        }
    }
    lines
}

/// Four bars each; a long silence of all voices is one group.
fn line_groups(writers: &[PartWriter], n_bars: usize) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < n_bars {
        let next_sound = writers.iter().filter_map(|writer| writer.part.next_bar(from)).min();
        let silence = next_sound.unwrap_or(n_bars) - from;
        let n = if silence >= LONG_SILENCE { silence } else { BARS_PER_LINE };
        groups.push((from, (from + n).min(n_bars)));
        from += n;
    }
    groups
}

#[cfg(test)]
mod tests;
