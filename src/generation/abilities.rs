//! What a writer of tunes can do beyond syntax, one question with a yes or no at a time, so that a rate can be followed from size to size.
//!
//! ```text
//! header    X:, M:, L: and K: are there                          key      the notes' likeliest key has the tonic that K: names
//! bar       every bar lasts what its metre asks for              phrase   as played, it lasts a multiple of eight bars
//! repeat    there are repeat signs, and they balance             return   two bars in a row come back later on the page
//! cadence   it ends on the tonic                                 ending   its writer ended it
//! ```
//! The likeliest key is Krumhansl and Schmuckler's. Some of these come by chance now and then (key, phrase, cadence); people's rate,
//! measured in the same way, says how much each asks for.

use super::validity::bar_contents;
use super::{Rung, Validity};
use crate::music::key::find_key;
use crate::music::{Note, Score, SignKind, abc};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

const BARS_A_PHRASE: u32 = 8; // four and four: what nearly every dance tune consists of

/// One thing that a tune shows or does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// X:, M:, L: and K: are there.
    Header,
    /// The notes' likeliest key has the tonic that K: names.
    Key,
    /// Every bar lasts what its metre asks for.
    Bar,
    /// As played, it lasts a multiple of eight bars, to half a bar.
    Phrase,
    /// There are repeat signs, and they balance.
    Repeat,
    /// Two bars in a row come back later on the page.
    Return,
    /// Its last note is the tonic, or the last before the pickup of another round.
    Cadence,
    /// Its writer ended it.
    Ending,
}

impl Ability {
    /// In the order of the list above.
    pub const ALL: [Ability; 8] = [
        Ability::Header,
        Ability::Key,
        Ability::Bar,
        Ability::Phrase,
        Ability::Repeat,
        Ability::Return,
        Ability::Cadence,
        Ability::Ending,
    ];

    /// Those that a tune shows; `validity` is that of the same text.
    pub fn of(text: &str, validity: &Validity) -> Vec<Ability> {
        let score = abc::parse_lenient(text).ok().map(|(score, _)| score).filter(|score| score.n_notes() > 0);
        let is_shown = |ability: &Ability| match (ability, &score) {
            (Ability::Header, _) => validity.passes(Rung::HasHeaders),
            (Ability::Ending, _) => validity.passes(Rung::EndsByItself),
            (_, None) => false,
            (Ability::Key, Some(score)) => find_key(score).tonic() == score.key().tonic(),
            (Ability::Bar, Some(_)) => validity.passes(Rung::BarsFit),
            (Ability::Phrase, Some(score)) => is_whole_phrases(score),
            (Ability::Repeat, Some(score)) => {
                let repeats = |sign: &SignKind| matches!(sign, SignKind::RepeatEnds(_));
                score.signs.iter().any(|sign| repeats(&sign.kind)) && validity.passes(Rung::RepeatsBalance)
            }
            (Ability::Return, Some(score)) => two_bars_return(&bar_contents(&score.page())),
            (Ability::Cadence, Some(score)) => ends_on_tonic(score),
        };
        Ability::ALL.into_iter().filter(is_shown).collect()
    }
}

impl std::fmt::Display for Ability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Ability::Header => "header",
            Ability::Key => "key",
            Ability::Bar => "bar",
            Ability::Phrase => "phrase",
            Ability::Repeat => "repeat",
            Ability::Return => "return",
            Ability::Cadence => "cadence",
            Ability::Ending => "ending",
        })
    }
}

/// The music lasts a multiple of eight bars of its first metre, to half a bar: pickups share a bar with the last one.
fn is_whole_phrases(score: &Score) -> bool {
    let bar = score.meter().bar_ticks().max(1);
    let n_bars = (2 * u64::from(score.end_ticks()) + u64::from(bar)) / (2 * u64::from(bar)); // rounded
    n_bars > 0 && n_bars.is_multiple_of(u64::from(BARS_A_PHRASE))
}

/// Whether two neighbouring bars stand there again, the second time behind the first; one bar over and over is no return.
fn two_bars_return(bars: &[usize]) -> bool {
    let mut seen = HashSet::new();
    let pairs: Vec<(usize, usize)> = bars.windows(2).map(|pair| (pair[0], pair[1])).collect();
    pairs.iter().enumerate().any(|(index, pair)| {
        if let Some(earlier) = index.checked_sub(2).and_then(|earlier| pairs.get(earlier)) {
            seen.insert(*earlier);
        }
        pair.0 != pair.1 && seen.contains(pair)
    })
}

/// Of the notes that sound last the lowest counts. A tune that begins with a pickup may end with that of another round.
fn ends_on_tonic(score: &Score) -> bool {
    let key = score.keys.last().map_or(score.key(), |change| change.key);
    let pickup = score.bars().first().filter(|bar| bar.ticks < bar.meter.bar_ticks()).map_or(0, |bar| bar.ticks);
    let lowest_before = |end: u32| {
        let sounds =
            |note: &&Note| note.onset_ticks < end && note.onset_ticks.saturating_add(note.duration_ticks) >= end;
        let notes = score.voices.iter().filter(|voice| !voice.is_drums()).flat_map(|voice| &voice.notes);
        notes.filter(sounds).map(|note| note.pitch).min()
    };
    let end = score.end_ticks();
    [end, end.saturating_sub(pickup)].into_iter().filter_map(lowest_before).any(|pitch| pitch % 12 == key.tonic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ability::*;

    fn shown(body: &str) -> Vec<Ability> {
        let text = format!("X:1\nM:4/4\nL:1/4\nK:G\n{body}\n");
        Ability::of(&text, &Validity::of(&text, true))
    }

    #[test]
    fn a_tune_of_two_repeated_parts_shows_all_but_return() {
        let tune = "D|:GABc|dBGD|EGFA|G3D:|\n|:dBdg|edBG|ABcA|G3d:|"; // 16 bars as played, a pickup before them
        assert_eq!(shown(tune), [Header, Key, Bar, Phrase, Repeat, Cadence, Ending]);
    }

    #[test]
    fn each_is_shown_alone_or_missed_alone() {
        let eight = "GABc|dBGD|GABc|dBGA|GABc|dBGD|EGFA|G4|]"; // the first two bars come back
        assert_eq!(shown(eight), [Header, Key, Bar, Phrase, Return, Cadence, Ending]);
        assert!(!shown(&eight.replace("G4|]", "A4|]")).contains(&Cadence));
        assert!(!shown(&eight.replace("EGFA|", "EGFA|E4|")).contains(&Phrase));
        assert!(!shown(&eight.replace("EGFA|", "EGF|")).contains(&Bar));
        let in_a = "A2ce|a2ec|A2ce|a2^gf|e2ce|a2ec|B2^GE|A4|]";
        assert!(!shown(in_a).contains(&Key), "K:G stands over a tune in A");
        assert!(!shown("|:GABc|dBGD").contains(&Repeat));
        assert_eq!(Ability::of("", &Validity::of("", false)), []);
    }

    #[test]
    fn a_loop_of_one_bar_is_no_return_and_a_pair_does_not_overlap_itself() {
        for (bars, returns) in [
            (&[1, 2, 3, 1, 2][..], true),
            (&[1, 2, 1, 2], true),
            (&[1, 2, 1], false),
            (&[1, 1, 1, 1], false),
            (&[1, 2, 3, 4], false),
            (&[], false),
        ] {
            assert_eq!(two_bars_return(bars), returns, "{bars:?}");
        }
    }
}
