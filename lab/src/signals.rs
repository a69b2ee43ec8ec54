//! What a kernel does when Jupyter interrupts it.

use crate::{Error, Result};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};

/// Runs a kernel until it ends. SIGINT, Jupyter's interrupt, comes to this program, to evcxr and to the process that runs the cells;
/// the two ignore it. That process hears of it by SIGUSR1: where the library listens ([`music_scaling::training::answer_interrupt_key`]),
/// it saves a training and returns, and evcxr keeps all variables; else the signal ends it.
///
/// # Errors
/// The kernel does not start.
pub(super) fn run(mut kernel: Command) -> Result<ExitStatus> {
    let program = kernel.get_program().to_owned();
    let interrupt = only_interrupt();
    mask(libc::SIG_BLOCK, &interrupt);
    let ignore = move || {
        mask(libc::SIG_UNBLOCK, &interrupt);
        // SAFETY: SIG_IGN is no code of ours.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: between fork and exec only two system calls are made.
    unsafe { kernel.pre_exec(ignore) };
    let mut kernel = kernel.stderr(Stdio::piped()).spawn().map_err(Error::file("start", program))?;
    let evcxr = kernel.id();
    if let Some(stderr) = kernel.stderr.take() {
        std::thread::spawn(move || pass_on(BufReader::new(stderr)));
    }
    std::thread::spawn(move || {
        let mut signal = 0;
        // SAFETY: both point to values that live here; the signal is blocked in every thread.
        while unsafe { libc::sigwait(&interrupt, &mut signal) } == 0 {
            for process in runs_cells(evcxr) {
                // SAFETY: kill only sends a signal; that the process has ended meanwhile is no matter.
                unsafe { libc::kill(process, libc::SIGUSR1) };
            }
        }
    });
    kernel.wait().map_err(Error::file("wait for", "the kernel"))
}

/// What evcxr says of itself, but for its words on a Jupyter that hung up first: that is how each kernel ends.
fn pass_on(words: impl BufRead) {
    let mut hung_up = false;
    for line in words.lines().map_while(std::result::Result::ok) {
        hung_up = line.starts_with("hb error: Codec Error: Connection reset")
            || hung_up && (line.is_empty() || line == "Caused by:" || line.starts_with("    "));
        if !hung_up {
            eprintln!("{line}");
        }
    }
}

fn only_interrupt() -> libc::sigset_t {
    // SAFETY: sigemptyset fills the set before it is used.
    unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&mut signals);
        libc::sigaddset(&mut signals, libc::SIGINT);
        signals
    }
}

fn mask(how: i32, signals: &libc::sigset_t) {
    // SAFETY: the set is initialised, and the old one is not asked for.
    unsafe { libc::pthread_sigmask(how, signals, std::ptr::null_mut()) };
}

/// Of what evcxr has started, the process that runs the cells: evcxr's own program again, beside a cargo that compiles.
fn runs_cells(evcxr: u32) -> Vec<libc::pid_t> {
    let children = if cfg!(target_os = "linux") {
        let threads = std::fs::read_dir(format!("/proc/{evcxr}/task")).into_iter().flatten().flatten();
        let text: String = threads.flat_map(|thread| std::fs::read_to_string(thread.path().join("children"))).collect();
        let name = |child: &str| std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        text.split_whitespace().filter(|child| name(child).starts_with("evcxr")).map(str::to_owned).collect::<Vec<_>>()
    } else {
        let output = Command::new("pgrep").args(["-P", &evcxr.to_string(), "evcxr"]).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    children.iter().filter_map(|child| child.parse().ok()).collect()
}
