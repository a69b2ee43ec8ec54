use super::*;
use music_scaling::data::composed;
use music_scaling::music::{Note, Score, Voice, f1, midi};
use std::fs;
use std::process::Command;

/// (onset, end, channel, pitch) as a file.
fn midi(notes: &[(u32, u32, u8, u8)]) -> Vec<u8> {
    let note = |&(on, off, _, pitch): &(u32, u32, u8, u8)| Note {
        onset_ticks: on,
        pitch,
        duration_ticks: off - on,
        velocity: 64,
    };
    let voice = |channel: u8| {
        let notes = notes.iter().filter(|note| note.2 == channel).map(note).collect();
        Voice { channel, notes, ..Voice::default() }
    };
    midi::write(&Score { voices: (0..16).map(voice).collect(), ..Score::default() })
}

/// Three notes of melody and a drum, a quarter note apart.
const TUNE: [(u32, u32, u8, u8); 4] = [(0, 480, 0, 60), (480, 960, 0, 64), (960, 1440, 0, 67), (960, 1000, 9, 36)];

#[test]
fn percentiles_are_interpolated() {
    assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
    assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 0.1), 1.3);
    assert_eq!(percentile(&[7.0], 0.9), 7.0);
    assert!(percentile(&[], 0.5).is_nan());
}

/// The folder of the tool that states the measure, and a Python to run it.
fn peer() -> Option<PathBuf> {
    let shared = std::env::var("MUSIC_SCALING_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let script = PathBuf::from(shared).join("peers/roundtrip_f1.py");
    let python = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    (python && script.exists()).then_some(script)
}

#[test]
fn f1_agrees_with_the_python_tool() {
    let Some(script) = peer() else {
        println!("Skipped: python3 or ../shared/peers/roundtrip_f1.py is not here.");
        return;
    };
    let folder = folder();
    let folder = folder.path();
    let read = |bytes: &[u8]| midi::read(bytes).unwrap();
    let mut ours = Vec::new();
    for index in 0..6 {
        let file = composed::midi_file(3, index).bytes;
        // Notes late by up to a tenth of a beat, one in seven a step too high, some left out.
        let score = read(&file);
        let of_voices = score.voices.iter().flat_map(|voice| voice.notes.iter().map(|note| (note, voice.channel)));
        let bent = of_voices.enumerate().filter(|(i, _)| i % 11 != 5).map(|(i, (note, channel))| {
            let on = note.onset_ticks + (i as u32 * 7919 % 48);
            (on, on + 10, channel, note.pitch + u8::from(i % 7 == 0))
        });
        let found = midi(&bent.collect::<Vec<_>>());
        fs::write(folder.join(format!("ref/{index}.mid")), &file).unwrap();
        fs::write(folder.join(format!("est/{index}.mid")), &found).unwrap();
        ours.push(f1(&score, &read(&found), 30));
    }
    let [reference, estimate, json] = ["ref", "est", "rows.json"].map(|name| folder.join(name));
    let output = Command::new("python3").arg(script).args([&reference, &estimate]).arg("--json").arg(&json).output();
    assert!(output.unwrap().status.success());
    let rows: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    for (index, ours) in ours.iter().enumerate() {
        let theirs = rows[index]["f1"].as_f64().unwrap();
        assert!((ours - theirs).abs() < 1e-12 && (0.3..0.9).contains(ours), "{ours} {theirs}");
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    ["ref", "est"].iter().for_each(|part| fs::create_dir(folder.path().join(part)).unwrap());
    folder
}

fn value(report: &MusicReport, measure: &str) -> f64 {
    let row = report.rows().into_iter().find(|row| row.measure == measure);
    row.and_then(|row| row.ours).unwrap_or_else(|| panic!("{measure} is not measured:\n{report}"))
}

#[test]
fn composed_music_survives_whole_and_a_web_page_is_counted_as_refused() {
    let folder = folder();
    let folder = folder.path();
    for index in 0..4 {
        fs::write(folder.join(format!("ref/{index}.mid")), composed::midi_file(1, index).bytes).unwrap();
    }
    fs::write(folder.join("ref/page.mid"), "<html>404</html>").unwrap();
    fs::write(folder.join("est/book.abc"), "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n\nX:2\nL:1/4\nK:C\nC [D|\n").unwrap();
    let options = Options { alone: true, ..Options::default() };
    let paths = vec![folder.join("ref"), folder.join("est/book.abc")];
    let report = measure(&Options { paths, ..options }).unwrap();
    assert_eq!((report.n_files, report.midi.len(), report.tunes.len()), (6, 4, 2));
    assert_eq!(report.midi.iter().map(|file| file.f1).collect::<Vec<_>>(), [1.0; 4]);
    assert_eq!(value(&report, "ABC tunes"), 2.0);
    let text = report.to_string();
    assert!(text.contains("not installed") && text.contains("1 × read midi: This is a web page"), "{text}");
}

#[test]
fn abcmidis_figures_stand_beside_ours_where_it_is_installed() {
    if !super::abcmidi::is_installed() {
        println!("Skipped: midi2abc and abc2midi are not installed.");
        return;
    }
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("ref/a.mid"), midi(&TUNE)).unwrap();
    fs::write(folder.join("ref/b.abc"), "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n").unwrap();
    let report = measure(&Options { paths: vec![folder.join("ref")], ..Options::default() }).unwrap();
    let peer = report.midi[0].abcmidi.clone().unwrap();
    assert_eq!((peer.f1_of_our_abc, peer.error_in_ours), (1.0, false), "{peer:?}");
    assert!(peer.n_chars.unwrap() > 50 && value(&report, "round trip F1 within 1/16 beat, median") == 1.0);
    assert_eq!((report.tunes[0].f1_as_played, report.tunes[0].f1_as_written), (Some(1.0), Some(1.0)));
}

#[test]
fn a_folder_without_music_is_one_sentence() {
    let folder = folder();
    let folder = folder.path();
    let error = measure(&Options { paths: vec![folder.to_path_buf()], ..Options::default() }).unwrap_err().to_string();
    assert!(error.ends_with("no file that ends in .mid, .midi, .kar or .abc: nothing to measure"), "{error}");
}
