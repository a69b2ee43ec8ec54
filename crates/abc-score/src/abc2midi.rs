//! A second opinion: abc2midi (of abcMIDI), where it is installed.

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
    let number = N_ASKED.fetch_add(1, Ordering::Relaxed); // several samples are judged at once
    let folder = std::env::temp_dir().join(format!("abc-score-abc2midi-{}-{number}", std::process::id()));
    let midi = ask(text, &folder);
    let _ = std::fs::remove_dir_all(&folder); // leaving it behind is no reason to fail
    midi
}

fn ask(text: &str, folder: &Path) -> Option<Option<Vec<u8>>> {
    let (tune, log, output) = (folder.join("tune.abc"), folder.join("log.txt"), folder.join("tune.mid"));
    std::fs::create_dir_all(folder).ok()?;
    std::fs::write(&tune, text).ok()?;
    let mut command = Command::new("abc2midi");
    command.arg(&tune).arg("-o").arg(&output).current_dir(folder);
    command.stdin(Stdio::null()).stdout(File::create(&log).ok()?).stderr(Stdio::null());
    let succeeded = wait(command.spawn().ok()?);
    let said = String::from_utf8_lossy(&std::fs::read(&log).ok()?).into_owned();
    if !succeeded || said.contains("Error in line") {
        return Some(None);
    }
    let bytes = std::fs::read(&output).ok();
    Some(bytes.filter(|bytes| midi::read(bytes).is_ok_and(|score| score.n_notes() > 0)))
}

/// Whether the process ends well within [`TIME_LIMIT`]; if it does not end at all, it is stopped.
pub fn wait(mut process: Child) -> bool {
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

    #[test]
    fn abc2midi_takes_a_tune_and_refuses_nonsense_where_it_is_installed() {
        let Some(verdict) = converts("X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|G8|]\n") else {
            println!("abc2midi is not installed: nothing to compare with");
            return;
        };
        assert!(verdict);
        assert_eq!(converts("X:1\nM:4/4\nL:1/8\nK:G\n"), Some(false));
        assert_eq!(converts("GABc|"), Some(false), "without a header");
    }
}
