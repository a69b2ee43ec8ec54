//! Bar lines and endings.

use super::Lexer;
use crate::abc::read::token::{Bar, BarStyle, Token};

impl Lexer<'_> {
    /// A run such as `|`, `||`, `|]`, `[|`, `:|`, `|:`, `::`, `:|:`, `:|]`; an ending number may stand directly behind it.
    pub(super) fn bar(&mut self) {
        let place = self.place();
        self.ornaments.clear(); // they decorate the bar line
        let start = self.at;
        while let Some(c) = self.peek(0) {
            let belongs = match c {
                '|' | ':' => true,
                ']' => self.at > start && self.chars.get(self.at - 1) == Some(&'|'),
                '[' => matches!(self.peek(1), Some('|')),
                _ => false,
            };
            if !belongs {
                break;
            }
            self.at += 1;
        }
        let run: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
        match bar_of_run(&run) {
            Some(bar) => self.push_at(place, Token::Bar(bar)),
            None => self.complaints.add(place, format!("{run:?} is not a bar line: expected | || |] |: :| or ::")),
        }
        if self.peek(0).is_some_and(|c| c.is_ascii_digit()) {
            self.ending();
        }
    }

    /// `1`, `1,3`, `1-3`, also `1, 3`, `1 3`, `1 & 3` and `1.3.`
    pub(super) fn ending(&mut self) {
        let place = self.place();
        let mut passes: Vec<u32> = Vec::new();
        let mut range_from = None;
        while let Some(number) = self.number() {
            let first = range_from.take().unwrap_or(number);
            passes.extend((first..=number).take(32)); // nobody plays a section more often
            let n_between = self.chars.iter().skip(self.at).take_while(|&&c| " ,.&".contains(c)).count();
            match (self.peek(0), self.peek(1), self.peek(n_between)) {
                (Some('-'), Some('0'..='9'), _) => {
                    self.at += 1;
                    range_from = Some(number.saturating_add(1));
                }
                (.., Some('0'..='9')) => self.at += n_between,
                _ => break,
            }
        }
        passes.truncate(64);
        if passes.is_empty() || passes.contains(&0) {
            self.complaints.add(place, "an ending needs the numbers of its passes, such as [1 or [1,3");
        } else {
            self.push_at(place, Token::Ending(passes));
        }
    }
}

/// Reads a run of `|`, `:`, `[` and `]`. A colon in front of a line ends a repeat, one behind it begins one.
fn bar_of_run(run: &str) -> Option<Bar> {
    let lines = run.matches('|').count();
    if lines == 0 {
        let colons = u8::try_from(run.len()).ok().filter(|&n| (2..=8).contains(&n))?;
        return Some(Bar { ends: colons / 2, begins: colons - colons / 2, style: BarStyle::Plain });
    }
    let colons_before: usize = run.split('|').next().map_or(0, |head| head.matches(':').count());
    let colons_after: usize = run.rsplit('|').next().map_or(0, |tail| tail.matches(':').count());
    let ends_within = run.contains(":|") && colons_before == 0 && colons_after == 0; // such as [|]:|
    let style = match () {
        () if run.contains("[|]") && colons_before + colons_after == 0 && !ends_within => BarStyle::Invisible,
        () if run.contains("|]") => BarStyle::Final,
        () if run.contains("[|") => BarStyle::Opening,
        () if lines > 1 => BarStyle::Double,
        () => BarStyle::Plain,
    };
    let ends = u8::try_from(colons_before).ok()?.max(u8::from(ends_within));
    let begins = u8::try_from(colons_after).ok()?;
    (ends <= 8 && begins <= 8).then_some(Bar { ends, begins, style })
}
