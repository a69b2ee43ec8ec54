use super::*;
use crate::music::{KeyChange, Meter, MeterChange, Mode, Note};

fn measures_of(notes: &[(u32, u8, u32)], fifths: i8) -> Vec<Measure> {
    let note = |(onset_ticks, pitch, duration_ticks): &(u32, u8, u32)| Note {
        onset_ticks: *onset_ticks,
        pitch: *pitch,
        duration_ticks: *duration_ticks,
        velocity: 80,
    };
    let voice = Voice { notes: notes.iter().map(note).collect(), ..Voice::default() };
    let meters = vec![MeterChange { tick: 0, meter: Meter::COMMON }];
    let keys = vec![KeyChange { tick: 0, key: Key { fifths, mode: Mode::Major } }];
    let score = Score { meters, keys, voices: vec![voice.clone()], ..Score::default() };
    measures(&score, &voice)
}

#[test]
fn lengths_are_written_with_the_fewest_values() {
    let ticks = |total: u32| values(total).iter().map(|value| value.ticks()).collect::<Vec<_>>();
    assert_eq!(ticks(1440), [1440]); // a dotted half
    assert_eq!(ticks(600), [480, 120]);
    assert_eq!(ticks(160), [160]); // an eighth of a triplet
    assert_eq!(ticks(20), [0; 0]);
    assert!((60..4000).step_by(60).all(|total| ticks(total).iter().sum::<u32>() == total));
}

#[test]
fn every_bar_is_full() {
    let measures = measures_of(&[(0, 60, 700), (480, 64, 3000), (4000, 67, 10), (7000, 60, 480)], 0);
    for measure in measures {
        let total: u32 = measure.symbols.iter().map(|symbol| symbol.value.ticks()).sum();
        assert_eq!(total, measure.bar.ticks, "{measure:?}");
    }
}

#[test]
fn a_note_across_a_bar_line_is_tied() {
    let measures = measures_of(&[(1440, 60, 960)], 0);
    let sounding: Vec<(u32, bool)> = measures
        .iter()
        .flat_map(|measure| &measure.symbols)
        .filter(|symbol| !symbol.heads.is_empty())
        .map(|symbol| (symbol.value.ticks(), symbol.tied))
        .collect();
    assert_eq!(sounding, [(480, true), (480, false)]);
}

#[test]
fn pitches_are_spelled_as_the_key_wants() {
    assert_eq!(spell(60, 0), (28, 0)); // middle C
    assert_eq!(spell(66, 1), (31, 1)); // F♯ in G
    assert_eq!(spell(70, -2), (34, -1)); // B♭ in B♭
    assert_eq!(spell(61, -4), (29, -1)); // D♭ in A♭
    assert_eq!(spell(71, -7), (35, -1)); // C♭5 in C♭: the letter C of the octave above
    for fifths in -7..=7 {
        for pitch in 0..=127u8 {
            let (step, sign) = spell(pitch, fifths);
            let semitones = [0, 2, 4, 5, 7, 9, 11][step.rem_euclid(7) as usize];
            assert_eq!((step.div_euclid(7) + 1) * 12 + semitones + sign, i32::from(pitch));
        }
    }
}

#[test]
fn a_sign_is_written_once_a_bar_and_taken_back() {
    let measures = measures_of(&[(0, 66, 480), (480, 66, 480), (960, 65, 480), (1440, 66, 480), (1920, 66, 480)], 0);
    let signs: Vec<Option<i32>> = measures
        .iter()
        .flat_map(|measure| &measure.symbols)
        .flat_map(|symbol| &symbol.heads)
        .map(|head| head.sign)
        .collect();
    assert_eq!(signs, [Some(1), None, Some(0), Some(1), Some(1)]);
    let in_g = measures_of(&[(0, 66, 480), (480, 65, 480)], 1);
    assert_eq!(in_g[0].symbols[0].heads[0].sign, None);
    assert_eq!(in_g[0].symbols[1].heads[0].sign, Some(0));
}

#[test]
fn key_signatures_follow_the_circle_of_fifths() {
    assert_eq!(key_letters(2), [3, 0]); // F♯ C♯
    assert_eq!(key_letters(-2), [6, 2]); // B♭ E♭
    assert_eq!((key_sign(3, 1), key_sign(0, 1), key_sign(6, -1), key_sign(2, -1)), (1, 0, -1, 0));
}

fn page_of(body: &str) -> Vec<Measure> {
    let score = crate::music::abc::parse(&format!("X:1\nM:4/4\nL:1/4\nQ:1/4=90\nK:G\n{body}\n")).unwrap();
    let page = score.page();
    measures(&page, &page.voices[0])
}

#[test]
fn a_page_has_its_pickup_repeats_endings_double_bars_and_tempo_where_the_text_has_them() {
    let page = page_of("D|:GABc|[1 d4:|[2 c4||[Q:1/4=60][M:3/4]B3|");
    let beats: Vec<u32> = page.iter().map(|measure| measure.bar.ticks / 480).collect();
    assert_eq!(beats, [1, 4, 4, 4, 3]);
    let of = |is: fn(&Measure) -> bool| page.iter().map(is).collect::<Vec<bool>>();
    assert_eq!(of(|measure| measure.repeats), [false, true, false, false, false]);
    assert_eq!(of(|measure| measure.new_meter), [true, false, false, false, true]);
    assert_eq!(of(|measure| measure.tempo.is_some()), [true, false, false, false, true]);
    assert_eq!(page[0].missing, 3 * 480); // its beams are those of the last beat
    let closes: Vec<_> = page.iter().map(|measure| measure.closes.clone()).collect();
    use SignKind::{Double, Final, RepeatEnds};
    assert_eq!(closes, [None, None, Some(RepeatEnds(1)), Some(Double), Some(Final)]);
    let volta = |passes: &str| Some(Volta { passes: passes.into(), start: 0, ends: true });
    let voltas: Vec<_> = page.iter().map(|measure| measure.volta.clone()).collect();
    assert_eq!(voltas, [None, None, volta("1"), volta("2"), None]);
}

#[test]
fn notes_are_spelled_in_the_key_of_their_bar() {
    let page = page_of("FFFF|[K:C]F^FFF|");
    let signs: Vec<_> = page[1].symbols.iter().map(|symbol| symbol.heads[0].sign).collect();
    assert_eq!(signs, [None, Some(1), None, None]);
    assert_eq!((page[0].old_key, page[1].old_key.map(|key| key.fifths)), (None, Some(1)));
}
