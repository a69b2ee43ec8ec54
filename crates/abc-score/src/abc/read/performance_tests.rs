//! Tunes as played, worked by hand; where abc2midi is installed, it is asked as well.

use super::*;
use crate::midi;

/// Onset in ticks (480 a beat) and pitch of all notes, by onset; for chords low notes first.
fn played(text: &str) -> Vec<(u32, u8)> {
    let (score, complaints) = parse_lenient_as(text, Performance::AsPlayed).unwrap();
    assert_eq!(complaints, [], "{text}");
    onsets(&score)
}

fn onsets(score: &Score) -> Vec<(u32, u8)> {
    let notes = score.voices.iter().flat_map(|voice| &voice.notes);
    let mut onsets: Vec<_> = notes.map(|note| (note.onset_ticks, note.pitch)).collect();
    onsets.sort_unstable();
    onsets
}

/// L:1/8, so that a unit is 240 ticks; 120 beats a minute.
fn tune(fields: &str, body: &str) -> String {
    format!("X:1\n{fields}L:1/8\nK:G\n{body}|\n")
}

/// What is played of a tune in 4/4, where abc2midi agrees as far as it can be asked.
fn in_common_time(fields: &str, body: &str) -> Vec<(u32, u8)> {
    let text = tune(&format!("M:4/4\n{fields}"), body);
    let ours = played(&text);
    if let Some(Some(theirs)) = crate::abc2midi::convert(&text) {
        let theirs = onsets(&midi::read(&theirs).unwrap());
        let is_near = |(a, b): (&(u32, u8), &(u32, u8))| a.0.abs_diff(b.0) <= 3 && a.1 == b.1; // it begins a tick late
        assert!(theirs.len() == ours.len() && theirs.iter().zip(&ours).all(is_near), "{text}{theirs:?}\n{ours:?}");
    }
    ours
}

fn times(onsets: &[(u32, u8)]) -> Vec<u32> {
    onsets.iter().map(|onset| onset.0).collect()
}

#[test]
fn pairs_of_eighth_notes_swing_in_a_hornpipe_and_only_there() {
    assert_eq!(times(&in_common_time("R:hornpipe\n", "ABcd")), [0, 320, 480, 800]);
    assert_eq!(times(&in_common_time("R:Hornpipe in G\n", "ABcd")), [0, 320, 480, 800]);
    assert_eq!(times(&in_common_time("R:reel\n", "ABcd")), [0, 240, 480, 720]);
    let second_pair_is_tied_over_the_beat = in_common_time("R:hornpipe\n", "A2 BcA2");
    assert_eq!(times(&second_pair_is_tied_over_the_beat), [0, 480, 800, 960]);
}

#[test]
fn what_is_no_pair_on_the_beat_does_not_swing() {
    assert_eq!(times(&in_common_time("R:hornpipe\n", "A|ABcd")), [0, 240, 560, 720, 1040]); // a pickup of one note
    assert_eq!(times(&in_common_time("R:hornpipe\n", "zAB2 A2B2")), [240, 480, 960, 1440]); // behind a rest
    assert_eq!(times(&in_common_time("R:hornpipe\n", "AB2c d2e2")), [0, 240, 720, 960, 1440]); // off the beat
    assert_eq!(times(&in_common_time("R:hornpipe\n", "(3ABc d2e2")), [0, 160, 320, 480, 960]);
    assert_eq!(times(&in_common_time("R:hornpipe\n", "A{c}Bc2")), [0, 240, 300, 480]); // a grace note comes between
}

#[test]
fn dots_are_played_two_to_one_in_hornpipes_of_every_metre() {
    assert_eq!(times(&in_common_time("R:hornpipe\n", "A>Bc>d")), [0, 320, 480, 800]);
    assert_eq!(times(&in_common_time("", "A>Bc>d")), [0, 360, 480, 840]);
    let in_cut_time = played(&tune("M:C|\nR:hornpipe\n", "A>BcdABcd"));
    assert_eq!(times(&in_cut_time), [0, 320, 480, 720, 960, 1200, 1440, 1680]);
    assert_eq!(times(&played(&tune("M:4/4\nR:hornpipe\n", "A<Bcd"))), [0, 160, 480, 800]); // a snap stays a snap
}

#[test]
fn a_hornpipe_in_two_four_swings_its_sixteenths() {
    let text = "X:1\nR:hornpipe\nM:2/4\nL:1/16\nK:G\nABcd A2B2|\n";
    assert_eq!(times(&played(text)), [0, 160, 240, 400, 480, 720]);
}

#[test]
fn broken_rhythm_between_unequal_notes_is_left_as_it_stands() {
    assert_eq!(times(&in_common_time("", "A2>B c2 d2")), [0, 480, 720, 1200]);
    assert_eq!(times(&in_common_time("", "A>Bc2")), [0, 360, 480]);
    let written = parse(&tune("M:4/4\n", "A2>B c2")).unwrap();
    assert_eq!(times(&onsets(&written)), [0, 720, 840]);
}

#[test]
fn a_fermata_doubles_notes_chords_and_rests() {
    assert_eq!(times(&in_common_time("", "HA2 B2")), [0, 960]);
    assert_eq!(times(&in_common_time("", "!fermata!A2 B2")), [0, 960]);
    assert_eq!(times(&in_common_time("", "Hz2 B2 c2")), [960, 1440]);
    assert_eq!(played(&tune("M:4/4\n", "H[AC]2 B2")), [(0, 60), (0, 69), (960, 71)]);
}

#[test]
fn a_trill_begins_above_and_its_notes_last_a_tenth_of_a_second_at_most() {
    let four = [(0, 71), (60, 69), (120, 71), (180, 69)]; // 125 ms would be too long, so 62.5 ms: 60 ticks
    assert_eq!(in_common_time("", "TA B"), [&four[..], &[(240, 71)]].concat());
    assert_eq!(in_common_time("", "!trill!A B"), in_common_time("", "TA B"));
    assert_eq!(in_common_time("Q:1/4=300\n", "TA2 B2"), [(0, 71), (240, 69), (480, 71)]); // 100 ms are just short enough
    assert_eq!(in_common_time("", "TF B").first(), Some(&(0, 67))); // F sharp by the key, trilled with G
    assert_eq!(in_common_time("", "TE B").first(), Some(&(0, 66))); // trilled with F sharp
    assert_eq!(in_common_time("", "TA-A B").len(), 9); // a tie makes it longer
    assert_eq!(in_common_time("", "TB c2").first(), Some(&(0, 72))); // over the end of the octave
}

#[test]
fn a_roll_is_five_equal_notes_around_its_own() {
    let roll = [(0, 69), (96, 71), (192, 69), (288, 67), (384, 69)];
    assert_eq!(in_common_time("", "RA2 B2"), [&roll[..], &[(480, 71)]].concat());
}

#[test]
fn a_tilde_strikes_the_note_from_above_and_three_units_three_times() {
    assert_eq!(in_common_time("", "~A2 B2"), [(0, 71), (60, 69), (480, 71)]);
    assert_eq!(in_common_time("", "~A3 B"), [(0, 69), (240, 71), (300, 69), (480, 67), (540, 69), (720, 71)]);
    assert_eq!(in_common_time("", "A-~A2 B"), [(0, 69), (240, 71), (300, 69), (720, 71)]); // struck in spite of the tie
    assert_eq!(in_common_time("", "~c2 B2"), [(0, 74), (60, 72), (480, 71)]);
}

#[test]
fn an_ornament_stands_directly_before_its_note() {
    assert_eq!(in_common_time("", "~.A2 B2"), [(0, 71), (60, 69), (480, 71)]); // other decorations may come between
    for body in ["~ A2 B2", "T(A2 B2)", "A2 H|B2"] {
        assert_eq!(times(&played(&tune("M:4/4\n", body))), [0, 480], "{body}");
    }
}

#[test]
fn a_repeat_that_never_began_goes_back_to_the_last_repeat_and_not_to_a_double_bar_line() {
    let n_notes = |body: &str| {
        let text = tune("M:4/4\n", body);
        (onsets(&parse(&text).unwrap()).len(), played(&text).len())
    };
    assert_eq!(n_notes("A4 B4||c4 d4:"), (6, 8));
    assert_eq!(n_notes("|:A4 B4:|c4 d4||e4 f4:"), (10, 12));
    assert_eq!(n_notes("A4 B4|1 c8:|2 d8||e4 f4|1 g8:|2 a8"), (12, 12)); // endings are over at a double bar line
}

#[test]
fn ornaments_change_nothing_in_a_tune_as_written() {
    let plain = parse(&tune("M:4/4\n", "A2 B2 c>d [Ac]2")).unwrap();
    let ornamented = parse(&tune("R:hornpipe\nM:4/4\n", "TA2 ~B2 Hc>Rd H[Ac]2")).unwrap();
    assert_eq!(plain, ornamented);
}
