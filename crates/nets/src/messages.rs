//! Lines about work in progress: on stdout, where notebooks and people look for them, unless stdout is to hold JSON only.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

static ON_STDERR: AtomicBool = AtomicBool::new(false);

/// From now on messages go to stderr. For a command line whose stdout is read by a program.
pub fn keep_off_stdout() {
    ON_STDERR.store(true, Ordering::Relaxed);
}

/// Prints one line. A closed stdout is no reason to stop working.
pub fn say(line: impl Display) {
    let _ = if ON_STDERR.load(Ordering::Relaxed) {
        writeln!(std::io::stderr(), "{line}")
    } else {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())
    };
}
