//! Bar lines, repeat signs and endings, worked by hand: where they stand on the page, and what is played.

use super::*;
use crate::abc::{WriteOptions, write};
use crate::{SignKind, midi, quantise};

/// A tune in quarter notes of 4/4 in C: a beat is 480 ticks.
fn tune(body: &str) -> Score {
    parse(&format!("X:1\nM:4/4\nL:1/4\nK:C\n{body}\n")).unwrap()
}

/// The lengths of the bars in beats.
fn bars(score: &Score) -> Vec<f64> {
    let mut next = 0;
    let length = |bar: &crate::Bar| {
        assert_eq!(bar.start_ticks, next);
        next = bar.end_ticks();
        f64::from(bar.ticks) / 480.0
    };
    score.bars().iter().map(length).collect()
}

/// The signs of the page, each behind so many beats.
fn signs(score: &Score) -> Vec<(u32, SignKind)> {
    score.page().signs.iter().map(|sign| (sign.tick / 480, sign.kind.clone())).collect()
}

/// What a reader of the text sees below the header.
fn written(score: &Score) -> String {
    let text = write(score, &WriteOptions::default());
    text.split_once("K:C\n").unwrap().1.split_whitespace().collect()
}

#[test]
fn a_pickup_is_a_short_first_bar_in_score_text_and_midi() {
    let score = tune("G|CDEF|GABc|cBAG|C3|");
    assert_eq!(bars(&score), [1.0, 4.0, 4.0, 4.0, 3.0]);
    assert_eq!(score.n_bars(), 5);
    assert_eq!(written(&score), "G|CDEF|GABc|cBAG|C3|]");
    let back = midi::read(&midi::write(&score)).unwrap();
    assert_eq!(back.bars(), score.bars());
    assert_eq!(written(&quantise::quantise(&back)), "G|CDEF|GABc|cBAG|C3|]");
}

#[test]
fn a_pickup_before_each_part_makes_two_short_bars_of_one() {
    let score = tune("G|CDEF|C3:|G|FEDC|C3|]");
    assert_eq!(bars(&score), [1.0, 4.0, 3.0, 1.0, 4.0, 3.0, 1.0, 4.0, 3.0]);
    assert_eq!(bars(&score.page()), [1.0, 4.0, 3.0, 1.0, 4.0, 3.0]);
}

#[test]
fn a_repeat_is_played_twice_and_stands_once() {
    let score = tune("|:CDEF|GABc:|c4|");
    assert_eq!(bars(&score), [4.0; 5]);
    assert_eq!(bars(&score.page()), [4.0; 3]);
    assert_eq!((score.n_notes(), score.page().n_notes()), (17, 9));
    assert_eq!(signs(&score), [(0, SignKind::RepeatBegins), (8, SignKind::RepeatEnds(1))]);
    assert_eq!(score.repeats, vec![8 * 480..16 * 480]);
    assert_eq!(written(&score), "|:CDEF|GABc:|c4|]");
}

#[test]
fn endings_stand_one_behind_the_other_and_are_played_in_turn() {
    let score = tune("|:C4|[1D4:|[2E4|F4|]");
    let onsets: Vec<(u32, u8)> =
        score.voices[0].notes.iter().map(|note| (note.onset_ticks / 1920, note.pitch)).collect();
    assert_eq!(onsets, [(0, 60), (1, 62), (2, 60), (3, 64), (4, 65)]);
    let ending = |pass| SignKind::Ending(vec![pass]);
    let expected = [(0, SignKind::RepeatBegins), (4, ending(1)), (8, SignKind::RepeatEnds(1)), (8, ending(2))];
    assert_eq!(signs(&score), expected);
    assert_eq!(score.page().n_bars(), 4);
    assert_eq!(written(&score), "|:C8|[1D8:|[2E8|F8|]");
}

#[test]
fn an_ending_may_begin_within_a_bar() {
    let score = tune("CDEF|CD[1EF:|[2G2|C4|");
    assert_eq!(bars(&score), [4.0; 5]);
    assert_eq!(written(&score), "CDEF|CD[1EF:|[2G2|C4|]");
}

#[test]
fn double_bars_stay_where_they_are_also_within_a_bar() {
    let score = tune("CDEF|GA||Bc|C4|]C4||");
    assert_eq!(bars(&score), [4.0, 2.0, 2.0, 4.0, 4.0]);
    assert_eq!(signs(&score), [(6, SignKind::Double), (12, SignKind::Final)]);
    assert_eq!(written(&score), "CDEF|GA||Bc|C4|]C4|]");
}

#[test]
fn a_repeat_goes_back_to_the_metre_and_key_of_its_beginning() {
    let score = parse("X:1\nM:4/4\nL:1/4\nK:C\n|:CDEF|[M:3/4][K:G]GAB:|c3|\n").unwrap();
    assert_eq!(bars(&score), [4.0, 3.0, 4.0, 3.0, 3.0]);
    let keys: Vec<(u32, i8)> = score.keys.iter().map(|change| (change.tick / 480, change.key.fifths)).collect();
    assert_eq!(keys, [(0, 0), (4, 1), (7, 0), (11, 1)]);
    assert_eq!(written(&score), "|:CDEF|[M:3/4][K:G]GAB:|c3|]");
}

#[test]
fn a_bar_that_is_too_long_has_a_metre_of_its_own_and_the_tune_keeps_its() {
    let score = tune("CDEFG|CDEF|CDEFGA|Z2|C4|");
    assert_eq!(bars(&score), [5.0, 4.0, 6.0, 4.0, 4.0, 4.0]);
    assert_eq!(score.meter(), crate::Meter::COMMON);
    let without_lines = tune("CDEFGABcCDEFGABcCDEFGABc|");
    assert_eq!(bars(&without_lines), [4.0; 6]);
}

#[test]
fn parts_are_written_out_as_often_as_their_order_says() {
    let score = parse("X:1\nM:4/4\nL:1/4\nP:ABA\nK:C\nP:A\nCDEF:|\nP:B\nGFED|\n").unwrap();
    assert_eq!(written(&score), "CDEF:|GFED||CDEF:|]");
    assert_eq!(parse(&write(&score, &WriteOptions::default())).unwrap().voices, score.voices);
}

#[test]
fn a_tempo_is_kept_where_it_is_said_and_none_is_made_up() {
    assert_eq!((tune("C4|").tempos.len(), tune("C4|").tempo_bpm()), (0, 120.0));
    let score = parse("X:1\nM:4/4\nL:1/4\nQ:1/4=90\nK:C\n|:C4:|[Q:1/4=60]C4|\n").unwrap();
    let tempos: Vec<(u32, String)> = score
        .page()
        .tempos
        .iter()
        .map(|change| (change.tick, crate::quantise::bpm_of(change.micros_per_beat)))
        .collect();
    assert_eq!(tempos, [(0, "90".to_string()), (1920, "60".to_string())]);
    assert_eq!(midi::read(&midi::write(&tune("C4|"))).unwrap().tempo_bpm(), 120.0);
}

#[test]
fn all_voices_carry_the_signs() {
    let text = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nG|CDEF|C3:|G|FEDC|C3|]\nV:2\nz|C4|C3:|z|C4|C3|]\n";
    let score = parse(text).unwrap();
    let again = parse(&write(&score, &WriteOptions::default())).unwrap();
    assert_eq!((again.voices[1].notes.len(), again.bars()), (score.voices[1].notes.len(), score.bars()));
    assert_eq!((again.signs, again.repeats), (score.signs, score.repeats));
}

#[test]
fn closed_bars_are_those_that_hold_music_as_written() {
    let n_bars = |body: &str| crate::abc::closed_bars(&format!("X:1\nM:4/4\nL:1/4\nK:C\n{body}"));
    assert_eq!([n_bars(""), n_bars("CDEF"), n_bars("C|CDEF|"), n_bars("|:CDEF:|\n|:C")], [0, 0, 2, 1]);
    assert_eq!([n_bars("C4|Z3|z4|"), n_bars("|1CDEF:|2C4||")], [5, 2]);
    assert_eq!([n_bars("V:1\nC4|C4|\nV:2\nC4|"), n_bars("V:1\nV:2\n[V:1]C4|")], [1, 0]);
    assert_eq!((crate::abc::closed_bars("A|B|"), crate::abc::closed_bars("")), (2, 0));
}
