//! The validity ladder: how far up raw model output gets.
//!
//! ```text
//! 1 has the headers   X:, M:, L: and K:, and something behind them
//! 2 parses strictly   the strict reader (ABC standard 2.1) has no complaint, and finds a note
//! 3 bars fit          every bar lasts what its metre asks for; pickup, last bar and bars beside a repeat sign may be shorter
//! 4 is music          sounds for half of its time or more, on three pitches or more, no bar more than eight times in a row
//! 5 repeats balance   every |: is closed, and no ending stands without the other
//! 6 ends by itself    with a blank line, before the longest length allowed
//! ```
//! Each rung is judged by itself, 3 to 5 on what the lenient reader makes of the text, so that each can fail alone. Nothing is
//! repaired before. That a text becomes a MIDI file is no rung: whatever parses does.
//! Bar alignment error is NotaGen's (Wang et al. 2025): the share of bars that do not add up.

use super::features::structure::notes_of_bars;
use super::headers::{complete, header_len};
use crate::music::abc::{self, Complaint};
use crate::music::{Score, Sign, SignKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A bar that is played more often than this in a row is a loop, not a tune.
const MOST_IN_A_ROW: usize = 8;
const FEWEST_PITCHES: usize = 3;

/// One rung of the ladder, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// X:, M:, L: and K:, and something behind them.
    HasHeaders,
    /// The strict reader has no complaint, and finds a note.
    ParsesStrictly,
    /// Every bar lasts what its metre asks for.
    BarsFit,
    /// It sounds, moves and is no loop.
    IsMusic,
    /// Repeat signs and endings belong together.
    RepeatsBalance,
    /// The blank line came before the longest length allowed.
    EndsByItself,
}

impl Rung {
    /// From the lowest up.
    pub const ALL: [Rung; 6] = [
        Rung::HasHeaders,
        Rung::ParsesStrictly,
        Rung::BarsFit,
        Rung::IsMusic,
        Rung::RepeatsBalance,
        Rung::EndsByItself,
    ];
}

impl std::fmt::Display for Rung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Rung::HasHeaders => "has the headers",
            Rung::ParsesStrictly => "parses strictly",
            Rung::BarsFit => "bars fit",
            Rung::IsMusic => "is music",
            Rung::RepeatsBalance => "repeats balance",
            Rung::EndsByItself => "ends by itself",
        })
    }
}

/// A rung that a text does not pass, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub rung: Rung,
    /// The first thing that is wrong, with line and column where it has a place.
    pub reason: String,
}

/// What one text passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The rungs that it fails, the lowest first; none if it passes them all.
    pub failures: Vec<Failure>,
    /// Bars on the page, as the lenient reader counts them.
    pub n_bars: usize,
    /// Those of them that do not add up.
    pub n_bar_errors: usize,
}

impl Validity {
    /// Judges one tune as it is. `ended` says whether its writer ended it; people's tunes have ended.
    pub fn of(text: &str, ended: bool) -> Validity {
        let lenient = abc::parse_lenient(text);
        let score = lenient.as_ref().ok().map(|(score, _)| score.page()).filter(|score| score.n_notes() > 0);
        let bar_errors = abc::bar_errors(text).unwrap_or_default();
        let silent = || "there is not one note".to_string();
        let of_score = |judge: fn(&Score) -> Option<String>| score.as_deref().map_or_else(|| Some(silent()), judge);
        let first = |complaints: &[Complaint]| complaints.first().map(ToString::to_string);
        let failure = |rung: Rung| -> Option<Failure> {
            let reason = match rung {
                Rung::HasHeaders => missing_headers(text),
                Rung::ParsesStrictly => match &lenient {
                    Ok((_, complaints)) => first(complaints).or_else(|| score.is_none().then(silent)),
                    Err(error) => Some(error.to_string()),
                },
                Rung::BarsFit => of_score(|_| None).or_else(|| first(&bar_errors)),
                Rung::IsMusic => of_score(no_music),
                Rung::RepeatsBalance => of_score(|score| unbalanced(&score.signs).map(str::to_string)),
                Rung::EndsByItself => (!ended).then(|| "it was cut at the longest length allowed".to_string()),
            };
            reason.map(|reason| Failure { rung, reason })
        };
        Validity {
            failures: Rung::ALL.into_iter().filter_map(failure).collect(),
            n_bars: score.as_ref().map_or(0, |score| score.n_bars().max(bar_errors.len())),
            n_bar_errors: bar_errors.len(),
        }
    }

    /// Whether it passes this rung, whatever it does on the others.
    pub fn passes(&self, rung: Rung) -> bool {
        self.failures.iter().all(|failure| failure.rung != rung)
    }

    /// Whether it passes every rung.
    pub fn passes_all(&self) -> bool {
        self.failures.is_empty()
    }

    /// The lowest rung that it does not pass.
    pub fn first_failure(&self) -> Option<&Failure> {
        self.failures.first()
    }
}

impl std::fmt::Display for Validity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.first_failure() {
            None => write!(f, "passes every rung"),
            Some(Failure { rung, reason }) => write!(f, "fails at \"{rung}\" ({reason})"),
        }
    }
}

/// Which of X:, M:, L: and K: are not there.
fn missing_headers(text: &str) -> Option<String> {
    if text.get(header_len(text)..).is_none_or(|body| body.trim().is_empty()) {
        return Some("there is nothing behind the header".to_string());
    }
    let missing: Vec<String> =
        complete(text).added.iter().filter_map(|line| Some(line.get(..2)?.to_string())).collect();
    (!missing.is_empty()).then(|| format!("{} missing", missing.join(" ")))
}

/// Why the notes of a page are no music.
fn no_music(score: &Score) -> Option<String> {
    let mut notes: Vec<_> = score.voices.iter().flat_map(|voice| &voice.notes).collect();
    notes.sort_unstable();
    let (mut sounding, mut reached) = (0, 0);
    for note in &notes {
        let end = note.onset_ticks.saturating_add(note.duration_ticks);
        sounding += end.saturating_sub(reached.max(note.onset_ticks));
        reached = reached.max(end);
    }
    if 2 * u64::from(sounding) < u64::from(reached) {
        return Some(format!(
            "it rests for {:.0} % of its time",
            100.0 * (1.0 - f64::from(sounding) / f64::from(reached))
        ));
    }
    let mut pitches: Vec<u8> = notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    if pitches.len() < FEWEST_PITCHES {
        return Some(format!("it has {} pitches only", pitches.len()));
    }
    let in_a_row = most_in_a_row(&bar_contents(score));
    (in_a_row > MOST_IN_A_ROW).then(|| format!("one bar stands there {in_a_row} times in a row"))
}

/// Each bar's length and notes as a number: the same for the same music.
pub(super) fn bar_contents(score: &Score) -> Vec<usize> {
    let mut known = HashMap::new();
    let mut number = |content| {
        let next = known.len();
        *known.entry(content).or_insert(next)
    };
    score.bars().iter().map(|bar| bar.ticks).zip(notes_of_bars(score)).map(&mut number).collect()
}

fn most_in_a_row(bars: &[usize]) -> usize {
    bars.chunk_by(|a, b| a == b).map(<[usize]>::len).max().unwrap_or(0)
}

/// What does not belong together among the repeat signs. A `:|` without `|:` goes back to the last section, as the standard
/// says (2.1, section 4.8), and is right.
fn unbalanced(signs: &[Sign]) -> Option<&'static str> {
    /// What has been seen of a pair of endings.
    #[derive(PartialEq)]
    enum Endings {
        None,
        InFirst,
        FirstClosed,
    }
    const OPEN: &str = "a |: is not closed";
    const ALONE: &str = "a first ending has no second";
    let (mut is_open, mut endings) = (false, Endings::None);
    for sign in signs {
        match &sign.kind {
            SignKind::RepeatBegins if is_open => return Some(OPEN),
            SignKind::RepeatBegins if endings != Endings::None => return Some(ALONE),
            SignKind::RepeatBegins => is_open = true,
            SignKind::RepeatEnds(_) => {
                is_open = false;
                if endings == Endings::InFirst {
                    endings = Endings::FirstClosed;
                }
            }
            SignKind::Ending(passes) if passes.contains(&1) => match endings {
                Endings::None => endings = Endings::InFirst,
                _ => return Some(ALONE),
            },
            SignKind::Ending(_) if endings == Endings::FirstClosed => endings = Endings::None,
            SignKind::Ending(_) => return Some("a second ending has no first before it"),
            SignKind::Double | SignKind::Final => {}
        }
    }
    match (is_open, endings) {
        (true, _) => Some(OPEN),
        (false, Endings::None) => None,
        (false, _) => Some(ALONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::music::midi;

    const HEADER: &str = "X:1\nM:4/4\nL:1/8\nK:G\n";

    /// The rungs that a body under the header above fails.
    fn failed(body: &str) -> Vec<Rung> {
        Validity::of(&format!("{HEADER}{body}\n"), true).failures.into_iter().map(|failure| failure.rung).collect()
    }

    #[test]
    fn a_good_tune_climbs_the_whole_ladder() {
        assert_eq!(failed("GABc d2B2|[Gd]4 G4|]"), []);
        assert_eq!(failed("Bc|:dedB GABc|1 dBAF G2Bc:|2 dBAF G4|]"), []);
        let two_voices = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nV:2\n[V:1]cdef|\n[V:2]C2 G,2|\n";
        assert!(Validity::of(two_voices, true).passes_all());
    }

    #[test]
    fn each_rung_fails_alone() {
        let one = |text: &str, ended: bool| {
            let validity = Validity::of(text, ended);
            let [failure] = &validity.failures[..] else { panic!("{:?}", validity.failures) };
            (failure.rung, failure.reason.clone())
        };
        let tune = |body: &str| one(&format!("{HEADER}{body}\n"), true);
        let without_l = "X:1\nM:4/4\nK:G\nGABc d2B2|G8|]\n";
        assert_eq!(one(without_l, true), (Rung::HasHeaders, "L: missing".to_string()));
        let (rung, reason) = tune("GABc d2B2|[Gd 4 G4|]");
        assert!(rung == Rung::ParsesStrictly && reason.starts_with("line 5, column 15"), "{reason}");
        let (rung, reason) = tune("GABc d2B2|GABc d2B2 G2|G8|]");
        assert_eq!(
            (rung, reason.as_str()),
            (Rung::BarsFit, "line 5, column 11: this bar lasts 5 quarter notes, but 4/4 asks for 4")
        );
        assert_eq!(tune("z8|z8|GABc z4|]"), (Rung::IsMusic, "it rests for 80 % of its time".to_string()));
        assert_eq!(tune("GDGD GDGD|G8|]"), (Rung::IsMusic, "it has 2 pitches only".to_string()));
        let loops = "GABc d2B2|".repeat(9);
        assert_eq!(tune(&loops), (Rung::IsMusic, "one bar stands there 9 times in a row".to_string()));
        assert_eq!(tune("|:GABc d2B2|G8|]"), (Rung::RepeatsBalance, "a |: is not closed".to_string()));
        let good = format!("{HEADER}GABc d2B2|G8|]\n");
        assert_eq!(one(&good, false), (Rung::EndsByItself, "it was cut at the longest length allowed".to_string()));
    }

    #[test]
    fn nothing_a_header_alone_rests_and_words_fail_what_needs_notes() {
        use Rung::*;
        let needs_notes = [ParsesStrictly, BarsFit, IsMusic, RepeatsBalance];
        assert_eq!(failed("z8|z8|"), needs_notes);
        assert_eq!(failed("???!!"), needs_notes);
        assert_eq!(failed(""), [&[HasHeaders][..], &needs_notes].concat());
        assert_eq!(Validity::of("", false).failures.len(), 6);
    }

    #[test]
    fn repeats_and_endings_balance() {
        for right in
            ["G8:|", "|:G8:|", "|:G8:|:A8:|", "G8::A8:|", "G8|1A8:|2B8|]", "|:G8|1A8:|2B8||G8:|", "|:G8|1,3A8:|2B8:|"]
        {
            assert!(!failed(&format!("cdef gfed|{right}")).contains(&Rung::RepeatsBalance), "{right}");
        }
        for wrong in ["|:G8|:A8:|", "|:G8|1A8:|", "|:G8|1A8|]", "|:G8|1A8:|:B8:|", "|:G8|]"] {
            assert_eq!(failed(&format!("cdef gfed|{wrong}")), [Rung::RepeatsBalance], "{wrong}");
        }
    }

    #[test]
    fn bars_are_counted_as_the_page_shows_them() {
        let validity = Validity::of(&format!("{HEADER}|:GABc d2B2|GABc d2:|\nG8|G8 A|G8|]\n"), true);
        assert_eq!((validity.n_bars, validity.n_bar_errors), (5, 1)); // a bar beside a repeat sign may be short
    }

    #[test]
    fn whatever_parses_becomes_midi() {
        for body in
            ["GABc d2B2|G8|]", "GABc d2B2 G2|", "[AC4]CBc d2B2|G8|]", "{g}a~b(3cde z2|!trill!G8|]", "|:G8|1A8|2B8"]
        {
            let score = abc::parse_lenient(&format!("{HEADER}{body}\n")).unwrap().0;
            assert_eq!(midi::read(&midi::write(&score)).unwrap().n_notes(), score.n_notes(), "{body}");
        }
    }
}
