//! What the installed Rust compiler says about itself.

use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target triple that rustc builds for, as in `target/<host>/debug`.
///
/// # Errors
/// There is no rustc, or it does not answer.
pub fn host() -> Result<String> {
    let version = ask("-vV")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Lab("rustc -vV names no host".into()))
}

/// The compiler itself, past the proxy that rustup puts on the PATH.
///
/// # Errors
/// There is no rustc, or it does not answer.
pub fn rustc() -> Result<PathBuf> {
    Ok(sysroot()?.join("bin/rustc"))
}

/// The standard library's source, which evcxr infers types with. `RUST_SRC_PATH` names it where it is not the toolchain's own.
///
/// # Errors
/// It is not there: says how to get it.
pub fn rust_src() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("RUST_SRC_PATH").map(PathBuf::from)
        && path.join("core").is_dir()
    {
        return Ok(path);
    }
    let library = sysroot()?.join("lib/rustlib/src/rust/library");
    if library.join("core").is_dir() {
        return Ok(library);
    }
    Err(Error::Lab(format!("this machine lacks {RUST_SRC}")))
}

const RUST_SRC: &str =
    "the standard library's source (rustup component add rust-src; or set RUST_SRC_PATH to a folder `library` of it)";

/// What building needs and this machine lacks, each with how to get it.
pub fn missing() -> Vec<String> {
    let starts = |program: &str| {
        let mut command = Command::new(program);
        command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let mut missing = Vec::new();
    if !starts("rustc") || !starts("cargo") {
        missing.push("rustc and cargo on the PATH (https://rustup.rs)".to_owned());
    } else if rust_src().is_err() {
        missing.push(RUST_SRC.to_owned());
    }
    if !["cc", "gcc", "clang"].into_iter().any(starts) {
        missing.push("a C compiler (Debian: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)".into());
    }
    missing
}

/// Where the compiler, cargo and the standard library lie.
///
/// # Errors
/// rustc does not start.
pub fn sysroot() -> Result<PathBuf> {
    ask("--print=sysroot").map(|path| Path::new(path.trim()).to_owned())
}

fn ask(question: &str) -> Result<String> {
    let output = Command::new("rustc").arg(question).output();
    let output = output.map_err(|_| Error::Lab("rustc is not on the PATH: install Rust with rustup".into()))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
