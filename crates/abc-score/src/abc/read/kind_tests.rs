//! ABC as people write it and other programs misread it, each kind with its notes worked by hand.

use super::*;
use crate::abc::{canonical, decode, split_tunebook};

/// Pitches behind their onsets in eighths of a beat.
fn notes(score: &Score) -> Vec<(u32, u8)> {
    score.voices.iter().flat_map(|voice| voice.notes.iter().map(|note| (note.onset_ticks / 60, note.pitch))).collect()
}

/// A tune in quarter notes of 4/4: its notes, one behind the other, and whether a strict reader takes it.
fn quarters(header_and_music: &str) -> (Vec<u8>, bool) {
    let text = format!("X:1\nM:4/4\nL:1/4\n{header_and_music}\n");
    let (score, _) = parse_lenient(&text).unwrap();
    (notes(&score).into_iter().map(|(_, pitch)| pitch).collect(), parse(&text).is_ok())
}

fn complaints(header_and_music: &str) -> String {
    let (_, complaints) = parse_lenient(&format!("X:1\nM:4/4\nL:1/4\n{header_and_music}\n")).unwrap();
    complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

const C_TO_F: [u8; 4] = [60, 62, 64, 65];

#[test]
fn blocks_of_text_are_no_music() {
    let text = "K:C\nCD|\n%%begintext\nA BAD CAFE|\n\nX:9\n%%endtext\nEF|";
    assert_eq!(quarters(text), (C_TO_F.into(), true));
    assert_eq!(quarters("K:C\nCD|\n%% begintext\nA BAD|\n%% endtext\nEF|"), (C_TO_F.into(), true));
    assert_eq!(quarters("%%beginps\nK:G\n%%endps\nK:C\nCDEF|"), (C_TO_F.into(), true));
    assert_eq!(quarters("K:C\nCD|\n%%begintext\nEF|"), (C_TO_F.into(), true), "a block that never ends is none");
    assert_eq!(split_tunebook("%%begintext\nX:9\nK:C\nC|\n%%endtext\nX:1\nK:C\nC|\n").len(), 1);
}

#[test]
fn accidentals_stand_directly_behind_a_key() {
    assert_eq!(quarters("K:Dphr^F\nEF|").0, [63, 66], "E flat of D phrygian, F sharp of its own");
    assert_eq!(quarters("K:D=c\nFc|").0, [66, 72]);
    assert_eq!(quarters("K:Am^g\nGF|").0, [68, 65]);
}

#[test]
fn keys_with_remarks_are_read_up_to_them() {
    for key in ["Gmaj/Em", "G (Em)", "G D", "G, or Em"] {
        assert_eq!(quarters(&format!("K:{key}\nFG|")).0, [66, 67], "{key}");
    }
    for key in ["DMixolydian", "D Mix.", "D-mix"] {
        assert_eq!(quarters(&format!("K:{key}\nFc|")).0, [66, 72], "{key}");
    }
    for key in ["B♭", "Bflat", "B flat major", "B-flat (Gm)"] {
        assert_eq!(quarters(&format!("K:{key}\nBE|")).0, [70, 63], "{key}");
    }
    assert_eq!(quarters("K:F Sharp minor\nCG|").0, [61, 68]);
    assert_eq!(quarters("K:F♯m\nCG|").0, [61, 68]);
    assert_eq!(quarters("K:G#\nGABcF|").0, [68, 70, 72, 73, 67], "eight sharps, F twice");
    assert!(complaints("K:Ahijaz\nC|").contains("is not a key"));
    assert_eq!(
        complaints("K:A hijaz\nC|"),
        "line 4, column 1: hijaz is no mode that is known here: K:A hijaz is read as major"
    );
    assert_eq!(complaints("K:A (hijaz)\nK:none treble\nK:F sharp minor\nK:D Mixolydian\nC|"), "");
}

#[test]
fn keys_of_many_signs_keep_their_canonical_form() {
    let text = "X:1\nM:4/4\nL:1/4\nK:G#\nGABc|F4|\n";
    let once = canonical(text).unwrap();
    assert_eq!(canonical(&once).unwrap(), once);
    assert_eq!(notes(&parse(&once).unwrap()), notes(&parse(text).unwrap()));
}

#[test]
fn an_invisible_bar_line_is_no_double_bar_and_a_double_bar_ends_no_repeat_with_endings() {
    assert_eq!(quarters("K:C\nC2[|]D2|E4:|F4|]").0, [60, 62, 64, 60, 62, 64, 65]);
    assert_eq!(quarters("K:C\n|:C4|D4||E4|1F4:|2G4|]").0, [60, 62, 64, 65, 60, 62, 64, 67]);
    assert_eq!(quarters("K:C\n|:C4|1D4||E4:|2F4|]").0, [60, 62, 64, 60, 65], "within an ending");
    assert_eq!(quarters("K:C\n|:C4|1D4:|2E4||F4:|").0, [60, 62, 60, 64, 65, 65], "behind the last ending");
}

#[test]
fn histories_run_on_and_lines_end_and_begin_as_they_like() {
    assert_eq!(quarters("H:A dance at\nGlasgow Fair, and\nadded in 1890.\nK:G\nGF|"), (vec![67, 66], true));
    for text in ["N:A dance at", "R:reel\n%\nC:Anon., as: always"] {
        let text = format!("{text}\nGlasgow Fair, and a\nK:G\nGF|");
        assert_eq!(quarters(&text).0, [67, 66], "{text}");
        assert!(
            complaints(&text).ends_with("neither a field nor music, in a header: a text goes on with +:"),
            "{text}"
        );
    }
    let text = "X:1\nM:4/4\nL:1/4\nK:C\nCD|\nEF|\n";
    for other in [
        text.replace('\n', "\r"),
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r\r\n"),
        text.replace('\n', "\n\t "),
    ] {
        assert_eq!(notes(&parse(&other).unwrap()), notes(&parse(text).unwrap()), "{other:?}");
    }
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decode(&utf16), text);
    let book = split_tunebook("X:1\nK:C\nC|\n\nA BAD CAFE.\n\u{feff}X:2\nK:C\nG|\n");
    assert_eq!(book.iter().map(|tune| tune.text.as_str()).collect::<Vec<_>>(), ["X:1\nK:C\nC|\n", "X:2\nK:C\nG|\n"]);
}

#[test]
fn music_behind_an_empty_line_is_reported_and_before_any_other_it_is_read() {
    let book = split_tunebook("X:1\nL:1/4\nK:C\nCDEF|\n\nGABc|]\n\nSome words.\n");
    let (score, complaints) = parse_lenient(&book[0].text).unwrap();
    assert_eq!(score.n_notes(), 4);
    assert_eq!(
        complaints[0].to_string(),
        "line 6, column 1: an empty line above has ended the tune: this music is not read"
    );
    assert!(parse(&book[0].text).is_ok(), "by the standard, the tune has ended");
    let book = split_tunebook("X: 1\nL: 1/4\nK: C\n\n+mf+ [CE]D | F\n");
    assert_eq!(notes(&parse_lenient(&book[0].text).unwrap().0), [(0, 60), (0, 64), (8, 62), (16, 65)]);
}

#[test]
fn marks_are_followed_as_a_player_would() {
    assert_eq!(quarters("K:C\nC4|D4!fine!|E4|F4!D.C.alfine!|]").0, [60, 62, 64, 65, 60, 62]);
    assert_eq!(quarters("K:C\nC4|!segno!D4|E4 !fine!|F4 !D.S.!|]").0, [60, 62, 64, 65, 62, 64]);
    assert_eq!(quarters("K:C\nC4|SD4|!dacoda!E4|F4!D.S.alcoda!||!coda!G4|]").0, [60, 62, 64, 65, 62, 64, 67]);
    assert_eq!(
        quarters("K:C\n|:C4|1D4:|2E4|F4!D.C.!|]").0,
        [60, 62, 60, 64, 65, 60, 64, 65],
        "repeats are not played again"
    );
    assert_eq!(quarters("K:C\nC4!fine!|D4+Da Capo al Fine+|]").0, [60, 62, 60]);
    assert_eq!(quarters("K:C\nC4|S D4!fine!|E4!Dal Segno al Fine!|]").0, [60, 62, 64, 62]);
    let in_parts = complaints("P:AB\nK:C\nP:A\nC4|\nP:B\nD4!D.C.!|]");
    assert!(in_parts.contains("!D.C.! is not followed: P: gives the order of the parts"), "{in_parts}");
    assert!(complaints("K:C\nC4|D4!D.S.!|]").contains("!D.S.! is not followed: there is no !segno! to go back to"));
    assert_eq!(quarters("K:C\nC4|D4!D.C. al fine!|]").0, [60, 62], "no letter is a note");
    for words in ["!rit. e dim!", "+rit. e dim+"] {
        assert_eq!(quarters(&format!("K:C\nC4|D4 {words}|]")).0, [60, 62]);
        assert!(complaints(&format!("K:C\nC4|D4 {words}|]")).contains("is no decoration of the standard"));
    }
    let text = "X:1\nM:4/4\nL:1/4\nK:C\nC4|D4!fine!|E4!D.C.alfine!|]\n";
    assert_eq!(notes(&parse(&canonical(text).unwrap()).unwrap()), notes(&parse(text).unwrap()));
}

#[test]
fn notes_of_drums_are_the_drums_that_the_tune_names() {
    let text = "K:C\nI:MIDI channel 10\nI:MIDI=drummap F 36\nI:MIDI drummap ^c 38\nF ^c c F|";
    assert_eq!(quarters(text).0, [36, 38, 38, 36], "the sharp holds until the bar line");
    let text = "K:perc\n%%MIDI channel 10\n%%MIDI drummap F 36\n%%MIDI drummap ^g 42\nF ^g c F|";
    assert_eq!(quarters(text).0, [36, 42, 72, 36]);
    let text = "X:1\nM:4/4\nL:1/4\nK:C perc\n%%percmap F Acoustic-Bass-Drum\n%%percmap c 38 x\nF c F c|\n";
    let score = parse(text).unwrap();
    assert!(score.voices[0].is_drums());
    assert_eq!(notes(&score), [(0, 35), (8, 38), (16, 35), (24, 38)]);
    assert_eq!(notes(&parse(&canonical(text).unwrap()).unwrap()), notes(&score));
    for directive in ["percmap F snare", "MIDI drummap F 200", "MIDI drummap H 36"] {
        assert!(
            complaints(&format!("K:perc\n%%{directive}\nF|")).contains("expected a note and a drum"),
            "{directive}"
        );
    }
}

#[test]
fn macros_are_written_out() {
    assert_eq!(quarters("m:~G2 = {A}G{F}G\nK:C\n~G2 C2|").0, [69, 67, 65, 67, 60]);
    let (score, _) = parse_lenient("X:1\nM:4/4\nL:1/4\nm:~n2 = (3o/n/m/ n\nK:C\n~c2 C2|\n").unwrap();
    let onsets: Vec<_> = score.voices[0].notes.iter().map(|note| (note.onset_ticks, note.pitch)).collect();
    assert_eq!(onsets, [(0, 74), (160, 72), (320, 71), (480, 72), (960, 60)]);
}

#[test]
fn names_are_read_whatever_stands_before_them() {
    let text = "X:1\nT:Caf\\'e\nM:4/4\nL:1/4\nK:C\nV:1 sname=\"Vl.\" name=\"Violin\"\nCDEF|\n";
    let score = parse(text).unwrap();
    assert_eq!((score.title.as_deref(), score.voices[0].name.as_deref()), (Some("Café"), Some("Violin")));
    assert_eq!(split_tunebook(text)[0].title.as_deref(), Some("Café"));
}

#[test]
fn a_text_without_x_is_one_tune_and_an_odd_x_names_no_file() {
    let book = split_tunebook("M:4/4\nL:1/16\nK:Gm\nG,4|B,2|\n");
    let (score, complaints) = parse_lenient(&book[0].text).unwrap();
    assert_eq!((notes(&score), complaints.len()), (vec![(0, 55), (8, 58)], 1));
    let long = format!("X:{}\nK:C\nC|\n\nX:2\0x\nK:C\nC|\n", "7".repeat(300));
    let references: Vec<_> = split_tunebook(&long).into_iter().map(|tune| tune.reference).collect();
    assert_eq!(references, ["7".repeat(32), "2".to_string()]);
}

#[test]
fn quotes_of_word_processors_hold_no_notes() {
    assert_eq!(quarters("K:C\n„Em“C2 ”G”D2|").0, [60, 62]);
    for (music, what) in [
        ("“Em”C2 G|", "quotes, taken for \""),
        ("‘Em’C2 ‹D›G|", "quotes, taken for \""),
        ("“Em\"C2 \"Am”G|", "quotes, taken for \""),
        ("C–C G|", "dash, taken for -"),
    ] {
        assert_eq!(quarters(&format!("K:C\n{music}")).0, [60, 67], "{music}");
        assert!(complaints(&format!("K:C\n{music}")).contains(what), "{music}");
    }
    assert_eq!(quarters("K:C\nc’2 c|").0, [84, 72], "an octave mark");
}

#[test]
fn small_spellings_of_old_texts_are_understood() {
    assert_eq!(notes(&parse("X:1\nM:3/4\nL:1/8\nK:C\n(1:2:2CC D2|\n").unwrap()), [(0, 60), (8, 60), (16, 62)]);
    assert_eq!(quarters("K:C\n|:C4|[1, 2 D4:|[3 E4|]").0, [60, 62, 60, 62, 60, 64]);
    for endings in ["1.2.D4:|3E4|]", "[1 2 D4:|[3 E4|]", "[1 & 2 D4:| 3 E4|]", "[ 1,2 D4:| [ 3 E4|]"] {
        assert_eq!(quarters(&format!("K:C\n|:C4|{endings}")).0, [60, 62, 60, 62, 60, 64], "{endings}");
    }
    assert_eq!(
        complaints("K:C\n|:C4|1D4|2E4:|"),
        "line 5, column 10: no repeat comes to this ending: it is not played"
    );
    assert!(complaints("K:C\n(&C4|D4&&E4|F4&)|").contains("&& overlays several bars"));
    assert_eq!(notes(&parse("X:1\nL:1/4\nK:C\n+CEG+ +f+ D|\n").unwrap()), [(0, 60), (0, 64), (0, 67), (8, 62)]);
    let tempi = ["1/4=ca. 100", "1/4=100-110", "1/4=100..110", "100bpm", "100", "♩ = 100", "Lento 1/4=100", "2/4=50"];
    for tempo in tempi {
        let text = format!("X:1\nQ:{tempo}\nK:C\nC|\n");
        assert_eq!(parse(&text).unwrap().tempo_bpm(), 100.0, "{tempo}");
        assert_eq!(parse(&canonical(&text).unwrap()).unwrap().tempo_bpm(), 100.0, "{tempo}");
    }
    for tempo in ["1/4", "1/4 100", "1/4:100", "half=100", "Lento"] {
        assert!(complaints(&format!("Q:{tempo}\nK:C\nC|")).contains("is not a tempo"), "{tempo}");
    }
    assert_eq!(quarters("K:C clef=treble-8\nC4|\nK:C clef=treble\nC4|").0, [48, 60], "the clef goes back");
    let one_voice = "X:1\nL:1/4\nK:C\nV:1 clef=treble-8\nC4|\nV:1 clef=treble\nC4|\n";
    assert_eq!(notes(&parse(&canonical(one_voice).unwrap()).unwrap()), [(0, 48), (32, 60)]);
    assert!(complaints("K:C\nc4|-c4|").contains("a tie without a note in front of it"));
}
