//! What is set up in a notebook's kernel when a study is opened: the interrupt key, and panics in a student's words.

use crate::training::answer_interrupt_key;
use std::panic::{PanicHookInfo, set_hook};

/// Nothing happens outside a kernel that `lab` started.
pub(super) fn greet() {
    if answer_interrupt_key() {
        set_hook(Box::new(|panic| eprintln!("{}", in_words(panic, std::env::var_os("EVCXR_TMPDIR").as_deref()))));
    }
}

/// The message, and the line of the cell that it comes from: evcxr's place is in a file that nobody sees.
fn in_words(panic: &PanicHookInfo, folder: Option<&std::ffi::OsStr>) -> String {
    let message = panic.payload_as_str().unwrap_or("(without a message)");
    let Some(place) = panic.location() else { return format!("panicked: {message}") };
    let path = folder.map(|folder| std::path::Path::new(folder).join(place.file()));
    let cell = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    match cell.lines().nth(place.line() as usize - 1) {
        Some(line) if place.file() == "src/lib.rs" => format!("panicked: {message}\nin the line: {}", line.trim()),
        _ => format!("panicked: {message}\nat {place}"),
    }
}
