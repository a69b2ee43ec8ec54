//! The validity ladder: how far up raw model output gets.
//!
//! It has a body, can be salvaged, parses strictly, its bars add up, it converts to MIDI, and that MIDI file reads back with the
//! same notes. Nothing is repaired before: what a model left out (a header line, a bar line) counts against it.

use super::headers::header_len;
use crate::music::abc2midi;
use crate::music::{Note, Score, abc, midi};
use serde::{Deserialize, Serialize};

/// How many complaints are kept in words.
const N_COMPLAINTS: usize = 5;

/// What one text passes. Each rung is judged by itself, so a tune whose bars do not add up can still convert to MIDI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// There is something behind the header.
    pub has_body: bool,
    /// The lenient reader finds at least one note.
    pub salvageable: bool,
    /// The strict reader (ABC standard 2.1) takes it without a complaint.
    pub parses_strictly: bool,
    /// There are bars, and each lasts what the metre asks for.
    pub bars_add_up: bool,
    /// The strictly parsed score has notes and becomes a MIDI file.
    pub converts_to_midi: bool,
    /// That MIDI file read again has the same notes: pitch, onset, duration, velocity and channel.
    pub survives_round_trip: bool,
    /// abc2midi converts it without reporting an error; `None` where abc2midi is not installed.
    pub abc2midi: Option<bool>,
    /// Complaints of the lenient reader.
    pub n_complaints: usize,
    /// Bars that do not add up.
    pub n_bar_errors: usize,
    /// The first few of both, in words with line and column.
    pub complaints: Vec<String>,
}

/// One rung: what it says of a text that passes, and whether one does.
pub(super) type Rung = (&'static str, fn(&Validity) -> bool);

pub(super) const LADDER: [Rung; 6] = [
    ("has a body", |v| v.has_body),
    ("can be salvaged", |v| v.salvageable),
    ("parses strictly", |v| v.parses_strictly),
    ("bars add up", |v| v.bars_add_up),
    ("converts to MIDI", |v| v.converts_to_midi),
    ("survives the round trip", |v| v.survives_round_trip),
];

impl Validity {
    /// Judges one tune as it is.
    pub fn of(text: &str) -> Validity {
        let has_body = text.get(header_len(text)..).is_some_and(|body| !body.trim().is_empty());
        let strict = abc::parse(text).ok().filter(|score| score.n_notes() > 0);
        let (salvageable, mut complaints) = match abc::parse_lenient(text) {
            Ok((score, complaints)) => (score.n_notes() > 0, complaints.iter().map(ToString::to_string).collect()),
            Err(error) => (false, vec![error.to_string()]),
        };
        let n_complaints = complaints.len();
        complaints.truncate(N_COMPLAINTS);
        let bar_errors = abc::bar_errors(text);
        let n_bar_errors = bar_errors.as_ref().map_or(0, Vec::len);
        complaints.extend(bar_errors.iter().flatten().take(N_COMPLAINTS).map(ToString::to_string));
        let bytes = strict.as_ref().map(midi::write);
        let again = bytes.as_ref().and_then(|bytes| midi::read(bytes).ok());
        let same_notes = |score: &Score, again: &Score| notes(score) == notes(again);
        Validity {
            has_body,
            salvageable,
            parses_strictly: strict.is_some(),
            bars_add_up: salvageable && bar_errors.is_ok_and(|errors| errors.is_empty()),
            converts_to_midi: again.as_ref().is_some_and(|again| again.n_notes() > 0),
            survives_round_trip: strict.zip(again).is_some_and(|(score, again)| same_notes(&score, &again)),
            abc2midi: abc2midi::converts(text),
            n_complaints,
            n_bar_errors,
            complaints,
        }
    }

    /// Whether it passes every rung of ours (abc2midi is asked beside them).
    pub fn passes_all(&self) -> bool {
        self.first_failure().is_none()
    }

    /// The lowest rung that it does not pass, such as "parses strictly".
    pub fn first_failure(&self) -> Option<&'static str> {
        LADDER.iter().find(|(_, passes)| !passes(self)).map(|(name, _)| *name)
    }
}

impl std::fmt::Display for Validity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.first_failure(), self.complaints.first()) {
            (None, _) => write!(f, "valid"),
            (Some(rung), None) => write!(f, "fails at \"{rung}\""),
            (Some(rung), Some(complaint)) => write!(f, "fails at \"{rung}\" ({complaint})"),
        }
    }
}

/// Every note with its channel, in one order.
fn notes(score: &Score) -> Vec<(u8, Note)> {
    let of_voice =
        |voice: &crate::music::Voice| voice.notes.iter().map(|note| (voice.channel, *note)).collect::<Vec<_>>();
    let mut notes: Vec<(u8, Note)> = score.voices.iter().flat_map(of_voice).collect();
    notes.sort_unstable();
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "X:1\nM:4/4\nL:1/8\nK:G\n";

    fn first_failure(text: &str) -> Option<&'static str> {
        let validity = Validity::of(text);
        assert_eq!(validity.passes_all(), validity.first_failure().is_none());
        validity.first_failure()
    }

    #[test]
    fn a_good_tune_climbs_the_whole_ladder() {
        assert_eq!(first_failure(&format!("{HEADER}GABc d2B2|[Gd]4 G4|]\n")), None);
        let two_voices = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nV:2\n[V:1]cdef|\n[V:2]C2 G,2|\n";
        assert_eq!(first_failure(two_voices), None);
    }

    #[test]
    fn nothing_and_a_header_alone_have_no_body() {
        assert_eq!(first_failure(""), Some("has a body"));
        assert_eq!(first_failure(HEADER), Some("has a body"));
    }

    #[test]
    fn words_cannot_be_salvaged() {
        assert_eq!(first_failure(&format!("{HEADER}???!!\n")), Some("can be salvaged"));
        assert_eq!(first_failure(&format!("{HEADER}z8|z8|\n")), Some("can be salvaged"), "rests alone are no tune");
    }

    #[test]
    fn an_open_chord_does_not_parse_strictly_and_the_place_is_named() {
        let validity = Validity::of(&format!("{HEADER}GABc d2B2|[Gd 4 G4|]\n"));
        assert_eq!(validity.first_failure(), Some("parses strictly"));
        assert!(validity.complaints.first().is_some_and(|first| first.starts_with("line 5, column")), "{validity:?}");
        assert!(!validity.converts_to_midi, "only what parses strictly counts as converted");
    }

    #[test]
    fn a_missing_key_does_not_parse_strictly() {
        assert_eq!(first_failure("X:1\nM:4/4\nL:1/8\nGABc d2B2|G8|\n"), Some("parses strictly"));
    }

    #[test]
    fn a_bar_of_five_beats_does_not_add_up_but_converts() {
        let validity = Validity::of(&format!("{HEADER}GABc d2B2|GABc d2B2 G2|G8|]\n"));
        assert_eq!((validity.first_failure(), validity.n_bar_errors), (Some("bars add up"), 1));
        assert!(validity.converts_to_midi && validity.survives_round_trip);
    }

    #[test]
    fn a_note_struck_again_while_it_sounds_is_changed_by_midi() {
        let validity = Validity::of(&format!("{HEADER}[AC4]CBc d2B2|G8|]\n")); // a chord lasts as long as its first note
        assert_eq!(validity.first_failure(), Some("survives the round trip"));
    }
}
