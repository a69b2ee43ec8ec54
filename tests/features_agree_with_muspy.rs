//! Our features beside those of MusPy (Dong et al. 2020) and pretty_midi (Raffel and Ellis 2014), on MIDI files of twenty tunes, and
//! the files' notes beside those that symusic (Liao et al. 2024) reads.
//!
//! Runs where a Python has MusPy: the one that `MUSIC_SCALING_MUSPY_PYTHON` names, or `python3` (`pip install muspy symusic`;
//! MusPy brings pretty_midi along); elsewhere it says so and does nothing.

use music_scaling::data::composed::compose;
use music_scaling::generation::Features;
use music_scaling::music::{Mode, Score, TICKS_PER_BEAT, midi};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const N_TUNES: usize = 20;
const TOLERANCE: f64 = 1e-6;

/// Prints one JSON object for each tune. The three measures in which a note's very end counts are taken from the file whose notes
/// end a tick earlier: MusPy lets a note touch the beat that begins where it ends, and counts a measure behind a tune that ends
/// on a bar line; a tick earlier it counts the beats and measures that we count.
const SCRIPT: &str = r#"
import json, os, sys
import muspy, numpy, pretty_midi
try:
    import symusic
except ImportError:
    symusic = None
for tune in json.load(open(os.path.join(sys.argv[1], "tunes.json"))):
    path = lambda name: os.path.join(sys.argv[1], tune[name])
    music, early, pm = muspy.read_midi(path("midi")), muspy.read_midi(path("early")), pretty_midi.PrettyMIDI(path("midi"))
    bar = tune["bar_ticks"]
    onsets = numpy.sort(numpy.concatenate([i.get_onsets() for i in pm.instruments if not i.is_drum]))
    transitions = pm.get_pitch_class_transition_matrix()
    print(json.dumps({
        "pitch_range": muspy.pitch_range(music),
        "n_pitches": muspy.n_pitches_used(music),
        "n_pitch_classes": muspy.n_pitch_classes_used(music),
        "polyphony": muspy.polyphony(music),
        "polyphony_rate": muspy.polyphony_rate(music),
        "in_scale_share": muspy.pitch_in_scale_rate(music, tune["root"], tune["mode"]),
        "scale_consistency": muspy.scale_consistency(music),
        "pitch_entropy": muspy.pitch_entropy(music),
        "pitch_class_entropy": muspy.pitch_class_entropy(music),
        "empty_beat_rate": muspy.empty_beat_rate(early),
        "empty_measure_rate": muspy.empty_measure_rate(early, bar),
        "groove_distance": (1 - muspy.groove_consistency(early, bar)) * bar,
        "mean_inter_onset_beats": numpy.mean(numpy.diff(onsets)) * tune["bpm"] / 60,
        "pitch_class_histogram": list(pm.get_pitch_class_histogram(use_duration=True, normalize=True)),
        "notes": [] if symusic is None else sorted(
            [n.time, n.pitch, n.duration] for t in symusic.Score(path("midi")).tracks for n in t.notes),
        "pitch_class_transitions": list((transitions / transitions.sum()).flatten()),
    }, default=float))
"#;

/// A Python that has MusPy.
fn python() -> Option<String> {
    let python = std::env::var("MUSIC_SCALING_MUSPY_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let found = Command::new(&python).args(["-c", "import muspy, pretty_midi"]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

/// A composed tune with a bar and a beat of silence in it.
fn tune(index: usize) -> Score {
    let mut score = compose(7, index);
    let bar = score.meter().bar_ticks();
    let (silent_bar, silent_beat) = (2 + index as u32 % 4, (index as u32 % 3) * TICKS_PER_BEAT);
    let sounds =
        |onset: u32| onset / bar != silent_bar && !(silent_beat..silent_beat + TICKS_PER_BEAT).contains(&onset);
    score.voices.iter_mut().for_each(|voice| voice.notes.retain(|note| sounds(note.onset_ticks)));
    score
}

/// Writes the tunes' files and `tunes.json`.
fn write_tunes(tunes: &[Score], dir: &Path) {
    let write = |name: String, score: &Score| {
        std::fs::write(dir.join(&name), midi::write(score)).unwrap();
        name
    };
    let record = |(index, score): (usize, &Score)| {
        let mut early = score.clone();
        early.voices.iter_mut().flat_map(|voice| &mut voice.notes).for_each(|note| note.duration_ticks -= 1);
        let (key, minor) = (score.key(), score.key().mode == Mode::Minor);
        serde_json::json!({
            "midi": write(format!("{index}.mid"), score),
            "early": write(format!("{index}_early.mid"), &early),
            "bar_ticks": score.meter().bar_ticks(),
            "bpm": score.tempo_bpm(),
            "root": (7 * i32::from(key.fifths) + if minor { 9 } else { 0 }).rem_euclid(12),
            "mode": if minor { "minor" } else { "major" },
        })
    };
    let records: Vec<Value> = tunes.iter().enumerate().map(record).collect();
    std::fs::write(dir.join("tunes.json"), Value::from(records).to_string()).unwrap();
}

/// Numbers of a JSON value: itself, or a list's.
fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map_or_else(|| vec![value.as_f64().unwrap()], |list| list.iter().flat_map(numbers).collect())
}

/// (onset, pitch, duration) in ticks, in order.
fn notes(score: &Score) -> Value {
    let notes = score.voices.iter().flat_map(|voice| &voice.notes);
    let mut notes: Vec<_> = notes.map(|it| [it.onset_ticks, u32::from(it.pitch), it.duration_ticks]).collect();
    notes.sort_unstable();
    serde_json::json!(notes)
}

#[test]
fn features_of_twenty_tunes_are_those_of_muspy_and_pretty_midi() {
    let Some(python) = python() else {
        println!("Skipped: no Python with muspy here; MUSIC_SCALING_MUSPY_PYTHON may name one.");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tunes: Vec<Score> = (0..N_TUNES).map(tune).collect();
    write_tunes(&tunes, folder.path());
    let output = Command::new(python).args(["-c", SCRIPT]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(theirs.len(), N_TUNES);
    let mut n_compared = 0;
    for (score, theirs) in tunes.iter().zip(theirs) {
        let features = Features::of(score);
        let mut ours = serde_json::to_value(&features).unwrap();
        // MusPy's steps are ticks of the file, ours are 24ths of a beat: the Hamming distances are the same.
        let steps = f64::from(score.meter().bar_ticks()) / f64::from(TICKS_PER_BEAT / 24);
        let has_notes = theirs["notes"].as_array().is_some_and(|notes| !notes.is_empty());
        ours["notes"] = if has_notes { notes(score) } else { Value::from(Vec::<u32>::new()) };
        ours["groove_distance"] = ((1.0 - features.groove_consistency.unwrap()) * steps).into();
        for (name, theirs) in theirs.as_object().unwrap() {
            let (ours, theirs) = (numbers(&ours[name]), numbers(theirs));
            let agree = ours.iter().zip(&theirs).all(|(ours, theirs)| (ours - theirs).abs() < TOLERANCE);
            assert!(agree && ours.len() == theirs.len(), "{name}: {ours:?} here, {theirs:?} there");
            n_compared += ours.len();
        }
    }
    println!("{n_compared} numbers of {N_TUNES} tunes agree");
}
