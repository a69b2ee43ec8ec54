use super::*;
use crate::abc::{parse, split_long};

const AS_PEOPLE_WRITE: &str = "X: 37
T: The Example
C: Trad.
M: C|
Q: \"Allegro\" 1/2=90
R: reel
K: E Dorian  % two sharps
w: never sung
(B2 | \"Em\"!trill!eB) A//B//c/ ~G2 {ga}[E2B2]2-[EB] | %% end of the first line
(3:2:3efg a1>b y .c4 | [1 z2 D6 :| [2 D8 |]
";

#[test]
fn a_tune_as_people_write_it_comes_out_clean() {
    let expected =
        "X:1\nM:2/2\nL:1/8\nQ:1/2=90\nK:Edor\nB2|eB A/4B/4c/ G2 {ga}[EB]4-[EB]|\n(3:2:3efg a>b c4|1z2 D6:|2D8|]\n\n";
    assert_eq!(canonical(AS_PEOPLE_WRITE).unwrap(), expected);
    assert_eq!(canonical(expected).unwrap(), expected);
}

#[test]
fn voices_stand_as_our_writer_writes_them() {
    let text = "X:5\nM:3/4\nL:1/4\n%%MIDI chordattack 0\nV:T name=\"Tenor\" clef=treble-8\n%%MIDI program 3\nV:B\n%%MIDI channel 10\nK:G\nV:T\nGAB|c2d|\nV:B\n[K:C]G3|\n[I:MIDI program 7]F3|\n";
    let expected = "X:1\nM:3/4\nL:1/4\nK:G\n%%MIDI chordattack 0\nV:1 octave=-1\n%%MIDI program 3\nV:2\n%%MIDI channel 10\n[V:1]GAB|c2d|\n[V:2][K:C]G3|\n[V:2][I:MIDI program 7]F3|\n\n";
    assert_eq!(canonical(text).unwrap(), expected);
    assert_eq!(canonical(expected).unwrap(), expected);
}

#[test]
fn parts_and_repeats_stay_as_written() {
    let text = "X:1\nM:2/4\nL:1/8\nP:ABA\nK:C\nP:A\n|:CDEF:|\n|:G4:| |:c4:|\nP:B\nE4||\n";
    let expected = "X:1\nM:2/4\nL:1/8\nP:ABA\nK:C\nP:A\n|:CDEF:|\n|:G4::c4:|\nP:B\nE4||\n\n";
    assert_eq!(canonical(text).unwrap(), expected);
    assert_eq!(
        canonical(&text.replace("P:ABA\n", "")).unwrap(),
        "X:1\nM:2/4\nL:1/8\nK:C\n|:CDEF:|\n|:G4::c4:|\nE4||\n\n"
    );
}

#[test]
fn a_key_with_its_own_accidentals_keeps_them() {
    assert!(canonical("X:1\nK:D Phr ^f =b\nD\n").unwrap().contains("\nK:Dphr =b ^f\n"));
    assert!(canonical("X:1\nK:Bbm clef=bass\nD\n").unwrap().contains("\nK:Bbm\n"));
}

#[test]
fn what_does_not_parse_has_no_canonical_form() {
    assert_eq!(
        canonical("X:1\nK:C\nC}\n").unwrap_err().to_string(),
        "line 3, column 2: this } closes nothing: grace notes begin with {"
    );
}

#[test]
fn a_tune_book_gives_its_tunes_with_the_fields_of_the_file() {
    let book = "% my tunes\nL:1/4\nM:3/4\n\nX:1\nT:One\nM:2/4\nK:C\nCD|\n\nsome words\n\nX:2\nK:G\nG3|\nA3|\n";
    let tunes = split_tunebook(book);
    assert_eq!(tunes.len(), 2);
    assert_eq!((tunes[0].line, tunes[0].reference.as_str(), tunes[0].title.as_deref()), (5, "1", Some("One")));
    assert_eq!(tunes[0].text, "X:1\nL:1/4\nT:One\nM:2/4\nK:C\nCD|\n");
    assert_eq!(tunes[1].text, "X:2\nL:1/4\nM:3/4\nK:G\nG3|\nA3|\n");
    assert_eq!(tunes[1].title, None);
    assert!(split_tunebook("no tunes").is_empty());
}

#[test]
fn pieces_of_a_long_tune_parse_and_hold_every_bar_once() {
    let bars: Vec<String> = (0..60).map(|bar| format!("C{}D{}|", bar + 2, 100 - bar)).collect();
    let text = format!("X:1\nM:none\nL:1/16\nK:C\n{}\n[K:D][L:1/8]{}\n", bars[..30].concat(), bars[30..].concat());
    let pieces = split_long(&text, 120);
    assert!(pieces.len() > 3);
    for piece in &pieces {
        assert!(piece.chars().count() < 120 && piece.ends_with("\n\n"));
        parse(piece).unwrap();
    }
    for bar in &bars {
        assert_eq!(pieces.iter().map(|piece| piece.matches(bar.as_str()).count()).sum::<usize>(), 1, "{bar}");
    }
    assert!(pieces.last().unwrap().contains("L:1/8\nK:D\n"));
}

#[test]
fn all_voices_are_cut_at_the_same_bar() {
    let bars = |letter: &str| (0..40).map(|bar| format!("{letter}{}|", bar + 1)).collect::<String>();
    let text =
        format!("X:1\nM:none\nL:1/8\nK:C\nV:1\nV:2\nV:3\n[V:1]{}\n[V:2]Z20|{}\n[V:3]Z40|\n", bars("C"), bars("G"));
    let pieces = split_long(&text, 110);
    let scores: Vec<_> = pieces.iter().map(|piece| parse(piece).unwrap()).collect();
    assert_eq!(scores.iter().map(|score| score.n_notes()).sum::<usize>(), 80);
    assert_eq!((scores[0].voices.len(), scores.last().unwrap().voices.len()), (1, 1)); // the others rest
    for score in scores.iter().filter(|score| score.voices.len() == 2) {
        let ends = score.voices.iter().map(|voice| voice.notes.iter().map(|note| note.onset_ticks).min());
        assert!(ends.min() == Some(Some(0)));
    }
    assert!(scores.iter().any(|score| score.voices.len() == 2));
    let short = split_long(&text, 100_000);
    assert_eq!(short, [canonical(&text).unwrap()]);
}

#[test]
fn music_without_bar_lines_is_cut_at_line_ends() {
    let text = format!("X:1\nL:1/8\nK:C\n{}", "CDEFGABc\n".repeat(40));
    let pieces = split_long(&text, 100);
    assert_eq!(pieces.iter().map(|piece| parse(piece).unwrap().n_notes()).sum::<usize>(), 320);
}

/// Found by random texts: a line that wants to go on at the end, dynamics or a field behind the last note, an overlay or a
/// broken rhythm that reaches over a line end.
#[test]
fn a_bar_line_is_written_only_where_the_bar_ends() {
    for body in ["Z3\\\n", "Z3!p!", "Z3\nz&C", "CzZ3\n<<C", "|\n[K:G]C"] {
        let text = format!("X:1\nM:3/4\nL:1/8\nK:D\n{body}\n");
        let written = canonical(&text).unwrap();
        assert_eq!(canonical(&written).unwrap(), written, "{body:?}");
        let notes = |text: &str| parse(text).unwrap().voices.iter().flat_map(|v| v.notes.clone()).collect::<Vec<_>>();
        assert_eq!(notes(&written), notes(&text), "{body:?}");
    }
}
