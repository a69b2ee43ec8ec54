//! Hand-worked tunes, and texts that must be refused with the right words.

use super::*;
use crate::{Key, Meter, Mode};
use proptest::prelude::*;

/// Onset and duration in ticks and pitch of the notes of all voices.
fn notes(text: &str) -> Vec<(u32, u32, u8)> {
    let score = parse(text).unwrap();
    score
        .voices
        .iter()
        .flat_map(|voice| &voice.notes)
        .map(|note| (note.onset_ticks, note.duration_ticks, note.pitch))
        .collect()
}

fn music(body: &str) -> String {
    format!("X:1\nM:4/4\nL:1/8\nK:C\n{body}\n")
}

fn pitches(body: &str) -> Vec<u8> {
    notes(&music(body)).into_iter().map(|note| note.2).collect()
}

fn durations(body: &str) -> Vec<u32> {
    notes(&music(body)).into_iter().map(|note| note.1).collect()
}

/// The letters of what is played.
fn played(body: &str) -> String {
    let scale = [60, 62, 64, 65, 67, 69, 71].into_iter().zip("CDEFGAB".chars());
    let letter = |pitch: u8| scale.clone().find(|(known, _)| *known == pitch).map_or('?', |(_, letter)| letter);
    pitches(body).into_iter().map(letter).collect()
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn lengths_are_multiples_of_the_unit() {
    assert_eq!(durations("C C2 C3/2 C/ C/4 C// C3/"), [240, 480, 360, 120, 60, 60, 360]);
}

#[test]
fn octaves_go_up_with_quotes_and_down_with_commas() {
    assert_eq!(pitches("C,, C, C c c' c''"), [36, 48, 60, 72, 84, 96]);
}

#[test]
fn accidentals_hold_to_the_end_of_the_bar_in_every_octave() {
    assert_eq!(pitches("^F F f =F F|F _B B,"), [66, 66, 78, 65, 65, 65, 70, 58]);
}

#[test]
fn keys_and_modes_give_their_signatures() {
    let scale = |key: &str| {
        notes(&format!("X:1\nL:1/8\nK:{key}\nCDEFGAB\n")).into_iter().map(|note| note.2).collect::<Vec<_>>()
    };
    assert_eq!(scale("D"), [61, 62, 64, 66, 67, 69, 71]);
    for same in ["Bm", "Emix", "E Mixolydian", "F#phr", "Edor ^g", "A =g", "HP", "Dmaj ^c clef=bass", "C exp ^f ^c"] {
        let sharps = if same == "Emix" || same == "E Mixolydian" || same == "Edor ^g" {
            vec![61, 62, 64, 66, 68, 69, 71]
        } else {
            scale("D")
        };
        assert_eq!(scale(same), sharps, "K:{same}");
    }
    assert_eq!(scale("Ebm"), [59, 61, 63, 65, 66, 68, 70]);
    assert_eq!(scale("none"), scale("C"));
    assert_eq!(parse("X:1\nK:F#phr\nC\n").unwrap().key(), Key { fifths: 2, mode: Mode::Phrygian });
}

#[test]
fn a_clef_or_octave_moves_the_notes() {
    assert_eq!(notes("X:1\nK:C clef=treble-8\nC\n")[0].2, 48);
    assert_eq!(notes("X:1\nK:C octave=2\nC\n")[0].2, 84);
    assert_eq!(notes("X:1\nK:C\nV:1 clef=treble+8 transpose=-2\nC\n")[0].2, 70);
    assert_eq!(notes("X:1\n%%MIDI transpose -12\nK:C\nC\n")[0].2, 48);
}

#[test]
fn broken_rhythm_dots_one_note_and_halves_the_other() {
    assert_eq!(durations("C>D C<D C>>D C2>D2 C > D"), [360, 120, 120, 360, 420, 60, 720, 240, 360, 120]);
}

#[test]
fn tuplets_take_their_time_from_the_notes_beside_them() {
    assert_eq!(
        durations("(3CDE (3:2:4C2CDE (5:4:5CDEFG (2CD"),
        [160, 160, 160, 320, 160, 160, 160, 192, 192, 192, 192, 192, 360, 360]
    );
    assert_eq!(notes("X:1\nM:6/8\nL:1/8\nK:C\n(5CDEFG A\n").last().unwrap().0, 720); // in compound time five in the time of three
}

#[test]
fn a_thousand_triplets_do_not_drift() {
    let text = format!("X:1\nL:1/16\nK:C\n{}c\n", "(7CDEFGAB ".repeat(1000));
    assert_eq!(notes(&text).last().unwrap().0, 1000 * 2 * 120);
}

#[test]
fn chords_sound_together_and_multiply_their_lengths() {
    assert_eq!(notes(&music("[CE2]2 G")), [(0, 480, 60), (0, 960, 64), (480, 240, 67)]);
}

#[test]
fn ties_join_notes_of_the_same_pitch_over_bars_and_chords() {
    assert_eq!(notes(&music("^C2-|C2 C2")), [(0, 960, 61), (960, 480, 60)]);
    assert_eq!(
        notes(&music("[CE]2-[CE]2 [C-E][CE]")),
        [(0, 960, 60), (0, 960, 64), (960, 480, 60), (960, 240, 64), (1200, 240, 64)]
    );
}

#[test]
fn an_accidental_in_the_bar_is_nearer_than_one_that_a_tie_carries() {
    // Found by fuzzing: after a tied B sharp, the second note of the chord was a B sharp, too.
    assert_eq!(pitches("^F8-|[=FF]8|"), [66, 65, 65]);
    let tied_sharp = "[L:1/1]^B,-&[=B,B,]|[^B,F]|";
    assert_eq!(pitches(tied_sharp), [59, 59, 60, 65]);
}

#[test]
fn a_tie_in_each_layer_of_an_overlay_reaches_its_own_layer() {
    assert_eq!(notes(&music("c8-&C8-|c4 z4&C8|")), [(0, 3840, 60), (0, 2880, 72)]);
}

#[test]
fn rests_pass_time_and_z_counts_bars() {
    assert_eq!(notes("X:1\nM:3/4\nL:1/8\nK:C\nz2 x2 y C2|Z2|D\n"), [(960, 480, 60), (4320, 240, 62)]);
}

#[test]
fn grace_notes_take_their_time_from_the_note_behind() {
    assert_eq!(notes(&music("{d}C2 {gggggggg}D2")), [(0, 60, 74), (60, 420, 60), (480, 480, 62)]);
}

#[test]
fn repeats_and_endings_are_written_out() {
    assert_eq!(played("|:C D:|E"), "CDCDE");
    assert_eq!(played("C D:|E F:|G"), "CDCDEFEFG");
    assert_eq!(played("C||D:|E"), "CDDE");
    assert_eq!(played("|:C::D:|"), "CCDD");
    assert_eq!(played("|:C:| |:D:|"), "CCDD");
    assert_eq!(played("|:C|1D:|2E|]F"), "CDCEF");
    assert_eq!(played("|:C[1D:|[2E:|F"), "CDCEF");
    assert_eq!(played("|:C|1,3D:|2E:|4F||G"), "CDCECDCFG");
    assert_eq!(played("|:C|1-2D:|3E|]"), "CDCDCE");
    assert_eq!(played("|::C::|D"), "CCCD");
    assert_eq!(played("|:C|1D:|2E||F|1G:|2A|]"), "CDCEFGFA");
}

#[test]
fn a_voice_that_enters_in_a_part_that_is_not_played_stays_silent() {
    // Found by fuzzing: such a voice was played from the start, since it has none of the parts.
    let text = "X:1\nM:4/4\nL:1/4\nP:A\nK:C\nP:A\nV:1\nCDEF|\nP:B\nV:2\nGGGG|\n";
    assert_eq!(notes(text).iter().map(|note| note.2).collect::<Vec<_>>(), [60, 62, 64, 65]);
}

#[test]
fn parts_are_played_in_the_order_of_the_header() {
    let text = "X:1\nL:1/8\nP:A(BC)2A\nK:C\nP:A\nC\nP:B\nD\nP:C\n|:E:|\n";
    assert_eq!(notes(text).into_iter().map(|note| note.2).collect::<Vec<_>>(), [60, 62, 64, 64, 62, 64, 64, 60]);
}

#[test]
fn voices_in_turn_and_interleaved_are_the_same_score() {
    let in_turn = "X:1\nL:1/4\nK:G\nV:1\nV:2\n%%MIDI channel 10\n[V:1]GABc|d4|\n[V:2]C4|D4|\n";
    let interleaved = "X:1\nL:1/4\nK:G\nV:1\nV:2\n%%MIDI channel 10\nV:1\nGABc|\nV:2\nC4|\n[V:1]d4|\n[V:2]D4|\n";
    let score = parse(in_turn).unwrap();
    assert_eq!(score, parse(interleaved).unwrap());
    assert_eq!(
        score.voices.iter().map(|voice| (voice.channel, voice.notes.len())).collect::<Vec<_>>(),
        [(0, 5), (9, 2)]
    );
}

#[test]
fn fields_within_the_music_change_what_follows() {
    let score = parse("X:1\nM:4/4\nL:1/8\nQ:1/4=60\nK:C\nF8|[M:3/4][L:1/4][K:G][Q:3/8=80]F3|\n").unwrap();
    assert_eq!(score.meters[1].meter, Meter { numerator: 3, denominator: 4 });
    assert_eq!((score.meters[1].tick, score.tempos[1].tick, score.keys[1].tick), (1920, 1920, 1920));
    assert_eq!((score.tempos[0].micros_per_beat, score.tempos[1].micros_per_beat), (1_000_000, 500_000));
    assert_eq!(score.voices[0].notes[1].pitch, 66);
    assert_eq!(score.voices[0].notes[1].duration_ticks, 1440);
}

#[test]
fn tempo_comes_in_many_forms() {
    let tempo = |value: &str| parse(&format!("X:1\nL:1/8\nQ:{value}\nK:C\nC\n")).unwrap().tempo_bpm().round();
    assert_eq!(
        ["1/4=90", "1/2=60", "3/8=80", "\"Slow\" 1/4=50", "1/4 1/8=80", "100", "\"Allegro\"", "C3=80", ""].map(tempo),
        [90.0, 120.0, 120.0, 50.0, 120.0, 100.0, 120.0, 120.0, 120.0]
    );
}

#[test]
fn the_default_unit_follows_the_metre() {
    assert_eq!(notes("X:1\nM:2/4\nK:C\nC\n")[0].1, 120);
    assert_eq!(notes("X:1\nM:6/8\nK:C\nC\n")[0].1, 240);
    assert_eq!(notes("X:1\nM:C|\nK:C\nC\n")[0].1, 240);
}

#[test]
fn what_does_not_sound_is_passed_over() {
    let dressed = "\"Am\"!trill!(C .D) ~E|\\\n% a remark\nw: la la la\nT:second title\nuF vG A B|";
    assert_eq!(played(dressed), "CDEFGAB");
}

#[test]
fn programs_and_channels_reach_their_voice() {
    let score = parse("X:1\nK:C\nV:1\n%%MIDI program 33\nV:2\n%%MIDI program 3 5\n[V:1]C[I:MIDI program 7]D\n[V:2]E\n")
        .unwrap();
    assert_eq!(
        score.voices[0].programs.iter().map(|change| (change.tick, change.program)).collect::<Vec<_>>(),
        [(0, 33), (240, 7)]
    );
    assert_eq!((score.voices[1].channel, score.voices[1].programs[0].program), (2, 5));
}

#[test]
fn errors_name_line_and_column_and_what_was_expected() {
    assert_eq!(
        refusal("X:1\nK:C\nCD@@\n C 4\n"),
        "line 4, column 4: '4' follows no note: a length stands directly behind its note, an ending behind a bar line"
    );
    assert_eq!(
        refusal("X:1\nM:5/7\nK:C\nC\n"),
        "line 2, column 1: M:5/7 is not a metre: expected such as 4/4, 6/8, C, C| or none"
    );
    assert_eq!(refusal("X:1\nK:C\n[CE\n"), "line 3, column 4: this chord has no closing ]");
    assert_eq!(refusal("T:x\nK:C\nC\n"), "line 1, column 1: expected X: and a number, the first field of a tune");
    assert_eq!(refusal("X:1\nT:x\nC\n"), "line 3, column 1: music before K:, the last field of a header");
    assert_eq!(refusal("X:1\nT:x\n"), "line 1, column 1: this tune has no K:, the last field of a header");
    assert_eq!(
        refusal("X:1\nK:C\nC>|D\n"),
        "line 3, column 3: broken rhythm (> or <) needs a note on each side within the bar"
    );
}

#[test]
fn lenient_reading_salvages_and_lists() {
    let (score, complaints) = parse_lenient("K:C\nC D\u{1F600}E 4|\n").unwrap();
    assert_eq!(score.n_notes(), 3);
    assert_eq!(
        complaints.iter().map(|complaint| (complaint.line, complaint.column)).collect::<Vec<_>>(),
        [(1, 1), (2, 4), (2, 7)]
    );
    assert!(parse_lenient("? !").is_err());
    assert!(parse_lenient("").is_err());
}

#[test]
fn endless_music_is_refused() {
    for body in ["C9999999999", "Z9999999|", "C/0", "(99CDE", "|:::::::::::C:::::::::::|"] {
        assert!(parse(&music(body)).is_err(), "{body}");
    }
    let huge = format!("{}C", "Z9999|".repeat(10_000));
    assert!(refusal(&music(&huge)).contains("endlessly long"));
    let nested = format!("X:1\nP:{}A{}\nK:C\nP:A\nC\n", "(".repeat(12), "9)".repeat(12));
    assert!(parse(&nested).unwrap().n_notes() <= 1000);
}

#[test]
fn bar_errors_find_the_bar_that_is_too_long_or_too_short() {
    let lines =
        |body: &str| bar_errors(&music(body)).unwrap().iter().map(|complaint| complaint.column).collect::<Vec<_>>();
    assert_eq!(lines("C2|C8|C6|C9|C4:|C4 C4|C2|]"), [7, 10]);
    assert_eq!(lines("C8|[M:3/4]C6|C8|[M:none]C3|C|"), [14]);
    assert_eq!(lines("C8&D8|C8&D6 z2|Z4|z8|C4&C4|C8|"), [22]);
    assert_eq!(
        bar_errors(&music("C8|C4|C8|")).unwrap()[0].message,
        "this bar lasts 2 quarter notes, but 4/4 asks for 4"
    );
}

/// Text that looks like ABC, for finding what makes the reader stumble.
fn abc_like() -> impl Strategy<Value = String> {
    let words = "C c' ^F _b, 2 / 3/2 | |: :| :: |1 [2 |] [ ] (3 ( ) { } > << - z Z3 & [K:G] [M:3/4] [L:1/16] [V:2] \"Am\" !p! K: é";
    let others = ["V:1\n", "P:A\n", "\n", " ", "%%MIDI program 3\n", "X:1\n", "\\\n"];
    let pieces: Vec<&str> = words.split(' ').chain(others).collect();
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", lines in prop::collection::vec("[A-Za-z:|%0-9 ]{0,20}", 0..8)) {
        let _ = parse_lenient(&text);
        let _ = parse_lenient(&lines.join("\n"));
        let _ = crate::abc::split_tunebook(&lines.join("\n"));
    }

    #[test]
    fn what_parses_has_a_canonical_form_that_is_stable_and_sounds_the_same(body in abc_like()) {
        let text = format!("X:1\nL:1/8\nK:D\n{body}\n");
        let _ = parse_lenient(&text);
        let _ = bar_errors(&text);
        if let Ok(score) = parse(&text) {
            let canonical = crate::abc::canonical(&text).unwrap();
            prop_assert_eq!(crate::abc::canonical(&canonical).unwrap(), canonical.clone());
            let again = parse(&canonical).unwrap();
            let sounds = |score: &Score| score.voices.iter().map(|voice| voice.notes.iter().map(|n| (n.onset_ticks, n.pitch, n.duration_ticks)).collect::<Vec<_>>()).collect::<Vec<_>>();
            prop_assert_eq!(sounds(&again), sounds(&score));
            for piece in crate::abc::split_long(&text, 60) {
                prop_assert!(parse(&piece).is_ok(), "{}", piece);
            }
        }
    }
}
