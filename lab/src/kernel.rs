//! A Rust kernel that starts in seconds and that no other kernel disturbs.
//!
//! evcxr compiles each cell in a scratch crate. Stock, a new kernel compiles every dependency again, at a low
//! optimisation level. Here nothing is compiled twice: a *seed* crate, built with the flags that evcxr uses, takes the
//! third-party crates from the `target/` of `cargo run` as hard links, and our own library from there too. (That needs a
//! wrapper around rustc: cargo tells a workspace's own crate from the same crate as a dependency, and would compile it
//! again. The wrapper hands over the finished files instead.)
//! A new kernel gets a folder of its own, again of hard links. Two kernels on one folder would run each other's code, so
//! folders are never shared: each is locked while its kernel lives, and an unlocked one was left behind by a killed
//! kernel and is removed by the next. In a checkout that users share and cannot write, nothing is built at all; their kernels'
//! folders are in their own homes.

use super::setup::Lab;
use super::stand_ins::{quoted, write_cargo, write_if_changed, write_rustc};
use super::toolchain::{host, rust_src};
use crate::{Error, Result};
use music_scaling::files::{Lock, read_text, write_atomic};
use music_scaling::training::{INTERRUPT_KEY, device_feature};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Our own crates that cells call; cargo would compile them again for each kernel.
pub(super) const OWN_CRATES: [&str; 4] = ["abc_score", "music_scaling", "nets", "scaling_laws"];

/// Prepares every crate that a notebook needs. Under a second when nothing changed; else cargo shows what it does.
///
/// # Errors
/// A crate does not compile, or a file below `.lab/` cannot be written.
pub fn warm(lab: &Lab) -> Result<()> {
    let _one_at_a_time = one_at_a_time(lab)?;
    build(lab)
}

/// Two kernels that start together take turns: one copies what the other would be rewriting.
fn one_at_a_time(lab: &Lab) -> Result<Lock> {
    Ok(Lock::wait(lab.own_folder().join("lock"))?)
}

/// Whether [`warm`] came to its end once.
pub(super) fn is_built(lab: &Lab) -> bool {
    lab.folder().join("rustc").exists() && seed_target(lab).join("Cargo.lock.linked").exists()
}

fn build(lab: &Lab) -> Result<()> {
    let finished = build_library(lab)?;
    let seed = write_seed(lab)?;
    let rustc = write_rustc(&lab.folder().join("rustc"), &finished)?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--target", &host()?]).current_dir(seed);
    build.env("CARGO_TARGET_DIR", seed_target(lab)).env("RUSTFLAGS", "-Cprefer-dynamic").env("RUSTC", rustc);
    super::setup::run(build, "build the crates for the notebooks")
}

/// Builds the library as `cargo run` does and gathers the finished files of [`OWN_CRATES`], which cargo names, in one folder:
/// `target/` may hold others of the same crates, made for tests or for other features.
fn build_library(lab: &Lab) -> Result<PathBuf> {
    let mut library = cargo();
    library.args(["build", "--quiet", "--lib", "--features", feature(), "--message-format=json-render-diagnostics"]);
    library.current_dir(&lab.root).stderr(Stdio::inherit());
    let cannot = |what: String| Error::Lab(format!("could not build the library for the notebooks: {what}"));
    let output = library.output().map_err(|error| cannot(error.to_string()))?;
    if !output.status.success() {
        return Err(cannot(format!("cargo ended with {}", output.status)));
    }
    let finished = lab.folder().join("library");
    fs::create_dir_all(&finished).map_err(Error::file("create the folder", &finished))?;
    let deps = lab.root.join("target").join(host()?).join("debug/deps");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if message["reason"] != "compiler-artifact" || !OWN_CRATES.contains(&name) {
            continue;
        }
        let mut described = deps.join(format!("{name}.d"));
        for file in
            message["filenames"].as_array().into_iter().flatten().filter_map(|file| file.as_str().map(Path::new))
        {
            let kind = file.extension().unwrap_or_default().to_string_lossy();
            gather(file, &finished.join(format!("lib{name}.{kind}")))?;
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            if let ("rmeta", Some(stem)) = (&*kind, stem.strip_prefix("lib")) {
                described = deps.join(format!("{stem}.d"));
            }
        }
        write_if_changed(&finished.join(format!("{name}.d")), &with_root(&read_text(described)?, &lab.root))?;
    }
    Ok(finished)
}

/// The list of a crate's source files, for a cargo that starts elsewhere: in the workspace their paths begin at its root.
fn with_root(list: &str, root: &Path) -> String {
    let root = root.display().to_string().replace(' ', "\\ ");
    let absolute = |word: &str| match word {
        _ if word.starts_with("crates/") || word.starts_with("src/") => format!("{root}/{word}"),
        _ => word.to_owned(),
    };
    list.split('\n')
        .map(|line| line.split(' ').map(absolute).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A copy under a new inode: kernels that run keep the file that they started with.
fn gather(from: &Path, to: &Path) -> Result<()> {
    let stamp = |path: &Path| fs::metadata(path).and_then(|found| Ok((found.modified()?, found.len()))).ok();
    if stamp(to).is_some() && stamp(to) == stamp(from) {
        return Ok(());
    }
    let _ = fs::remove_file(to); // usually there is none
    copy_with_time(from, to)
}

/// The seed crate, with the third-party crates that are compiled already; returns its folder.
fn write_seed(lab: &Lab) -> Result<PathBuf> {
    let seed = lab.folder().join("seed");
    write_if_changed(&seed.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"ctx-seed\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n\n[workspace]\n",
        dependency(lab)
    );
    write_if_changed(&seed.join("Cargo.toml"), &manifest)?;
    let lock = read_text(lab.root.join("Cargo.lock"))?;
    let linked = seed_target(lab).join("Cargo.lock.linked"); // the versions whose artifacts were linked
    if read_text(&linked).ok().as_deref() != Some(lock.as_str()) {
        fetch_all_platforms(lab)?;
        link_artifacts(&lab.root.join("target"), &seed_target(lab), Ours::LeaveOut)?;
        write_atomic(seed.join("Cargo.lock"), &lock)?;
        write_atomic(&linked, &lock)?;
    }
    Ok(seed)
}

fn seed_target(lab: &Lab) -> PathBuf {
    lab.folder().join("target")
}

/// evcxr works without the network but asks cargo about every platform: it needs the crates that this one does not build, too.
fn fetch_all_platforms(lab: &Lab) -> Result<()> {
    let mut fetch = cargo();
    fetch.args(["fetch", "--locked", "--quiet"]).current_dir(&lab.root);
    super::setup::run(fetch, "fetch the crates that notebooks need (cargo needs the network for it)")
}

/// cargo, as if started by hand.
pub fn cargo() -> Command {
    without_cargo_variables(Command::new("cargo"))
}

/// `cargo run` tells its program about itself in variables; handed on to another cargo, they make it rebuild crates whose
/// build scripts look at them.
fn without_cargo_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let stays =
            ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR"].iter().any(|prefix| text.starts_with(prefix));
        if (text.starts_with("CARGO") && !stays) || text == "RUSTFLAGS" {
            command.env_remove(name);
        }
    }
    command
}

/// `cargo run` puts its own build of the library on the search path, where cells would find it before the kernel's.
fn leave_out_own_libraries(lab: &Lab, command: &mut Command) {
    for variable in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
        let Some(value) = std::env::var_os(variable) else { continue };
        let kept = std::env::split_paths(&value).filter(|folder| !folder.starts_with(lab.root.join("target")));
        match std::env::join_paths(kept) {
            Ok(paths) if !paths.is_empty() => command.env(variable, paths),
            _ => command.env_remove(variable),
        };
    }
}

fn first_on_the_path(folder: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders)
        .map_err(|_| Error::Lab(format!("a folder's name holds a colon: {}", folder.display())))
}

/// Starts a kernel for Jupyter and stays until it ends; returns its exit code.
///
/// # Errors
/// What [`warm`] says, or the kernel does not start.
pub fn start(lab: &Lab, connection_file: &Path) -> Result<i32> {
    let one_at_a_time = one_at_a_time(lab)?;
    if lab.is_shared() {
        lab.check()?
    } else {
        build(lab)?
    }
    let kernels = lab.own_folder().join("kernels");
    remove_abandoned(&kernels);
    let folder = new_folder(&kernels)?;
    let lock = File::create(folder.join("lock")).map_err(Error::file("write", folder.join("lock")))?;
    lock.lock().map_err(Error::file("lock", folder.join("lock")))?;
    let rustc = if lab.is_shared() { take_shared(lab, &folder)? } else { keep_library(lab, &folder)? };
    let seed_lock = lab.folder().join("seed/Cargo.lock");
    fs::copy(&seed_lock, folder.join("Cargo.lock")).map_err(Error::file("copy", &seed_lock))?;

    write_atomic(folder.join("config/evcxr.toml"), kernel_config(lab, &folder, &seed_lock, &rustc))?;
    let programs = write_cargo(&folder)?;
    drop(one_at_a_time);
    let mut evcxr = without_cargo_variables(Command::new(lab.evcxr()));
    leave_out_own_libraries(lab, &mut evcxr);
    evcxr
        .arg("--control_file")
        .arg(connection_file)
        .stdout(std::process::Stdio::null()) // cells' output goes to Jupyter by another way; this would be chatter about start-up
        .env_remove("RUST_BACKTRACE") // a closed connection at its end is no matter for a page of addresses
        .env("EVCXR_TMPDIR", &folder)
        .env("EVCXR_CONFIG_DIR", folder.join("config"))
        .env("PATH", first_on_the_path(&programs)?)
        .env("CARGO_HOME", programs.parent().unwrap_or(&programs)) // its type inference takes bin/cargo there
        .env("RUST_SRC_PATH", rust_src()?)
        .env("JUPYTER_PATH", lab.folder().join("jupyter")) // where evcxr looks for a kernelspec of its own to update
        .env(INTERRUPT_KEY, "");
    let status = super::signals::run(evcxr);
    remove(&folder);
    Ok(status?.code().unwrap_or(1))
}

/// The library that a kernel started with stays its library: another one under a running process, after src/ has changed,
/// would crash it. Returns the program that hands it over whenever cargo wants to compile it anew.
fn keep_library(lab: &Lab, folder: &Path) -> Result<PathBuf> {
    link_artifacts(&seed_target(lab), &folder.join("target"), Ours::Copy)?;
    let (finished, kept) = (lab.folder().join("library"), folder.join("library"));
    fs::create_dir_all(&kept).map_err(Error::file("create the folder", &kept))?;
    for entry in fs::read_dir(&finished).map_err(Error::file("list", &finished))?.flatten() {
        fs::hard_link(entry.path(), kept.join(entry.file_name())).map_err(Error::file("link", entry.path()))?;
    }
    write_rustc(&folder.join("rustc"), &kept)
}

/// The same in a shared checkout, whose library is every kernel's: in memory once, on the disk once.
fn take_shared(lab: &Lab, folder: &Path) -> Result<PathBuf> {
    link_artifacts(&seed_target(lab), &folder.join("target"), Ours::Link)?;
    // Below the checkout cargo finds its settings; from here it does not, and with others would build everything again. (evcxr has a
    // file of its own in the kernel's folder.)
    let settings = read_text(lab.root.join(".cargo/config.toml"))?;
    write_if_changed(&lab.own_folder().join(".cargo/config.toml"), &settings)?;
    Ok(lab.folder().join("rustc"))
}

/// evcxr's settings: no network, variables survive a panic, cells compile fast (the library they call is optimised), and
/// the library is there from the first cell on, with the features of this build, so that notebooks use the same device.
fn kernel_config(lab: &Lab, folder: &Path, seed_lock: &Path, rustc: &Path) -> String {
    // evcxr prunes Cargo.lock at start-up; putting ours back keeps the versions that are already compiled.
    let restore = format!("!cp {} {}", quoted(seed_lock), quoted(&folder.join("Cargo.lock")));
    format!(
        "[evcxr]\noffline_mode = true\npreserve_vars_on_panic = true\nopt_level = \"1\"\nprelude = '''\n{restore}\n:build_env RUSTC={}\n:dep {}\n'''\n",
        rustc.display(),
        dependency(lab)
    )
}

/// `music-scaling = { path = "…", features = ["cuda"] }`
fn dependency(lab: &Lab) -> String {
    let features = if feature().is_empty() { String::new() } else { format!("{:?}", feature()) };
    format!("music-scaling = {{ path = {:?}, features = [{features}] }}", lab.root)
}

/// The cargo feature that this program was built with, "" on the CPU.
fn feature() -> &'static str {
    match device_feature() {
        "cpu" => "",
        device => device,
    }
}

/// What happens to our own crates' artifacts, which are rewritten when src/ changes and so can't be links, unless src/ is shared.
#[derive(Clone, Copy, PartialEq)]
enum Ours {
    Copy,
    LeaveOut,
    Link,
}

/// Gives the target folder `to` the compiled crates of `from`: third-party ones as links.
fn link_artifacts(from: &Path, to: &Path, ours: Ours) -> Result<()> {
    for profile in [PathBuf::from(host()?).join("debug"), PathBuf::from("debug")] {
        for part in ["deps", "build", ".fingerprint"] {
            let folder = from.join(&profile).join(part);
            if folder.is_dir() {
                link_tree(&folder, &to.join(&profile).join(part), ours)?;
            }
        }
    }
    Ok(())
}

fn link_tree(from: &Path, to: &Path, ours: Ours) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::file("create the folder", to))?;
    let are_ours = from.file_name().is_some_and(|name| is_ours(&name.to_string_lossy())); // cargo's notes on a crate
    for entry in fs::read_dir(from).map_err(Error::file("list", from))? {
        let entry = entry.map_err(Error::file("list", from))?;
        let (path, name) = (entry.path(), entry.file_name());
        let target = to.join(&name);
        let name = name.to_string_lossy();
        let is_ours = are_ours || is_ours(&name);
        if is_ours && ours == Ours::LeaveOut {
            continue;
        } else if path.is_dir() {
            link_tree(&path, &target, ours)?;
        } else if !target.exists() {
            let is_compiled = [".so", ".rlib", ".rmeta"].iter().any(|kind| name.ends_with(kind)); // replaced, not written into
            let may_link = !is_ours || ours == Ours::Link && is_compiled;
            if !may_link || link(&path, &target).is_err() {
                copy_with_time(&path, &target)?;
            }
        }
    }
    Ok(())
}

/// A hard link, or a symbolic one where that is not to be had: in another file system, or of another user's file.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| std::os::unix::fs::symlink(from, to))
}

/// Whether an artifact belongs to one of our own crates, or to a cell.
fn is_ours(name: &str) -> bool {
    let name = name.strip_prefix("lib").unwrap_or(name).replace('-', "_");
    ["music_scaling", "abc_score", "scaling_laws", "nets_", "nets.", "lab_", "lab.", "xtask", "ctx"]
        .iter()
        .any(|part| name.starts_with(part))
}

/// cargo compares modification times: a copy must keep them.
fn copy_with_time(from: &Path, to: &Path) -> Result<()> {
    let copy = || {
        fs::copy(from, to)?;
        let modified = fs::metadata(from)?.modified()?;
        File::options().write(true).open(to)?.set_modified(modified)
    };
    copy().map_err(Error::file("copy", from))
}

fn new_folder(kernels: &Path) -> Result<PathBuf> {
    fs::create_dir_all(kernels).map_err(Error::file("create the folder", kernels))?;
    for number in 0..10_000 {
        let folder = kernels.join(format!("kernel-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file("create the folder", folder)(error)),
        }
    }
    Err(Error::Lab(format!("{} holds 10,000 kernels: delete the folder", kernels.display())))
}

fn remove_abandoned(kernels: &Path) {
    for folder in fs::read_dir(kernels).into_iter().flatten().flatten().map(|entry| entry.path()) {
        // A folder without a lock file belongs to a kernel that starts at this moment.
        if File::open(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
            remove(&folder);
        }
    }
}

/// Removes a kernel's folder, the lock after all that takes long: Jupyter kills whom it waits for, and the next kernel goes on.
fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder.join("target"));
    let _ = fs::remove_dir_all(folder);
}
