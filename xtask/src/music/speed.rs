//! Files per CPU second, ours beside abcmidi's: the same files, one after the other in turn, in one run; medians of rounds.
//! Each conversion reads a file and writes a file. abcmidi is a process a file, ours a call: that is how each is used.

use crate::peer::median;
use music_scaling::data::archives::MusicFile;
use music_scaling::data::reading::score_of_midi;
use music_scaling::music::abc2midi::{in_a_folder, run};
use music_scaling::music::{abc, midi};
use music_scaling::{Error, Result};
use rayon::prelude::*;
use std::path::Path;
use std::time::Instant;

const N_ROUNDS: usize = 3;
/// Fewer CPU seconds than this are noise.
const SHORTEST_S: f64 = 0.02;

/// Files per second. `None`: not measured, because nothing was there to convert, it took no time to speak of, or the tool
/// is not installed.
#[derive(Debug, Clone, Default)]
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
    let names: Vec<[String; 2]> = (0..pairs.len()).map(|i| [format!("{i}.mid"), format!("{i}.abc")]).collect();
    let (mut rounds, mut starts) = (Vec::new(), Vec::new());
    in_a_folder(|folder| {
        for ([mid, abc], (bytes, text)) in names.iter().zip(pairs) {
            std::fs::write(folder.join(mid), bytes).ok()?;
            std::fs::write(folder.join(abc), text).ok()?;
        }
        rounds.extend((0..N_ROUNDS).filter_map(|_| round(folder, &names, with_abcmidi)));
        let start = || cpu_s(CHILDREN, || run(folder, "abc2midi", &["-ver"])); // it only says its version
        starts.extend((0..20).filter(|_| with_abcmidi).filter_map(|_| start()));
        Some(())
    });
    let rate = |what: usize| {
        let seconds: Vec<f64> = rounds.iter().filter_map(|round| round.get(what).copied()).collect();
        median(&seconds).filter(|seconds| *seconds >= SHORTEST_S).map(|seconds| pairs.len() as f64 / seconds)
    };
    (speed.midi_to_abc, speed.abc_to_midi, speed.midi2abc, speed.abc2midi) = (rate(0), rate(1), rate(2), rate(3));
    speed.abcmidi_start_ms = median(&starts).map(|seconds| 1000.0 * seconds);
    (speed.on_one_core, speed.on_all_cores) = (per_second(pairs, 1)?, per_second(pairs, n_cores)?);
    Ok(speed)
}

/// CPU seconds of all files: MIDI → ABC, ABC → MIDI, midi2abc, abc2midi. `None` where the system doesn't tell CPU times.
fn round(folder: &Path, names: &[[String; 2]], with_abcmidi: bool) -> Option<[f64; 4]> {
    let mut seconds = [0.0; 4];
    for [mid, abc] in names {
        let tool = |tool, arguments: &[&str]| match with_abcmidi {
            true => cpu_s(CHILDREN, || run(folder, tool, arguments)),
            false => Some(0.0),
        };
        let times = [
            cpu_s(libc::RUSAGE_SELF, || to_abc(&folder.join(mid)))?,
            cpu_s(libc::RUSAGE_SELF, || to_midi(&folder.join(abc)))?,
            tool("midi2abc", &["-s", mid, "-o", "a"])?,
            tool("abc2midi", &[abc, "-o", "m"])?,
        ];
        seconds.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
    }
    Some(seconds)
}

/// The processes that were waited for.
const CHILDREN: libc::c_int = libc::RUSAGE_CHILDREN;

/// CPU seconds (user and system) that a piece of work takes of this process, or of its children: on a busy machine the figure to
/// trust. `None` where the system doesn't say.
fn cpu_s<T>(whose: libc::c_int, work: impl FnOnce() -> T) -> Option<f64> {
    let used = || {
        // SAFETY: a rusage of zeros is one, and the call fills in that one.
        let (status, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::getrusage(whose, &mut usage), usage)
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + 1e-6 * time.tv_usec as f64;
        (status == 0).then(|| seconds(usage.ru_utime) + seconds(usage.ru_stime))
    };
    let before = used()?;
    work();
    Some(used()? - before)
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
