use super::*;
use crate::abc::{self, Layout};
use crate::quantise::{quantise, to_grid};
use crate::{Key, KeyChange, Meter, MeterChange, Mode, Note, ProgramChange, Score, TempoChange, Voice};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;

/// A format 0 file of one track with the given events.
fn file_of(ticks_per_beat: u16, track: &[u8]) -> Vec<u8> {
    let length = (track.len() as u32).to_be_bytes();
    [b"MThd\0\0\0\x06\0\0\0\x01".as_slice(), &ticks_per_beat.to_be_bytes(), b"MTrk", &length, track].concat()
}

fn file(track: &[u8]) -> Vec<u8> {
    file_of(96, track)
}

/// Middle C for a beat, End of Track missing.
const ONE_BEAT: [u8; 8] = [0, 0x90, 60, 64, 96, 0x80, 60, 0];

fn notes(bytes: &[u8]) -> Vec<(u32, u8, u32)> {
    let voices = read(bytes).unwrap().voices;
    voices
        .iter()
        .flat_map(|voice| &voice.notes)
        .map(|note| (note.onset_ticks, note.pitch, note.duration_ticks))
        .collect()
}

fn complaint(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

#[test]
fn ticks_are_rescaled_and_a_missing_end_of_track_is_no_harm() {
    assert_eq!(notes(&file(&ONE_BEAT)), [(0, 60, 480)]);
}

#[test]
fn junk_before_the_header_a_wrong_track_count_and_a_huge_track_length_are_no_harm() {
    let mut bytes = b"RIFF\x40\0\0\0RMIDdata\x38\0\0\0".to_vec();
    bytes.extend(file(&ONE_BEAT));
    let at = bytes.len() - ONE_BEAT.len();
    bytes[at - 4..at].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    bytes[at - 11] = 7; // tracks that are not there
    assert_eq!(notes(&bytes), [(0, 60, 480)]);
    bytes[at - 4..at].copy_from_slice(&[0, 0, 0, 2]); // and one that is too short, with no track behind it
    assert_eq!(notes(&bytes), [(0, 60, 480)]);
}

#[test]
fn a_track_behind_one_with_a_wrong_length_is_found() {
    let mut bytes = file(&ONE_BEAT);
    let at = bytes.len() - ONE_BEAT.len();
    bytes[at - 1] = 5; // three bytes short: what follows is no chunk
    bytes.extend(b"MTrk\0\0\0\x08");
    bytes.extend([0, 0x91, 72, 64, 96, 0x81, 72, 0]);
    assert!(notes(&bytes).contains(&(0, 72, 480)));
}

#[test]
fn a_note_struck_again_while_it_sounds_ends_there() {
    let track = [0, 0x90, 60, 64, 48, 60, 64, 48, 0x80, 60, 0, 48, 60, 0];
    assert_eq!(notes(&file(&track)), [(0, 60, 240), (240, 60, 480)]);
}

#[test]
fn a_hanging_note_ends_with_its_track() {
    assert_eq!(notes(&file(&[0, 0x90, 60, 64, 96, 0xff, 0x2f, 0])), [(0, 60, 480)]);
}

#[test]
fn a_controller_may_end_all_notes_of_its_channel() {
    for controller in [120, 123] {
        let two_notes = [0, 0x90, 60, 64, 0, 72, 64, 96, 0xb0, controller, 0, 96, 0x90, 62, 64, 96, 0x80, 62, 0];
        assert_eq!(notes(&file(&two_notes)), [(0, 60, 480), (0, 72, 480), (960, 62, 480)]);
    }
}

#[test]
fn the_name_of_the_one_track_of_format_0_is_the_title() {
    let named = [&[0, 0xff, 3, 4], b"\xc9tud".as_slice(), &ONE_BEAT].concat();
    assert_eq!(read(&file(&named)).unwrap().title.as_deref(), Some("Étud"));
}

#[test]
fn data_bytes_above_127_and_undefined_statuses_do_not_end_the_track() {
    let mut track = vec![0, 0xb0, 111, 0x80, 0, 0xf4, 0, 0xf2, 1, 2];
    track.extend(ONE_BEAT);
    assert_eq!(notes(&file(&track)), [(0, 60, 480)]);
}

#[test]
fn smpte_time_counts_two_beats_a_second() {
    let mut bytes = file(&[0, 0x90, 60, 64, 0x87, 0x68, 0x80, 60, 0]); // 1,000 ticks
    bytes[12..14].copy_from_slice(&[256_u16.wrapping_sub(25) as u8, 40]); // 25 frames/s of 40 ticks: a tick is 1 ms
    assert_eq!(notes(&bytes), [(0, 60, 960)]);
}

#[test]
fn what_is_not_midi_is_named() {
    assert_eq!(complaint(b""), "The file is empty (0 bytes, no MThd header).");
    assert!(complaint(b"\r\n<!DOCTYPE html><html>404 Not Found</html>").starts_with("This is a web page, not MIDI"));
    assert!(complaint(b"ID3\x03\0\0\0").starts_with("This is MP3 audio, not MIDI"));
    assert!(complaint(b"RIFF\0\0\0\0WAVEfmt ").starts_with("This is recorded audio, not MIDI"));
    assert!(complaint(b"\x1f\x8b\x08\0").starts_with("This is a gzip archive, not MIDI"));
    assert!(complaint(b"X:1\nT:Reel\nK:D\nABA|\n").starts_with("This is ABC text, not MIDI"));
    assert_eq!(
        complaint(&[0; 10]),
        "The file holds only zero bytes, as a failed download does (10 bytes, no MThd header)."
    );
    assert_eq!(complaint(b"MThd\0\0"), "The MIDI header is cut off after 6 of its 14 bytes.");
}

#[test]
fn what_is_written_reads_back_the_same() {
    let notes = |pitches: [u8; 3]| {
        pitches
            .map(|pitch| Note { onset_ticks: u32::from(pitch) * 7, pitch, duration_ticks: 93, velocity: 71 })
            .to_vec()
    };
    let voice = |channel, pitches, program| Voice {
        name: Some(format!("part {channel}")),
        channel,
        programs: vec![ProgramChange { tick: 0, program }],
        notes: notes(pitches),
    };
    let score = Score {
        title: Some("Étude".into()),
        meters: vec![MeterChange { tick: 0, meter: Meter { numerator: 7, denominator: 8 } }],
        tempos: vec![
            TempoChange { tick: 0, micros_per_beat: 612_345 },
            TempoChange { tick: 97, micros_per_beat: 400_000 },
        ],
        keys: vec![KeyChange { tick: 0, key: Key { fifths: -3, mode: Mode::Minor } }],
        voices: vec![voice(0, [60, 64, 67], 5), voice(9, [36, 38, 42], 0)],
        ..Score::default()
    };
    assert_eq!(read(&write(&score)).unwrap(), score);
}

#[test]
fn bytes_cut_or_flipped_anywhere_never_panic() {
    let mut bytes = file(&[
        0, 0xc0, 5, 0, 0xff, 3, 2, b'h', b'i', 0, 0x90, 60, 64, 96, 64, 64, 10, 0x80, 60, 0, 5, 0xf0, 2, 1, 0xf7,
    ]);
    for length in 0..bytes.len() {
        let _ = read(&bytes[..length]);
    }
    for i in 0..bytes.len() {
        for value in 0..=255 {
            let kept = std::mem::replace(&mut bytes[i], value);
            if let Ok(score) = read(&bytes) {
                write(&score);
            }
            bytes[i] = kept;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_reader_and_another_writer_of_midi_agree(notes in prop::collection::vec((0..9_u32, 0..128_u8, 1..9_u32, 1..128_u8, 0..16_u8), 0..40)) {
        let voices = (0..16_u8).map(|channel| {
            let own = notes.iter().filter(|note| note.4 == channel);
            let notes = own.map(|&(onset, pitch, ticks, velocity, _)| {
                Note { onset_ticks: onset * 100, pitch, duration_ticks: ticks * 50, velocity }
            });
            Voice { channel, notes: without_collisions(notes.collect()), ..Voice::default() }
        });
        let voices: Vec<Voice> = voices.filter(|voice| !voice.notes.is_empty()).collect();
        let bytes = write(&Score { voices: voices.clone(), ..Score::default() });
        let smf = midly::Smf::parse(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let n_struck = smf.tracks.iter().flatten().filter(|event| matches!(
            event.kind,
            midly::TrackEventKind::Midi { message: midly::MidiMessage::NoteOn { .. }, .. }
        ));
        prop_assert_eq!(n_struck.count(), notes.len());
        let again = read(&bytes).unwrap().voices;
        prop_assert!(again.iter().map(|voice| (voice.channel, &voice.notes)).eq(voices.iter().map(|voice| (voice.channel, &voice.notes))));
        let mut by_midly = Vec::new();
        smf.write_std(&mut by_midly).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read(&by_midly).unwrap(), read(&bytes).unwrap());
    }
}

/// Quarter notes from middle C up, each so many ticks after its beat, sounding for 400 ticks.
fn quarters(late: &[i32]) -> Vec<u8> {
    let mut now = 0;
    let mut events = Vec::new();
    for (beat, (late, pitch)) in (0..).zip(late.iter().zip(60..)) {
        let wait = 480 * beat + late - now;
        events.extend([0x80 | (wait >> 7) as u8, (wait & 127) as u8, 0x90, pitch, 80, 0x83, 0x10, 0x80, pitch, 0]);
        now += wait + 400;
    }
    file_of(480, &events)
}

#[test]
fn what_people_play_beside_the_beat_is_written_on_it() {
    let score = quantise(&read(&quarters(&[0, 13, -9, 18, -15, 7, 20, -20])).unwrap());
    let notes: Vec<_> = score.voices[0].notes.iter().map(|note| (note.onset_ticks, note.duration_ticks)).collect();
    assert_eq!(notes, (0..8).map(|beat| (480 * beat, 480)).collect::<Vec<_>>());
}

#[test]
fn a_tempo_is_kept_as_it_is_and_where_it_stands() {
    let text = |tempos: &[(u8, [u8; 3])]| {
        let tempo = |(wait, micros): &(u8, [u8; 3])| [&[*wait, 0xff, 0x51, 3], micros.as_slice()].concat();
        let notes = [0, 0x90, 60, 80, 0x83, 0x60, 0x80, 60, 0, 0, 0x90, 62, 80, 0x83, 0x60, 0x80, 62, 0];
        let file = file_of(480, &[tempos.iter().flat_map(tempo).collect::<Vec<u8>>(), notes.to_vec()].concat());
        abc::write(&quantise(&read(&file).unwrap()), &abc::WriteOptions::default())
    };
    let micros = 772_532_u32.to_be_bytes(); // 77.6667 beats a minute: 32 beats last 24.72 s
    let written = text(&[(0, [micros[1], micros[2], micros[3]])]);
    let read_again = abc::parse(&written).unwrap();
    assert!(written.contains("Q:1/4=77.667\n"), "{written}");
    assert!((32.0 * 60.0 / read_again.tempo_bpm() - 24.721).abs() < 0.001);
    let changed = |tick| Score {
        tempos: [(0, 500_000), (tick, 300_000)]
            .map(|(tick, micros_per_beat)| TempoChange { tick, micros_per_beat })
            .to_vec(),
        ..read(&quarters(&[0, 0])).unwrap()
    };
    assert_eq!(quantise(&changed(720)).tempos, changed(720).tempos, "in the middle of a beat");
    let curve = Score {
        tempos: (0..4).map(|i| TempoChange { tick: 120 * i, micros_per_beat: 400_000 + 40_000 * i }).collect(),
        ..changed(0)
    };
    let tempos: Vec<_> = quantise(&curve).tempos.iter().map(|change| (change.tick, change.micros_per_beat)).collect();
    assert_eq!(tempos[0].0, 0);
    assert!(tempos[0].1.abs_diff(460_000) < 5, "the beat lasts as long: {tempos:?}");
}

#[test]
fn short_and_long_events_of_metre_tempo_and_key_are_read_as_far_as_they_go() {
    let events = b"\0\xff\x58\x02\x03\x02\0\xff\x51\x04\x09\x27\xc0\0\0\xff\x59\x01\x02\0\x90<P\x8b \x80<@\0\xff\x2f\0";
    let score = read(&file_of(480, events)).unwrap();
    assert_eq!((score.meter().to_string().as_str(), score.tempo_bpm()), ("3/4", 100.0));
}

/// The files of an archive of the shared corpora, at most so many; where it is not here, a test says that it is skipped.
fn shared_files(archive: &str, n: usize) -> Option<BTreeMap<String, Vec<u8>>> {
    let shared = std::env::var("MUSIC_SCALING_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let path = PathBuf::from(shared).join("corpora").join(archive);
    let skipped = |_| {
        let test = std::thread::current();
        let name = test.name().unwrap_or_default();
        // past the harness, which shows what a test prints only where it fails
        let _ = writeln!(std::io::stderr(), "{name}: skipped, as {} is not here", path.display());
    };
    let file = std::fs::File::open(&path).map_err(skipped).ok()?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().ok()? {
        let mut entry = entry.ok()?;
        if files.len() >= n {
            break;
        }
        let name =
            entry.path().ok()?.to_string_lossy().trim_start_matches("./").trim_start_matches("nasty/").to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        files.insert(name, bytes);
    }
    Some(files)
}

#[test]
fn real_tunes_are_written_again_the_same_in_both_layouts() {
    let Some(files) = shared_files("web_midi.tar.gz", 60) else { return };
    for (name, bytes) in files {
        let Ok(score) = read(&bytes) else { continue };
        if score.n_notes() == 0 {
            continue;
        }
        let quantised = quantise(&score);
        let fitted = to_grid(&quantised);
        let texts = [Layout::Interleaved, Layout::InTurn]
            .map(|layout| abc::write(&fitted, &abc::WriteOptions { layout, ..Default::default() }));
        let [interleaved, in_turn] = texts.each_ref().map(|text| abc::parse(text).unwrap());
        assert_eq!(interleaved, in_turn, "{name}");
        assert_eq!(abc::write(&interleaved, &abc::WriteOptions::default()), texts[0], "{name}");
    }
}

/// The crafted files and what each must give; `None` when they are not here.
fn nasty() -> Option<(BTreeMap<String, Vec<u8>>, serde_json::Value)> {
    let files = shared_files("nasty.tar.gz", usize::MAX)?;
    let expected = serde_json::from_slice(files.get("expected.json")?).ok()?;
    Some((files, expected))
}

#[test]
fn every_nasty_file_gives_what_is_expected_and_bounded_text_that_parses() {
    let Some((files, expected)) = nasty() else { return };
    for (name, expectation) in expected.as_object().unwrap() {
        let (expect, n_expected) =
            (expectation["expect"].as_str().unwrap(), expectation["notes"].as_u64().unwrap() as usize);
        let score = match (read(&files[name]), expect) {
            (Err(error), "ok" | "empty") => panic!("{name} must be read: {error}"),
            (Ok(_), "reject") => panic!("{name} must be refused"),
            (Err(_), _) => continue,
            (Ok(score), _) => score,
        };
        if expect != "either" {
            assert_eq!(score.n_notes(), n_expected, "{name}");
        }
        for layout in [Layout::Interleaved, Layout::InTurn] {
            let text = abc::write(&quantise(&score), &abc::WriteOptions { layout, ..Default::default() });
            let bound = 2000 + 100 * score.voices.len() + 100 * score.n_notes();
            assert!(text.len() <= bound, "{name}: {} bytes of text for {} notes", text.len(), score.n_notes());
            if score.n_notes() > 0 {
                let back = abc::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
                assert!(
                    back.n_notes() * 100 >= score.n_notes() * 99,
                    "{name}: {} of {} notes",
                    back.n_notes(),
                    score.n_notes()
                );
            }
        }
    }
}

#[test]
fn a_first_bar_of_a_sixteenth_is_a_pickup() {
    let pickup = [0, 0xff, 0x58, 4, 1, 4, 24, 8, 0, 0x90, 60, 64, 24, 0x80, 60, 0, 0, 0xff, 0x58, 4, 4, 2, 24, 8];
    let bar = [0, 0x90, 62, 64, 0x83, 0, 0x80, 62, 0]; // 384 ticks, at 96 a beat
    let score = read(&file(&[pickup.as_slice(), &bar, &bar].concat())).unwrap();
    let text = crate::abc::write(&crate::quantise::quantise(&score), &crate::abc::WriteOptions::default());
    assert!(text.starts_with("X:1\nM:4/4\n") && text.ends_with("\nC/|D8|D8|]\n\n"), "{text}");
}
