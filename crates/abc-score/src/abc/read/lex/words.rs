//! Words within the music: chord symbols, annotations, decorations.

use super::Lexer;
use crate::abc::read::body::performing::Ornament;
use crate::abc::read::token::{Mark, Token};

/// Quotes that word processors put in the place of `"`, and of `'` in pairs.
pub(super) const TYPOGRAPHIC_QUOTES: &str = "“”„‟«»″‘’‚‛‹›";

/// Dashes that they put in the place of `-`.
pub(super) const TYPOGRAPHIC_DASHES: &str = "‐‑–—−";

impl Lexer<'_> {
    /// A chord symbol or an annotation.
    pub(super) fn quoted(&mut self) {
        let is_typographic = self.peek(0) != Some('"');
        let behind = self.chars.iter().skip(self.at + 1);
        let by_either = behind.clone().position(|&c| TYPOGRAPHIC_QUOTES.contains(c) || c == '"');
        let plain = behind.clone().position(|&c| c == '"').filter(|_| !is_typographic);
        if is_typographic || plain.is_none() && by_either.is_some() {
            self.taken_for("quotes", '"');
        }
        match plain.or(by_either) {
            Some(width) => self.at += width + 2,
            None => {
                self.complain("this text has no closing \"");
                self.at = self.chars.len();
            }
        }
    }

    /// Says that what word processors make of a sign is read as that sign.
    pub(super) fn taken_for(&mut self, what: &str, sign: char) {
        let place = self.place();
        self.complaints.remark(place, format!("typographic {what}, taken for {sign}"));
    }

    /// What stands between a sign at this place and the next one.
    fn enclosed(&self, sign: char) -> Option<String> {
        let behind = self.chars.get(self.at + 1..)?;
        let width = behind.iter().position(|&c| c == sign)?;
        Some(behind.get(..width)?.iter().collect())
    }

    /// `+CEG+`, a chord of ABC 1.x, and no decoration such as `+f+`.
    pub(super) fn is_plus_chord(&self) -> bool {
        self.enclosed('+').is_some_and(|name| {
            let is_letter = |c: char| matches!(c, 'A'..='G' | 'a'..='g');
            let is_of_chord = |c: char| is_letter(c) || "^_=,'/ ".contains(c) || c.is_ascii_digit();
            velocity(&name).is_none()
                && name.chars().all(is_of_chord)
                && name.chars().filter(|&c| is_letter(c)).count() > 1
        })
    }

    /// `!trill!`, or a lone `!`, which older texts use as a line break.
    pub(super) fn decoration(&mut self, sign: char) {
        let place = self.place();
        let name = self.enclosed(sign).filter(|name| !name.trim().is_empty() && !name.contains(['|', '"']));
        let Some(name) = name.filter(|name| sign == '!' || name.trim() == name) else {
            if sign != '!' {
                self.complain(format!(
                    "{sign} begins a decoration that does not end: expected a name and another {sign}"
                ));
            }
            self.at += 1;
            return;
        };
        self.ornaments.extend(Ornament::of_name(&name));
        if let Some(mark) = Mark::named(&name) {
            self.push(Token::Mark(mark));
        } else if let Some(velocity) = velocity(&name) {
            self.push(Token::Dynamic(velocity));
        } else if name.contains(' ') {
            self.complaints.remark(place, format!("{sign}{name}{sign} is no decoration of the standard: passed over"));
        }
        self.at += self.enclosed(sign).map_or(0, |name| name.chars().count()) + 2;
    }
}

/// Loudness by the marks of dynamics, as in abc2midi.
fn velocity(name: &str) -> Option<u8> {
    Some(match name {
        "pppp" | "ppp" => 30,
        "pp" => 45,
        "p" => 60,
        "mp" => 75,
        "mf" => 90,
        "f" => 105,
        "ff" => 120,
        "fff" | "ffff" => 127,
        _ => return None,
    })
}
