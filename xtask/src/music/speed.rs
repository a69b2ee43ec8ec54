//! Files per CPU second, ours beside abcmidi's: the same files, one after the other in turn, in one run; medians of rounds.
//! Each conversion reads a file and writes a file. abcmidi is a process a file, ours a call: that is how each is used.

use super::abcmidi::Workbench;
use super::f1::percentile;
use crate::cpu_time::CpuTime;
use music_scaling::data::archives::MusicFile;
use music_scaling::data::reading::score_of_midi;
use music_scaling::music::{abc, midi};
use music_scaling::{Error, Result, files};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;

const N_ROUNDS: usize = 3;
/// Fewer CPU seconds than this are noise.
const SHORTEST_S: f64 = 0.02;

/// Files per second. `None`: not measured, because nothing was there to convert, it took no time to speak of, or the tool
/// is not installed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Speed {
    pub n_files: usize,
    /// Per CPU second.
    pub midi_to_abc: Option<f64>,
    pub abc_to_midi: Option<f64>,
    pub midi2abc: Option<f64>,
    pub abc2midi: Option<f64>,
    /// CPU milliseconds that starting one of their processes takes, of the above.
    pub abcmidi_start_ms: Option<f64>,
    /// There and back per second of the clock, on one core and on all.
    pub on_one_core: Option<f64>,
    pub on_all_cores: Option<f64>,
    pub n_cores: usize,
}

/// Times the conversion of (MIDI bytes, ABC text) pairs.
pub fn measure(pairs: &[(Vec<u8>, String)], with_abcmidi: bool) -> Result<Speed> {
    let n_cores = rayon::current_num_threads();
    let mut speed = Speed { n_files: pairs.len(), n_cores, ..Speed::default() };
    let Some(bench) = Workbench::new() else { return Ok(speed) };
    for (index, (midi, abc)) in pairs.iter().enumerate() {
        files::write_atomic(bench.folder.join(format!("{index}.mid")), midi)?;
        files::write_atomic(bench.folder.join(format!("{index}.abc")), abc)?;
    }
    let rounds: Vec<Round> = (0..N_ROUNDS).filter_map(|_| Round::measure(&bench, pairs.len(), with_abcmidi)).collect();
    let rate = |seconds: fn(&Round) -> f64| {
        let seconds = percentile(&rounds.iter().map(seconds).collect::<Vec<_>>(), 0.5);
        (seconds >= SHORTEST_S).then(|| pairs.len() as f64 / seconds)
    };
    (speed.midi_to_abc, speed.abc_to_midi) = (rate(|round| round.seconds[0]), rate(|round| round.seconds[1]));
    if with_abcmidi {
        (speed.midi2abc, speed.abc2midi) = (rate(|round| round.seconds[2]), rate(|round| round.seconds[3]));
        speed.abcmidi_start_ms = start_ms(&bench);
    }
    (speed.on_one_core, speed.on_all_cores) = (per_second(pairs, 1)?, per_second(pairs, n_cores)?);
    Ok(speed)
}

/// CPU seconds of all files: MIDI → ABC, ABC → MIDI, midi2abc, abc2midi.
struct Round {
    seconds: [f64; 4],
}

impl Round {
    /// `None` where the system doesn't tell CPU times.
    fn measure(bench: &Workbench, n_files: usize, with_abcmidi: bool) -> Option<Round> {
        let mut seconds = [0.0; 4];
        for index in 0..n_files {
            let (mid, abc) = (format!("{index}.mid"), format!("{index}.abc"));
            let times = [
                cpu_time(|| to_abc(&bench.folder.join(&mid)))?.own_s,
                cpu_time(|| to_midi(&bench.folder.join(&abc)))?.own_s,
                if with_abcmidi {
                    cpu_time(|| bench.run("midi2abc", &["-s", &mid, "-o", "a"]))?.children_s
                } else {
                    0.0
                },
                if with_abcmidi { cpu_time(|| bench.run("abc2midi", &[&abc, "-o", "m"]))?.children_s } else { 0.0 },
            ];
            seconds.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
        }
        Some(Round { seconds })
    }
}

fn cpu_time<T>(work: impl FnOnce() -> T) -> Option<CpuTime> {
    let before = CpuTime::now()?;
    work();
    Some(CpuTime::now()?.since(&before))
}

fn to_abc(path: &Path) -> Option<()> {
    let file = MusicFile { path: String::new(), bytes: std::fs::read(path).ok()? };
    let score = score_of_midi(&file).ok()?;
    std::fs::write(path.with_file_name("a"), abc::write(&score, &abc::WriteOptions::default())).ok()
}

fn to_midi(path: &Path) -> Option<()> {
    let (score, _) = abc::parse_lenient(&std::fs::read_to_string(path).ok()?).ok()?;
    std::fs::write(path.with_file_name("m"), midi::write(&score)).ok()
}

/// Median CPU time of a process that only says its version.
fn start_ms(bench: &Workbench) -> Option<f64> {
    let times: Option<Vec<f64>> =
        (0..20).map(|_| Some(cpu_time(|| bench.run("abc2midi", &["-ver"]))?.children_s)).collect();
    times.map(|times| 1000.0 * percentile(&times, 0.5))
}

/// There and back in memory on so many threads, files per second of the clock.
fn per_second(pairs: &[(Vec<u8>, String)], n_threads: usize) -> Result<Option<f64>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
    let pool = pool.map_err(|error| Error::Config(format!("{n_threads} threads cannot be started: {error}")))?;
    let there_and_back = |(midi, _): &(Vec<u8>, String)| {
        let score = score_of_midi(&MusicFile { path: String::new(), bytes: midi.clone() }).ok()?;
        let back = abc::parse(&abc::write(&score, &abc::WriteOptions::default())).ok()?;
        Some(midi::write(&back).len())
    };
    let start = Instant::now();
    let n_bytes: usize = pool.install(|| pairs.par_iter().filter_map(there_and_back).sum());
    let seconds = start.elapsed().as_secs_f64();
    Ok((n_bytes > 0 && seconds >= SHORTEST_S).then(|| pairs.len() as f64 / seconds))
}
