//! A second opinion: midi2abc and abc2midi (of abcMIDI), where they are installed.

use crate::midi;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// abc2midi takes milliseconds; on some broken texts it never ends.
const TIME_LIMIT: Duration = Duration::from_secs(10);

static N_ASKED: AtomicU64 = AtomicU64::new(0);

/// Whether abc2midi makes a MIDI file with notes of the tune and reports no error; `None` where it cannot be asked.
pub fn converts(text: &str) -> Option<bool> {
    convert(text).map(|midi| midi.is_some())
}

/// The MIDI file that abc2midi makes of the tune: `None` where abc2midi cannot be asked, `Some(None)` where it reports an
/// error or finds no notes.
pub fn convert(text: &str) -> Option<Option<Vec<u8>>> {
    in_a_folder(|folder| {
        std::fs::write(folder.join("tune.abc"), text).ok()?;
        ask(folder)
    })
}

/// A MIDI file through midi2abc and abc2midi and back: what is left of it. `None` where one of the two cannot be asked or fails.
pub fn there_and_back(midi: &[u8]) -> Option<Vec<u8>> {
    in_a_folder(|folder| {
        std::fs::write(folder.join("in.mid"), midi).ok()?;
        run(folder, "midi2abc", &["-s", "in.mid", "-o", "tune.abc"])?;
        ask(folder)?
    })
}

/// Does some work in a new folder that goes afterwards; `None` where there can be none, or the work gives none.
pub fn in_a_folder<T>(work: impl FnOnce(&Path) -> Option<T>) -> Option<T> {
    let number = N_ASKED.fetch_add(1, Ordering::Relaxed); // several samples are judged at once
    let folder = std::env::temp_dir().join(format!("abc-score-abc2midi-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).ok()?;
    let result = work(&folder);
    let _ = std::fs::remove_dir_all(&folder); // leaving it behind is no reason to fail
    result
}

/// abc2midi on `tune.abc`.
fn ask(folder: &Path) -> Option<Option<Vec<u8>>> {
    let (succeeded, said) = run(folder, "abc2midi", &["tune.abc", "-o", "tune.mid"])?;
    if !succeeded || said.contains("Error in line") {
        return Some(None);
    }
    let bytes = std::fs::read(folder.join("tune.mid")).ok();
    Some(bytes.filter(|bytes| midi::read(bytes).is_ok_and(|score| score.n_notes() > 0)))
}

/// Runs a tool in a folder, for ten seconds at most: whether it ended well, and what it said; `None` where it is not installed.
pub fn run(folder: &Path, tool: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let log = folder.join("log.txt");
    let mut command = Command::new(tool);
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::null()).stdout(File::create(&log).ok()?).stderr(Stdio::null());
    let succeeded = wait(command.spawn().ok()?);
    Some((succeeded, String::from_utf8_lossy(&std::fs::read(&log).ok()?).into_owned()))
}

/// Whether the process ends well within ten seconds; if it does not end at all, it is stopped.
fn wait(mut process: Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < TIME_LIMIT {
        match process.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(_) => break,
        }
    }
    let _ = process.kill();
    let _ = process.wait();
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn abc2midi_takes_a_tune_and_refuses_nonsense_where_it_is_installed() {
        let Some(verdict) = converts("X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|G8|]\n") else {
            let _ = writeln!(std::io::stderr(), "abc2midi is not installed: skipped");
            return;
        };
        assert!(verdict);
        assert_eq!(converts("X:1\nM:4/4\nL:1/8\nK:G\n"), Some(false));
        assert_eq!(converts("GABc|"), Some(false), "without a header");
    }
}
