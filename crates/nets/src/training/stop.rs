//! Three ways to end a run early, each with a checkpoint: a file `STOP` in its folder, a time budget, and a signal (Ctrl-C, or
//! SIGTERM as schedulers and containers send it).

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

static SIGNAL: AtomicI32 = AtomicI32::new(0); // the one that came, 0 for none

static IN_NOTEBOOK: AtomicBool = AtomicBool::new(false);
const ONCE_MORE: &str = "interrupted: a training saves its state and stops; for anything else interrupt once more, and all variables are gone\n";

const SIGINT: i32 = 2; // on every system
const SIGTERM: i32 = 15;
#[cfg(unix)]
const SIGUSR1: i32 = libc::SIGUSR1;
#[cfg(not(unix))]
const SIGUSR1: i32 = 0;

/// Watches over one call of training.
#[derive(Debug)]
pub(super) struct StopWatch {
    stop_file: PathBuf,
    deadline: Option<Instant>,
}

impl StopWatch {
    /// A `STOP` file left over from earlier is removed: it asked an earlier call to stop.
    pub(super) fn new(run_dir: &std::path::Path, budget: Option<Duration>) -> Self {
        let stop_file = run_dir.join("STOP");
        let _ = std::fs::remove_file(&stop_file); // usually there is none
        StopWatch { stop_file, deadline: budget.and_then(|budget| Instant::now().checked_add(budget)) }
    }

    /// Why the run is to end now, in words; asked after each step. A `STOP` file is taken away once it has been obeyed.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match interrupted_by() {
            Some(SIGTERM) => return Some("the system asked this process to end"),
            Some(_) => return Some("it was interrupted"),
            None => {}
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Some("the time budget is spent");
        }
        if self.stop_file.exists() {
            let _ = std::fs::remove_file(&self.stop_file); // if it cannot be removed, the next call removes or obeys it
            return Some("its STOP file appeared");
        }
        None
    }
}

/// Whether Ctrl-C was pressed, or SIGTERM or SIGUSR1 came, since [`stop_on_ctrl_c`], or Jupyter's interrupt since [`answer_interrupt_key`]. It
/// stays true: later runs of the process end at once too, and whoever trains several looks here before the next.
pub fn interrupted() -> bool {
    interrupted_by().is_some()
}

/// The number of the signal behind [`interrupted`]: 2, 15, or that of SIGUSR1. By custom a program then ends with 128 more as its exit code.
pub fn interrupted_by() -> Option<i32> {
    Some(SIGNAL.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// From now on the first Ctrl-C, SIGTERM or SIGUSR1 (which schedulers send before the time is up) lets a training save and stop; the
/// second ends the process at once. For the command line: a notebook has [`answer_interrupt_key`].
pub fn stop_on_ctrl_c() {
    remember_first(&[SIGINT, SIGTERM, SIGUSR1]);
}

/// In a kernel that says by the variable [`INTERRUPT_KEY`] that it passes the interrupt key on: the first interrupt from now on lets
/// what can be stopped stop, so that a cell ends by itself and its variables stay; the second ends the process. Says whether
/// there is such a kernel. What begins to work asks again: an interrupt of an earlier cell is not its own.
pub fn answer_interrupt_key() -> bool {
    let is_there = std::env::var_os(INTERRUPT_KEY).is_some();
    if is_there {
        IN_NOTEBOOK.store(true, Ordering::Relaxed);
        SIGNAL.store(0, Ordering::Relaxed);
        remember_first(&[SIGUSR1]);
    }
    is_there
}

/// Set for a process that hears of Jupyter's interrupt by SIGUSR1.
pub const INTERRUPT_KEY: &str = "MUSIC_SCALING_INTERRUPT_KEY";

#[cfg(unix)]
fn remember_first(signals: &[i32]) {
    extern "C" fn remember(signal: i32) {
        SIGNAL.store(signal, Ordering::Relaxed);
        // SAFETY: signal() may be called from a handler (POSIX); the second signal then acts as usual.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        if IN_NOTEBOOK.load(Ordering::Relaxed) {
            // SAFETY: write() may be called from a handler (POSIX), and the text is static.
            unsafe { libc::write(2, ONCE_MORE.as_ptr().cast(), ONCE_MORE.len()) };
        }
    }
    let handler: extern "C" fn(i32) = remember;
    for &signal in signals {
        // SAFETY: the handler does what POSIX allows in one: atomic operations, signal() and write().
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Not on this system: Ctrl-C ends the process, and the run resumes from its last checkpoint.
#[cfg(not(unix))]
fn remember_first(_: &[i32]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_file_is_obeyed_once_and_a_stale_one_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        std::fs::write(dir.join("STOP"), "").unwrap();
        let watch = StopWatch::new(dir, None);
        assert_eq!(watch.reason(), None);
        std::fs::write(dir.join("STOP"), "").unwrap();
        assert_eq!(watch.reason(), Some("its STOP file appeared"));
        assert_eq!(watch.reason(), None);
    }

    #[test]
    fn a_spent_budget_stops() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(StopWatch::new(dir.path(), Some(Duration::ZERO)).reason(), Some("the time budget is spent"));
        assert_eq!(StopWatch::new(dir.path(), Some(Duration::from_secs(3600))).reason(), None);
    }
}
