use super::*;
use crate::abc::{Layout, canonical, parse, split_long};
use crate::quantise::quantise;
use crate::score::Word;
use crate::{Key, KeyChange, Meter, MeterChange, Mode, Note, ProgramChange, TempoChange, Voice, midi};
use proptest::prelude::*;

fn note(onset_ticks: u32, duration_ticks: u32, pitch: u8) -> Note {
    Note { onset_ticks, pitch, duration_ticks, velocity: 80 }
}

fn voice(notes: Vec<Note>) -> Voice {
    Voice { notes, ..Voice::default() }
}

/// Music after the header of a single voice, without the line that abc2midi needs for chords.
fn body(notes: Vec<Note>) -> String {
    let text = write(&Score { voices: vec![voice(notes)], ..Score::default() }, &WriteOptions::default());
    let (_, body) = text.split_once("K:C\n").unwrap();
    body.trim_start_matches("%%MIDI chordattack 0\n").trim_end().to_string()
}

#[test]
fn a_plain_scale_reads_as_a_person_writes_it() {
    let scale = [60, 62, 64, 65, 67, 69, 71, 72];
    let notes = scale.iter().zip(0..).map(|(&pitch, i)| note(240 * i, 240, pitch)).collect();
    let text = write(&Score { voices: vec![voice(notes)], ..Score::default() }, &WriteOptions::default());
    assert_eq!(text, "X:1\nM:4/4\nL:1/8\nQ:1/4=120\nK:C\nCDEF GABc|]\n\n");
}

#[test]
fn a_chord_is_one_symbol_and_a_note_over_the_bar_line_is_tied() {
    assert_eq!(body(vec![note(0, 1440, 60), note(0, 1440, 64), note(1440, 960, 62)]), "[CE]3D-|Dz3|]");
}

#[test]
fn triplets_and_swing_are_tuplets() {
    let triplet = [(0, 160), (160, 160), (320, 160), (480, 320), (800, 160), (960, 960)];
    assert_eq!(body(triplet.map(|(onset, ticks)| note(onset, ticks, 60)).to_vec()), "(3CCC(3:2:2C2C C4|]");
}

#[test]
fn overlapping_notes_become_layers_and_an_accidental_is_repeated_where_readers_differ() {
    let notes = vec![note(0, 1920, 61), note(480, 480, 73), note(960, 960, 72)];
    assert_eq!(body(notes), "^C4&z^c=c2|]");
}

#[test]
fn a_pickup_is_a_short_first_bar_and_silent_bars_are_counted() {
    let meters = [0, 480].map(|tick| MeterChange { tick, meter: Meter::COMMON }).to_vec();
    let notes = vec![note(0, 480, 67), note(480, 1920, 72), note(480 + 3 * 1920, 1920, 72)];
    let text = write(&Score { meters, voices: vec![voice(notes)], ..Score::default() }, &WriteOptions::default());
    assert!(text.ends_with("K:C\nG|c4|Z2|\nc4|]\n\n"), "{text}");
}

#[test]
fn fields_stand_where_they_take_effect() {
    let mut first = voice(vec![note(0, 1920, 66), note(1920, 1440, 66)]);
    first.programs = vec![ProgramChange { tick: 0, program: 24 }, ProgramChange { tick: 1920, program: 25 }];
    let score = Score {
        meters: vec![
            MeterChange { tick: 0, meter: Meter::COMMON },
            MeterChange { tick: 1920, meter: Meter { numerator: 3, denominator: 4 } },
        ],
        tempos: vec![
            TempoChange { tick: 0, micros_per_beat: 500_000 },
            TempoChange { tick: 2400, micros_per_beat: 600_000 },
        ],
        keys: [(0, 1), (1920, 2)]
            .map(|(tick, fifths)| KeyChange { tick, key: Key { fifths, mode: Mode::Major } })
            .to_vec(),
        voices: vec![first, Voice { channel: 9, notes: vec![note(0, 480, 36)], ..Voice::default() }],
        ..Score::default()
    };
    let music = "[V:1]F4|[M:3/4][K:D][I:MIDI program 25]F-[Q:1/4=100]F2|]\n[V:2]C,,z3|\n[V:2][M:3/4][K:D]Z|]\n\n";
    let text = write(&score, &WriteOptions::default());
    assert!(text.ends_with(music), "{text}");
    let voices = "K:G\nV:1\n%%MIDI channel 1\n%%MIDI program 24\nV:2\n%%MIDI channel 10\n[V:1]";
    assert!(text.contains(voices), "{text}");
}

#[test]
fn a_title_cannot_smuggle_fields_in() {
    let score =
        Score { title: Some("Reel\nK:F#%x".into()), voices: vec![voice(vec![note(0, 480, 60)])], ..Score::default() };
    let text = write(&score, &WriteOptions { title: true, ..WriteOptions::default() });
    assert!(text.starts_with("X:1\nT:Reel K:F# x\nM:4/4\n"), "{text}");
}

#[test]
fn a_tempo_beyond_reason_is_written_as_one_that_is_read() {
    // Found by fuzzing: 67 microseconds a beat.
    let tempos = vec![TempoChange { tick: 0, micros_per_beat: 67 }];
    let score = Score { tempos, voices: vec![voice(vec![note(0, 480, 60)])], ..Score::default() };
    for score in [quantise(&score), score] {
        let text = write(&score, &WriteOptions::default());
        assert!(text.contains("Q:1/4=60000\n") && parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn a_run_of_notes_that_no_grid_holds_is_written_again_the_same() {
    // Nonuplets, as in O'Neill's 681: a note on the triplet grid whose end, a 64th later, would lie between the grids.
    for step in [13, 20, 27, 48] {
        let score = Score {
            voices: vec![voice((0..24).map(|i| note(i * step, step, 60 + i as u8)).collect())],
            ..Score::default()
        };
        let text = write(&score, &WriteOptions::default());
        assert_eq!(write(&parse(&text).unwrap(), &WriteOptions::default()), text);
    }
}

#[test]
fn text_stays_bounded_whatever_the_gaps_and_voices() {
    let sparse = |i: u32| voice((0..8).map(|k| note(k * 4_000_000 + i * 30, 1 << 27, 60)).collect());
    let score = Score { voices: (0..30).map(sparse).collect(), ..Score::default() };
    let (length, n_notes) = (write(&quantise(&score), &WriteOptions::default()).len(), score.n_notes());
    assert!(length < 400 * n_notes, "{length} bytes for {n_notes} notes");
}

/// Scores as the reader gives them: everything on the grid, no voice plays a pitch twice at once.
fn any_score() -> impl Strategy<Value = Score> {
    let step = prop_oneof![Just(30_u32), Just(40), Just(60), Just(80), Just(120), Just(160), Just(240), Just(480)];
    let notes = prop::collection::vec((0..16_u32, step, 0..16_u32, 1..12_u32, 0..128_u8), 1..24);
    let voice = (0..16_u8, prop::option::of(0..128_u8), notes).prop_map(|(channel, program, notes)| {
        let place = |(beat, step, at, n, pitch)| note(beat * 480 + at * step % 480 / step * step, n * step, pitch);
        Voice {
            name: None,
            channel,
            programs: program.map(|program| ProgramChange { tick: 0, program }).into_iter().collect(),
            notes: notes.into_iter().map(place).collect(),
        }
    });
    let meter = (1..13_u16, prop_oneof![Just(4_u16), Just(8)])
        .prop_map(|(numerator, denominator)| Meter { numerator, denominator });
    let modes = [Mode::Major, Mode::Minor, Mode::Dorian, Mode::Phrygian, Mode::Lydian, Mode::Mixolydian, Mode::Locrian];
    let key = (-7..8_i8, 0..7_usize).prop_map(move |(fifths, mode)| Key { fifths, mode: modes[mode] });
    (prop::collection::vec(voice, 1..5), meter.clone(), meter, key.clone(), key, 10..99_u32).prop_map(
        |(voices, meter, later, key, new_key, bpm)| {
            let change = meter.bar_ticks() * 2;
            let meters = vec![MeterChange { tick: 0, meter }, MeterChange { tick: change, meter: later }];
            let tempo =
                |(tick, bpm)| TempoChange { tick, micros_per_beat: crate::quantise::written_micros(19_997 * bpm) };
            let keys = vec![KeyChange { tick: 0, key }, KeyChange { tick: change, key: new_key }];
            Score {
                title: None,
                meters,
                tempos: [(0, bpm), (change + 480, bpm + 7)].map(tempo).to_vec(),
                keys,
                voices,
                ..Score::default()
            }
        },
    )
}

/// A voice whose notes crowd on a few pitches, struck twice at once and held over many bar lines, with all layers taken.
fn crowded_score() -> impl Strategy<Value = Score> {
    let notes = prop::collection::vec((0..24_u32, 1..16_u32, 54..59_u8), 8..40);
    let place = |(at, n, pitch)| note(at * 240, n * 240, pitch);
    let voice = notes.prop_map(move |notes| voice(notes.into_iter().map(place).collect()));
    (prop::collection::vec(voice, 1..4), -7..8_i8).prop_map(|(voices, fifths)| {
        let keys = vec![KeyChange { tick: 0, key: Key { fifths, mode: Mode::Major } }];
        Score { keys, voices, ..Score::default() }
    })
}

/// The score without what the text does not hold: metre changes that neither change anything nor set a bar line.
fn as_text_has_it(mut score: Score) -> Score {
    score.meters = crate::score::meters_with_lines(score.meters.iter().map(|change| (change.tick, change.meter)));
    score
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_holds_the_whole_score_in_both_layouts_and_is_written_again_the_same(score in any_score()) {
        let fitted = as_text_has_it(to_grid(&score).into_owned());
        for layout in [Layout::Interleaved, Layout::InTurn] {
            let options = WriteOptions { layout, ..WriteOptions::default() };
            let text = write(&fitted, &options);
            let back = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(&without_velocity(&back), &without_velocity(&fitted), "{}", text);
            prop_assert_eq!(&write(&back, &options), &text);
            let canonical = canonical(&text).unwrap();
            prop_assert_eq!(parse(&canonical).unwrap(), back, "{}\n{}", text, canonical);
        }
    }

    #[test]
    fn crowded_voices_are_written_again_the_same(score in crowded_score()) {
        let text = write(&score, &WriteOptions::default());
        let back = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let notes = |score: &Score| without_velocity(score).voices.into_iter().map(|v| v.notes).collect::<Vec<_>>();
        prop_assert_eq!(notes(&back), notes(&to_grid(&score)), "{}", text);
        prop_assert_eq!(write(&back, &WriteOptions::default()), text);
    }

    #[test]
    fn pieces_of_a_crowded_score_hold_all_its_time_and_no_open_tie(mut score in crowded_score()) {
        for voice in &mut score.voices {
            let once = voice.notes.clone();
            let again = |times: u32| once.iter().map(move |n| Note { onset_ticks: n.onset_ticks + times * 4 * 1920, ..*n });
            voice.notes = (0..8).flat_map(again).collect();
        }
        let text = write(&score, &WriteOptions::default());
        let pieces = split_long(&text, 200 + text.len() / 2);
        let sounding_ticks = |text: &str| -> u64 {
            let notes = parse(text).unwrap().voices.into_iter().flat_map(|voice| voice.notes);
            notes.map(|note| u64::from(note.duration_ticks)).sum()
        };
        let in_pieces: u64 = pieces.iter().map(|piece| sounding_ticks(piece)).sum();
        prop_assert!(pieces.len() > 1 || text.len() <= 400, "{}", text); // a shorter text fits as it is
        prop_assert_eq!(in_pieces, sounding_ticks(&text), "{}\n{}", text, pieces.join("\n"));
        for piece in &pieces {
            let n_voices = piece.matches("V:").count() - piece.matches("[V:").count();
            let mut last_lines = piece.trim_end().lines().rev().take(n_voices.max(1));
            prop_assert!(last_lines.all(|line| !line.ends_with("-|")), "{}", piece);
        }
    }
}

fn without_velocity(score: &Score) -> Score {
    let mut score = score.clone();
    score.voices.iter_mut().flat_map(|voice| &mut voice.notes).for_each(|note| note.velocity = 80);
    score.voices.iter_mut().for_each(|voice| voice.name = None);
    score
}

#[test]
fn a_page_for_people_has_clefs_and_names_and_drums_without_a_key() {
    let text = "X:1\nT:Groove\nM:4/4\nL:1/4\nQ:1/4=120\nK:Ab\nV:1 clef=perc name=\"Drums\"\n%%MIDI channel 10\n\
                V:2 clef=bass name=\"Bass\"\n%%MIDI channel 2\n[V:1][K:none]C,,^F,,C,,F,,|]\n[V:2]A,,E,A,,C,|]\n\n";
    let score = crate::abc::parse(text).unwrap();
    assert_eq!(score.key(), Key { fifths: -4, mode: Mode::Major });
    let pitches = |voice: usize| score.voices[voice].notes.iter().map(|note| note.pitch).collect::<Vec<_>>();
    assert_eq!((pitches(0), pitches(1)), (vec![36, 42, 36, 42], vec![44, 51, 44, 48]));
    assert_eq!(write(&score, &WriteOptions { title: true, ..Default::default() }), text);
    assert!(!write(&score, &WriteOptions::default()).contains("clef"));
}

#[test]
fn words_stand_under_the_notes_of_the_voice_that_sings() {
    let melody =
        vec![note(0, 480, 60), note(480, 480, 62), note(960, 1440, 64), note(2400, 480, 65), note(2880, 480, 67)];
    let piano = (0..12).map(|i| note(240 * i, 240, 48)).collect();
    let word = |(tick, text): (u32, &str)| Word { tick, text: text.to_string() };
    let words = [(0, "Twin-"), (490, "kle"), (960, "a b-"), (2390, "c-d_e"), (5000, "lost")].map(word).to_vec();
    let score = Score { voices: vec![voice(piano), voice(melody)], words, ..Score::default() };
    let page = write(&score, &WriteOptions { title: true, ..WriteOptions::default() });
    assert!(page.contains("\n[V:2]C2D2E4-|E2F2G2z2|]\nw:Twin-kle a~b_-c\\-d~e\n"), "{page}");
    assert_eq!(page.matches("w:").count(), 1);
    assert!(!write(&score, &WriteOptions::default()).contains("w:"), "what models learn has no words");
    assert_eq!(midi::read(&midi::write(&score)).unwrap().words, score.words);
    assert_eq!(parse(&page).unwrap().n_notes(), score.n_notes());
}
