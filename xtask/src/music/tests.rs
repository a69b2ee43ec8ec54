use super::f1::{f1, percentile};
use super::notes::Notes;
use super::*;
use music_scaling::data::composed;
use std::fs;
use std::process::Command;

/// (onset, end, channel, pitch) as a format 0 file.
fn midi(division: u16, notes: &[(u32, u32, u8, u8)]) -> Vec<u8> {
    let ons = notes.iter().map(|&(on, _, channel, pitch)| (on, 1, channel, pitch));
    let offs = notes.iter().map(|&(_, off, channel, pitch)| (off, 0, channel, pitch));
    let mut events: Vec<_> = ons.chain(offs).collect();
    events.sort_unstable();
    let (mut track, mut now) = (Vec::new(), 0);
    for (tick, is_on, channel, pitch) in events {
        let delta = tick - now;
        track.extend([(delta >> 14 | 128) as u8, (delta >> 7 | 128) as u8, (delta & 127) as u8]);
        track.extend([0x90 | channel, pitch, 64 * is_on]);
        now = tick;
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut file = b"MThd\0\0\0\x06\0\0\0\x01".to_vec();
    file.extend(division.to_be_bytes());
    file.extend(b"MTrk");
    file.extend((track.len() as u32).to_be_bytes());
    file.extend(track);
    file
}

fn notes(division: u16, notes: &[(u32, u32, u8, u8)]) -> Notes {
    Notes::read(&midi(division, notes)).unwrap()
}

/// Three notes of melody and a drum, a quarter note apart.
const TUNE: [(u32, u32, u8, u8); 4] = [(0, 480, 0, 60), (480, 960, 0, 64), (960, 1440, 0, 67), (960, 1000, 9, 36)];

fn moved(by: u32) -> Notes {
    notes(480, &TUNE.map(|(on, off, channel, pitch)| (on + by, off + by, channel, pitch)))
}

#[test]
fn f1_counts_pairs_within_the_tolerance_and_no_others() {
    let tune = notes(480, &TUNE);
    let in_other_ticks = notes(120, &TUNE.map(|(on, off, channel, pitch)| (on / 4, off / 4, channel, pitch)));
    assert_eq!(f1(&tune, &in_other_ticks, 16), 1.0);
    assert_eq!(f1(&tune, &moved(30), 16), 1.0); // exactly a sixteenth of a beat
    assert_eq!(f1(&tune, &moved(31), 16), 0.0);
    assert_eq!(f1(&tune, &moved(16), 32), 0.0);
    assert_eq!(f1(&tune, &moved(15), 32), 1.0);
    let wrong_pitch = notes(480, &[TUNE[0], TUNE[1], (960, 1440, 0, 68)]);
    assert_eq!(f1(&tune, &wrong_pitch, 16), 4.0 / 7.0); // two pairs of 4 and 3 notes
    let drum_as_note = notes(480, &[TUNE[0], TUNE[1], TUNE[2], (960, 1000, 0, 36)]);
    assert_eq!(f1(&tune, &drum_as_note, 16), 0.75);
    let unison = notes(480, &[(0, 480, 0, 60), (0, 480, 1, 60)]);
    assert_eq!(f1(&unison, &notes(480, &[(0, 480, 0, 60)]), 16), 2.0 / 3.0); // one to one
    assert_eq!(f1(&tune, &Notes::default(), 16), 0.0);
    assert_eq!(f1(&Notes::default(), &Notes::default(), 16), 1.0);
}

#[test]
fn pairing_is_as_large_as_can_be() {
    let row = |onsets: &[u32]| notes(16, &onsets.iter().map(|&on| (on, on + 1, 0, 60)).collect::<Vec<_>>());
    assert_eq!(f1(&row(&[0, 1, 2]), &row(&[1, 2, 3]), 16), 1.0); // each onset one sixteenth late: 0-1, 1-2, 2-3
    assert_eq!(f1(&row(&[0, 5]), &row(&[0, 4, 6]), 16), 0.8); // 5 goes with 4 or with 6, not with both
}

#[test]
fn real_files_dirt_is_read_as_it_sounds() {
    let file = midi(480, &TUNE);
    let plain = notes(480, &TUNE);
    let mut junk = b"junk before ".to_vec();
    junk.extend(&file);
    assert_eq!(Notes::read(&junk).unwrap(), plain);
    assert_eq!(Notes::read(&file[..file.len() - 9]).unwrap().len(), 4); // cut off: keys that stay down are notes
    let smpte = [&file[..12], &[256u16.wrapping_sub(25) as u8, 40], &file[14..]].concat(); // 25 frames of 40: 500 ticks a beat
    assert_eq!(Notes::read(&smpte).unwrap().tick, (2, 1000));
    assert_eq!(Notes::read(&[&file[..12], &[0, 0], &file[14..]].concat()), None);
    assert_eq!(Notes::read(b"<html>404</html>"), None);
    assert_eq!(Notes::read(b""), None);
}

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
    let mut ours = Vec::new();
    for index in 0..6 {
        let file = composed::midi_file(3, index).bytes;
        // Another division, notes late by up to a tenth of a beat, one in seven a step too high, some left out.
        let score = music_scaling::music::midi::read(&file).unwrap();
        let of_voices = score.voices.iter().flat_map(|voice| voice.notes.iter().map(|note| (note, voice.channel)));
        let bent = of_voices.enumerate().filter(|(i, _)| i % 11 != 5).map(|(i, (note, channel))| {
            let on = note.onset_ticks + (i as u32 * 7919 % 48);
            (on, on + 10, channel, note.pitch + u8::from(i % 7 == 0))
        });
        let found = midi(480, &bent.collect::<Vec<_>>());
        fs::write(folder.join(format!("ref/{index}.mid")), &file).unwrap();
        fs::write(folder.join(format!("est/{index}.mid")), &found).unwrap();
        ours.push(f1(&Notes::read(&file).unwrap(), &Notes::read(&found).unwrap(), 16));
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
    let report = measure(&Options { paths, ..options.clone() }).unwrap();
    assert_eq!((report.n_files, report.midi.len(), report.tunes.len()), (6, 4, 2));
    assert_eq!(report.midi.iter().map(|file| file.f1).collect::<Vec<_>>(), [1.0; 4]);
    assert_eq!(value(&report, "write(parse(text)) == text (% of MIDI files)"), 100.0);
    assert_eq!(value(&report, "tunes that the strict reader takes (%)"), 50.0);
    let text = report.to_string();
    assert!(text.contains("not installed") && text.contains("1 × read midi: This is a web page"), "{text}");
    let sample = measure(&Options { paths: vec![folder.to_path_buf()], limit: Some(2), ..options }).unwrap();
    assert_eq!(sample.n_files, 2);
}

#[test]
fn abcmidis_figures_stand_beside_ours_where_it_is_installed() {
    if !super::abcmidi::is_installed() {
        println!("Skipped: midi2abc and abc2midi are not installed.");
        return;
    }
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("ref/a.mid"), midi(480, &TUNE)).unwrap();
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
