//! Bar lines, measured: how many notes begin in each bar of an ABC text, counted from its characters by a reader of its own.
//!
//! Only what bar lines need is understood: lengths, ties, tuplets, grace notes, metres. The end of a line is a bar line where the
//! bar is full, and bars without time, such as the one in `|| |:`, are none.

use music_scaling::music::Score;

/// Whether the score's page has as many notes in each bar as the text; `None` for texts with several voices or an order of
/// parts, which are not counted. Silent bars at the end do not matter.
pub fn are_equal(text: &str, score: &Score) -> Option<bool> {
    let expected = Counter::count(text)?;
    let page = score.page();
    let notes = page.voices.iter().find(|voice| !voice.notes.is_empty()).map(|voice| voice.notes.as_slice());
    let onsets: Vec<u32> = notes.unwrap_or_default().iter().map(|note| note.onset_ticks).collect();
    let n_before = |tick: u32| onsets.partition_point(|&onset| onset < tick);
    let found = page.bars().iter().map(|bar| n_before(bar.end_ticks()) - n_before(bar.start_ticks)).collect();
    Some(without_silent_end(expected) == without_silent_end(found))
}

fn without_silent_end(mut bars: Vec<usize>) -> Vec<usize> {
    bars.truncate(bars.iter().rposition(|&n| n > 0).map_or(0, |last| last + 1));
    bars
}

/// Sums of lengths that differ by less are equal.
const TOLERANCE: f64 = 1e-6;

struct Counter {
    chars: Vec<char>,
    at: usize,
    /// Whole notes: of the unit note length, and of a bar, which free metre has none of.
    unit: f64,
    meter: Option<f64>,
    bars: Vec<usize>,
    n_notes: usize,
    /// Whole notes since the bar line.
    time: f64,
    /// The letters, with octave marks, whose tie waits for its second note.
    tied: Vec<String>,
    /// Notes left in the tuplet, and the factor of their lengths.
    tuplet: (u32, f64),
    in_grace: bool,
}

impl Counter {
    fn count(text: &str) -> Option<Vec<usize>> {
        let (mut body, mut in_body, mut unit, mut meter) = (String::new(), false, None, Some(1.0));
        for line in text.lines() {
            let field = line.split_once(':').filter(|(letter, _)| letter.len() == 1 && !letter.starts_with(['|', ':']));
            match field {
                Some(("V", _)) => return None,
                Some(("P", _)) if !in_body => return None,
                Some((letter @ ("M" | "L"), value)) if in_body => body += &format!("[{letter}:{value}]"),
                Some(("M", value)) => meter = meter_of(value),
                Some(("L", value)) => unit = meter_of(value),
                Some(("K", _)) => in_body = true,
                None if in_body => body += &format!("{}\n", line.split('%').next().unwrap_or_default()),
                _ => {}
            }
        }
        let unit = unit.unwrap_or(if meter.is_none_or(|meter| meter >= 0.75) { 0.125 } else { 0.0625 });
        let chars = body.chars().collect();
        let (bars, tied) = (Vec::new(), Vec::new());
        let mut counter =
            Counter { chars, at: 0, unit, meter, bars, n_notes: 0, time: 0.0, tied, tuplet: (0, 1.0), in_grace: false };
        while let Some(c) = counter.next() {
            counter.symbol(c)?;
        }
        counter.end_bar();
        Some(counter.bars)
    }

    fn peek(&self) -> char {
        self.chars.get(self.at).copied().unwrap_or('\n')
    }

    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.chars.get(self.at - 1).copied()
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let taken: String = self.chars.iter().skip(self.at).copied().take_while(|&c| belongs(c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn symbol(&mut self, c: char) -> Option<()> {
        match c {
            '"' | '!' => {
                self.take_while(|other| other != c && other != '\n');
                self.at += 1;
            }
            '{' | '}' => self.in_grace = c == '{',
            '\n' if self.tuplet.0 == 0 && self.meter.is_some_and(|bar| (self.time - bar).abs() < TOLERANCE) => {
                self.end_bar()
            }
            '|' => self.end_bar(),
            ':' if matches!(self.peek(), ':' | '|') => self.end_bar(),
            '(' if self.peek().is_ascii_digit() => self.begin_tuplet(),
            '[' => self.bracket()?,
            '^' | '_' | '=' | 'A'..='G' | 'a'..='g' => {
                self.at -= 1;
                let note = self.note();
                self.sound(&[note.0], note.1, note.2);
            }
            'z' | 'x' => {
                let length = self.length();
                self.sound(&[], length, false);
            }
            'Z' => {
                self.end_bar();
                let n_bars = self.take_while(|c| c.is_ascii_digit()).parse().unwrap_or(1);
                self.bars.extend(std::iter::repeat_n(0, n_bars));
            }
            _ => {}
        }
        Some(())
    }

    fn end_bar(&mut self) {
        if self.time > TOLERANCE {
            self.bars.push(self.n_notes);
        }
        (self.n_notes, self.time, self.tuplet) = (0, 0.0, (0, 1.0));
    }

    /// Behind `[`: a field, a bar line, an ending or a chord; `None` for a change of voice.
    fn bracket(&mut self) -> Option<()> {
        if self.chars.get(self.at + 1) == Some(&':') {
            let field = self.take_while(|c| c != ']');
            match field.split_at(2) {
                ("V:", _) => return None,
                ("M:", value) => self.meter = meter_of(value),
                ("L:", value) => self.unit = meter_of(value).unwrap_or(self.unit),
                _ => {}
            }
        } else if self.peek() != '|' && !self.peek().is_ascii_digit() {
            let (mut letters, mut length) = (Vec::new(), None);
            while !matches!(self.peek(), ']' | '\n') {
                if matches!(self.peek(), '^' | '_' | '=' | 'A'..='G' | 'a'..='g') {
                    let note = self.note();
                    letters.push(note.0);
                    length = length.or(Some(note.1));
                } else {
                    self.at += 1;
                }
            }
            self.at += 1;
            let times = self.length();
            let tied = self.takes_tie();
            self.sound(&letters, length.unwrap_or(0.0) * times, tied);
        }
        Some(())
    }

    /// Letter with octave marks, length and whether it is tied.
    fn note(&mut self) -> (String, f64, bool) {
        self.take_while(|c| matches!(c, '^' | '_' | '='));
        let letter = self.next().unwrap_or_default().to_string() + &self.take_while(|c| matches!(c, ',' | '\''));
        (letter, self.length(), self.takes_tie())
    }

    fn takes_tie(&mut self) -> bool {
        !self.take_while(|c| c == '-').is_empty()
    }

    /// `3`, `/2`, `3/2`, `//`: in units.
    fn length(&mut self) -> f64 {
        let number = |text: String| text.parse::<f64>().ok();
        let whole = number(self.take_while(|c| c.is_ascii_digit())).unwrap_or(1.0);
        let halvings = self.take_while(|c| c == '/').len() as i32;
        let parts = if halvings > 0 { number(self.take_while(|c| c.is_ascii_digit())) } else { None };
        whole / parts.unwrap_or(2f64.powi(halvings))
    }

    fn begin_tuplet(&mut self) {
        let text = self.take_while(|c| c.is_ascii_digit() || c == ':');
        let mut numbers = text.split(':').map(|number| number.parse::<u32>().ok());
        let (p, q, r) = (numbers.next().flatten().unwrap_or(3), numbers.next().flatten(), numbers.next().flatten());
        let in_threes = self.meter.is_some_and(|bar| (bar * 8.0) % 3.0 < TOLERANCE && bar * 8.0 > 3.5);
        let usual = match p {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            _ => 2 + u32::from(in_threes),
        };
        self.tuplet = (r.unwrap_or(p), f64::from(q.unwrap_or(usual)) / f64::from(p.max(1)));
    }

    fn sound(&mut self, letters: &[String], units: f64, tied: bool) {
        self.n_notes += letters.iter().filter(|&letter| self.in_grace || !self.tied.contains(letter)).count();
        if self.in_grace {
            return;
        }
        self.tied = if tied { letters.to_vec() } else { Vec::new() };
        self.time += units * self.unit * if self.tuplet.0 > 0 { self.tuplet.1 } else { 1.0 };
        self.tuplet.0 = self.tuplet.0.saturating_sub(1);
    }
}

/// `C`, `C|` or `6/8`; none for `none`.
fn meter_of(value: &str) -> Option<f64> {
    let value = value.split('%').next().unwrap_or_default().trim();
    if value.starts_with('C') {
        return Some(1.0);
    }
    let (numerator, denominator) = value.split_once('/')?;
    Some(numerator.trim().parse::<f64>().ok()? / denominator.trim().parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_counted_in_each_bar_of_the_text() {
        let count = |body: &str| Counter::count(&format!("X:1\nM:4/4\nL:1/4\nK:C\n{body}\n")).unwrap();
        assert_eq!(count("G|CDEF|GA-|A2B2||c4|]"), [1, 4, 2, 1, 1]);
        assert_eq!(count("|:\"Am\"[CE]2 (3GAB|z2{d}c2:|[1 !trill!C4|Z2|D4"), [5, 2, 1, 0, 0, 1]);
        assert_eq!(count("C2D2\n^F4|[M:3/4]A3 % C4\nA3|"), [2, 1, 1, 1]);
        assert_eq!(Counter::count("X:1\nK:C\n[V:2]C"), None);
    }

    #[test]
    fn a_page_is_compared_bar_by_bar() {
        let text = "X:1\nM:4/4\nL:1/4\nK:C\nG|CDEF|C3:|\nG|[1C4:|[2D4|]\n";
        let score = music_scaling::music::abc::parse(text).unwrap();
        assert_eq!(are_equal(text, &score), Some(true));
        assert_eq!(are_equal(&text.replace("G|", "G"), &score), Some(false));
    }
}
