//! What a kernel does when Jupyter interrupts or ends it.

use crate::{Error, Result};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

/// Runs a kernel until it ends. SIGINT, Jupyter's interrupt, goes to the process that runs the cells, and to it alone: there the
/// library saves a training and returns ([`music_scaling::training::answer_interrupt_key`]), and evcxr keeps all variables.
/// SIGTERM ends the kernel with all that it started.
///
/// # Errors
/// The kernel does not start.
pub(super) fn run(mut kernel: Command) -> Result<ExitStatus> {
    let program = kernel.get_program().to_owned();
    let signals = block();
    kernel.process_group(0); // Jupyter signals the group of this program
    let unblock = move || {
        mask(libc::SIG_UNBLOCK, &signals);
        Ok(())
    };
    // SAFETY: between fork and exec only a system call is made.
    unsafe { kernel.pre_exec(unblock) };
    let mut kernel = kernel.spawn().map_err(Error::file("start", program))?;
    let group = kernel.id() as libc::pid_t;
    std::thread::spawn(move || {
        loop {
            let mut signal = 0;
            // SAFETY: both point to values that live here; the signals are blocked in every thread.
            unsafe { libc::sigwait(&signals, &mut signal) };
            if signal == libc::SIGINT {
                runs_cells(group).into_iter().for_each(|process| send(process, libc::SIGINT));
            } else {
                send(-group, libc::SIGKILL);
            }
        }
    });
    kernel.wait().map_err(Error::file("wait for", "the kernel"))
}

/// Blocks SIGINT and SIGTERM in this and every later thread.
fn block() -> libc::sigset_t {
    // SAFETY: sigemptyset fills the set before it is used.
    let signals = unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&mut signals);
        libc::sigaddset(&mut signals, libc::SIGINT);
        libc::sigaddset(&mut signals, libc::SIGTERM);
        signals
    };
    mask(libc::SIG_BLOCK, &signals);
    signals
}

fn mask(how: i32, signals: &libc::sigset_t) {
    // SAFETY: the set is initialised, and the old one is not asked for.
    unsafe { libc::pthread_sigmask(how, signals, std::ptr::null_mut()) };
}

/// Of what evcxr has started, the process that runs the cells: evcxr's own program again, beside a cargo that compiles.
fn runs_cells(evcxr: libc::pid_t) -> Vec<libc::pid_t> {
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

fn send(process: libc::pid_t, signal: i32) {
    // SAFETY: kill only sends a signal; a process that has ended is an error that is no matter.
    unsafe { libc::kill(process, signal) };
}
