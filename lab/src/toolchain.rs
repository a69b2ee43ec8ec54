//! What the installed Rust compiler says about itself.

use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target triple that rustc builds for, as in `target/<host>/debug`.
pub fn host() -> Result<String> {
    let version = ask("-vV")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Lab("rustc -vV names no host".into()))
}

/// The compiler itself, past the proxy that rustup puts on the PATH.
pub fn rustc() -> Result<PathBuf> {
    Ok(sysroot()?.join("bin/rustc"))
}

/// The standard library's source, which evcxr infers types with. `RUST_SRC_PATH` names it where it is not the toolchain's own.
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
    Err(Error::Lab(
        "the Rust kernel needs the standard library's source: run `rustup component add rust-src` (or set RUST_SRC_PATH \
         to a folder `library` of the Rust source)"
            .into(),
    ))
}

fn sysroot() -> Result<PathBuf> {
    ask("--print=sysroot").map(|path| Path::new(path.trim()).to_owned())
}

fn ask(question: &str) -> Result<String> {
    let output = Command::new("rustc").arg(question).output();
    let output = output.map_err(|_| Error::Lab("rustc is not on the PATH: install Rust with rustup".into()))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
