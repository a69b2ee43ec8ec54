//! What notebooks need and where it lies: evcxr_jupyter, a private Python environment, the kernelspec.

use super::toolchain;
use crate::{Error, Result};
use music_scaling::files::{read_text, write_atomic};
use music_scaling::study::place;
use music_scaling::training::{device_feature, interrupted};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The version that the kernel recipe was measured with; another may need other settings.
const EVCXR_VERSION: &str = "0.22.0";
const EVCXR: &str = "evcxr_jupyter 0.22.0";
/// Of the building, at this level, on two cores.
const EVCXR_MINUTES: f64 = 7.0;
/// What set-up and builds take on the disk.
const GIGABYTES: f64 = 4.0;
/// As released. At 0 it builds in a third of the time, but the type inference in it (of a kernel's first `let`) is unoptimised, too.
const EVCXR_OPT_LEVEL: &str = "3";
/// JupyterLab's settings: no question about news over the first page, no request for them.
const NO_NEWS: &str =
    r#"{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}"#;
const PYTHON_REQUIREMENTS: &str = include_str!("requirements.txt");
const REPORT_REQUIREMENTS: &str = "pypandoc_binary==1.17\ntypst==0.15.2\n";
const NOTEBOOK_RUNNER: &str = include_str!("run_notebook.py");
const REPORT_WRITER: &str = include_str!("write_report.py");

/// The set-up laboratory: every path that running a notebook needs.
#[derive(Debug, Clone)]
pub struct Lab {
    /// The project's root, where Cargo.toml lies.
    pub root: PathBuf,
}

impl Lab {
    /// The laboratory of the project that [`place::find_root`] finds. Nothing is installed yet: see [`Lab::set_up`].
    ///
    /// # Errors
    /// Outside a checkout.
    pub fn open() -> Result<Lab> {
        Ok(Lab { root: place::find_root()? })
    }

    /// Says what this machine lacks, before anything long starts.
    ///
    /// # Errors
    /// One sentence that names everything that is missing, with what to do.
    pub fn check(&self) -> Result<()> {
        let trial = self.own_folder().join("trial");
        write_atomic(&trial, "").map_err(|error| {
            let variable = place::HOME_VARIABLE;
            Error::Lab(format!("{error}; all that you make is written there: name a folder of yours with {variable}"))
        })?;
        std::fs::remove_file(&trial).map_err(Error::file("remove", &trial))?;
        if self.is_shared() { self.check_shared() } else { self.check_machine() }
    }

    fn check_shared(&self) -> Result<()> {
        if self.has_python() && self.has_evcxr() && super::kernel::is_built(self) {
            return Ok(());
        }
        let root = self.root.display();
        Err(Error::Lab(format!(
            "{root} is shared and not set up: whoever may write there runs `cargo run -- lab --install-kernel` in it, once"
        )))
    }

    fn check_machine(&self) -> Result<()> {
        let mut missing = toolchain::missing();
        if !self.python().exists() && !succeeds("python3", &["-c", "import ensurepip, venv"]) {
            missing.push(
                "python3 with venv (Debian: apt install python3-venv; Fedora: dnf install python3; macOS: xcode-select --install)"
                    .into(),
            );
        }
        if let Some(free) = free_gigabytes(&self.root).filter(|free| !self.has_evcxr() && *free < GIGABYTES) {
            missing.push(format!("disk space below {}: {free:.1} of {GIGABYTES} GB are free", self.root.display()));
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Lab(format!("this machine lacks {}; add it and try again", missing.join(", and "))))
    }

    /// Installs what is missing and says each step. Quick when everything is there; a shared checkout stays as it is.
    ///
    /// # Errors
    /// What [`Lab::check`] finds; a step that fails, usually for want of the network.
    pub fn set_up(&self) -> Result<()> {
        self.check()?;
        if self.is_shared() {
            return Ok(());
        }
        self.install_python()?;
        self.install_evcxr()?;
        self.write_kernelspec()?;
        super::kernel::warm(self)
    }

    /// What [`Lab::set_up`] will make, each with the minutes that it takes on two cores.
    pub fn missing_steps(&self) -> Vec<(&'static str, f64)> {
        let mut steps = Vec::new();
        if !self.has_evcxr() && installed_evcxr().is_none() {
            steps.push(("build the notebook kernel, evcxr_jupyter", EVCXR_MINUTES));
        }
        if !self.has_python() {
            steps.push(("install Jupyter", 1.0));
        }
        steps
    }

    /// `.lab/`: everything that set-up makes; deleting it is always safe.
    pub fn folder(&self) -> PathBuf {
        self.root.join(".lab")
    }

    /// Where this user writes: see [`place::home`].
    pub fn home(&self) -> PathBuf {
        place::home(&self.root)
    }

    /// Whether this user only reads the checkout: nothing is built then, and nothing in it changes.
    pub fn is_shared(&self) -> bool {
        self.home() != self.root
    }

    /// `.lab/` in [`Lab::home`]: kernels at work, Jupyter's notes.
    pub fn own_folder(&self) -> PathBuf {
        self.home().join(".lab")
    }

    /// The kernel's program.
    pub fn evcxr(&self) -> PathBuf {
        self.folder().join("bin/evcxr_jupyter")
    }

    /// The private environment's Python.
    pub fn python(&self) -> PathBuf {
        self.folder().join("python/bin/python")
    }

    /// A command of the private environment that sees only our kernelspec and writes only below [`Lab::own_folder`].
    pub fn python_command(&self) -> Command {
        let jupyter = self.own_folder().join("jupyter");
        let mut command = Command::new(self.python());
        command
            .current_dir(&self.root)
            .env(place::ROOT_VARIABLE, &self.root)
            .env("JUPYTER_PATH", self.folder().join("jupyter"))
            .env("JUPYTER_DATA_DIR", jupyter.join("data"))
            .env("JUPYTER_CONFIG_DIR", jupyter.join("config"))
            .env("JUPYTER_RUNTIME_DIR", jupyter.join("runtime"))
            .env("IPYTHONDIR", jupyter.join("ipython"))
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null());
        command
    }

    /// The Python program that executes one notebook.
    pub fn runner_script(&self) -> PathBuf {
        self.folder().join("run_notebook.py")
    }

    /// The Python program that writes the HTML report.
    pub fn report_script(&self) -> PathBuf {
        self.folder().join("write_report.py")
    }

    /// The program that makes pages of notebooks; installs the Python that it needs.
    ///
    /// # Errors
    /// Python cannot be installed, usually for want of the network.
    pub fn report_writer(&self) -> Result<Command> {
        self.install_python()?;
        write_atomic(self.report_script(), REPORT_WRITER)?;
        let mut command = self.python_command();
        command.arg(self.report_script());
        Ok(command)
    }

    /// cargo's own record tells the version; the program itself does not.
    fn has_evcxr(&self) -> bool {
        self.evcxr().exists() && records_evcxr(&self.folder())
    }

    fn install_evcxr(&self) -> Result<()> {
        if self.has_evcxr() {
            return Ok(());
        }
        if let Some(installed) = installed_evcxr() {
            println!("set-up: taking {}", installed.display());
            let (from, to) = (installed, self.evcxr());
            let folder = self.folder().join("bin");
            std::fs::create_dir_all(&folder).map_err(Error::file("create the folder", &folder))?;
            std::fs::copy(&from, &to).map_err(Error::file("copy", &from))?;
            let record = format!("[v1]\n\"{EVCXR} (copied)\" = [\"evcxr_jupyter\"]\n");
            return Ok(write_atomic(self.folder().join(".crates.toml"), record)?);
        }
        println!("set-up: building the notebook kernel, {EVCXR} (about {EVCXR_MINUTES} minutes on two cores, once)");
        let mut command = super::kernel::cargo();
        command.args([
            "install",
            "evcxr_jupyter",
            "--version",
            EVCXR_VERSION,
            "--locked",
            "--force",
            "--quiet",
            "--root",
        ]);
        command.arg(self.folder()).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", EVCXR_OPT_LEVEL);
        run_long(command, "install evcxr_jupyter (cargo needs the network for it)")
    }

    fn has_python(&self) -> bool {
        has_environment(&self.folder().join("python"), PYTHON_REQUIREMENTS)
    }

    fn install_python(&self) -> Result<()> {
        self.install_environment("python", PYTHON_REQUIREMENTS, "Jupyter", "about a minute")
    }

    /// The Python of the report's own environment, with pandoc and Typst. It is installed when it is first asked for.
    ///
    /// # Errors
    /// It cannot be installed, usually for want of the network.
    pub fn report_python(&self) -> Result<PathBuf> {
        self.install_environment("typesetting", REPORT_REQUIREMENTS, "pandoc and Typst", "70 MB, half a minute")?;
        Ok(self.folder().join("typesetting/bin/python"))
    }

    fn install_environment(&self, folder: &str, requirements: &str, what: &str, cost: &str) -> Result<()> {
        let environment = self.folder().join(folder);
        if has_environment(&environment, requirements) {
            return Ok(());
        }
        println!("set-up: making a private Python environment with {what} in .lab/{folder} ({cost}, once)");
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&environment);
        run(make, "make a Python environment")?;
        let list = self.folder().join("requirements.txt");
        write_atomic(&list, requirements)?;
        let mut install = Command::new(environment.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&list);
        run_long(install, &format!("install {what} (pip needs the network for it)"))?;
        Ok(write_atomic(environment.join("requirements.txt"), requirements)?)
    }

    /// Puts the kernelspec where every Jupyter of this user looks (VS Code, JupyterHub, a Jupyter of one's own), or takes it away.
    /// With a `prefix` such as `/usr/local`, where every Jupyter of every user of this machine looks.
    ///
    /// # Errors
    /// Jupyter refuses; other users may not read what the kernel needs.
    pub fn share_kernelspec(&self, is_shared: bool, prefix: Option<&Path>) -> Result<()> {
        let mut command = Command::new(self.python());
        command.args(["-m", "jupyter_client.kernelspecapp"]);
        if is_shared {
            command.args(["install", "--name", "music-scaling"]);
            match prefix {
                Some(prefix) => command.arg("--prefix").arg(readable_by_all(&self.root, prefix)?),
                None => command.arg("--user"),
            };
            command.arg(self.folder().join("jupyter/kernels/music-scaling"));
        } else {
            command.args(["remove", "-f", "music-scaling"]);
        }
        run(command, "tell Jupyter of the kernel")
    }

    /// One kernelspec; it starts this very program, which prepares the kernel's folder and then starts evcxr. Its name must not
    /// be `rust`: evcxr would "update" that one to start itself.
    fn write_kernelspec(&self) -> Result<()> {
        let program = std::env::current_exe().map_err(Error::file("find", "the running program"))?;
        let spec = serde_json::json!({
            "argv": [program, "kernel", "{connection_file}"],
            "display_name": format!("Rust ({})", device_feature()),
            "language": "rust",
            "interrupt_mode": "signal",
            // Of whoever sets up; with another compiler or registry folder cargo would build everything again.
            "env": {
                place::ROOT_VARIABLE: self.root,
                "CARGO_HOME": cargo_home(),
                "PATH": format!("{}:${{PATH}}", toolchain::sysroot()?.join("bin").display()),
                "RUST_SRC_PATH": toolchain::rust_src()?,
            },
        });
        write_atomic(self.folder().join("jupyter/kernels/music-scaling/kernel.json"), format!("{spec:#}\n"))?;
        write_atomic(self.folder().join("python/share/jupyter/lab/settings/overrides.json"), NO_NEWS)?;
        write_atomic(self.runner_script(), NOTEBOOK_RUNNER)?;
        Ok(write_atomic(self.report_script(), REPORT_WRITER)?)
    }
}

fn has_environment(folder: &Path, requirements: &str) -> bool {
    let installed = read_text(folder.join("requirements.txt"));
    folder.join("bin/python").exists() && installed.is_ok_and(|installed| installed == requirements)
}

/// A kernel of the right version that `cargo install` has put where programs of this user are.
fn installed_evcxr() -> Option<PathBuf> {
    let home = cargo_home()?;
    let program = home.join("bin/evcxr_jupyter");
    (records_evcxr(&home) && program.exists()).then_some(program)
}

fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// `prefix`, if all users may enter the folders that a kernel of the checkout reads.
fn readable_by_all<'a>(root: &Path, prefix: &'a Path) -> Result<&'a Path> {
    use std::os::unix::fs::PermissionsExt;
    let is_closed = |folder: &&Path| folder.metadata().is_ok_and(|found| found.permissions().mode() & 1 == 0);
    for needed in [root.to_owned(), toolchain::sysroot()?, toolchain::rust_src()?].into_iter().chain(cargo_home()) {
        if let Some(closed) = needed.ancestors().find(is_closed) {
            let (closed, needed) = (closed.display(), needed.display());
            return Err(Error::Lab(format!(
                "other users may not enter {closed}, and their kernels read {needed}: chmod o+x {closed}, or have both Rust \
                 (RUSTUP_HOME, CARGO_HOME) and the checkout below a folder such as /opt and build there"
            )));
        }
    }
    Ok(prefix)
}

fn records_evcxr(folder: &Path) -> bool {
    read_text(folder.join(".crates.toml")).is_ok_and(|record| record.contains(&format!("\"{EVCXR} ")))
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Room on the disk of `folder`; `None` where the system does not tell.
fn free_gigabytes(folder: &Path) -> Option<f64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends with 0, and the numbers are written before they are read.
    let found = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut found) == 0).then_some(found)
    };
    found.map(|found| found.f_bavail as f64 * found.f_frsize as f64 / 1e9)
}

/// Runs a command with its output shown; `what` completes "could not …". Ctrl-C and SIGTERM, seen by [`interrupted`], end it.
///
/// # Errors
/// The command does not start, fails, or is ended.
pub fn run(command: Command, what: &str) -> Result<()> {
    watch(command, what, |_| ())
}

/// The same for a command that is quiet for minutes: a line a minute says that it goes on.
fn run_long(command: Command, what: &str) -> Result<()> {
    watch(command, what, |minutes| println!("set-up: … {minutes} min"))
}

fn watch(mut command: Command, what: &str, each_minute: impl Fn(u64)) -> Result<()> {
    let cannot = |why: String| Error::Lab(format!("could not {what}: {why}"));
    let mut child = command
        .spawn()
        .map_err(|error| cannot(format!("{} did not start: {error}", command.get_program().display())))?;
    let (started, mut minutes) = (Instant::now(), 0);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| cannot(error.to_string()))? {
            break status;
        }
        if interrupted() {
            let _ = child.kill(); // it has ended by itself, then
        }
        if started.elapsed().as_secs() / 60 > minutes {
            minutes += 1;
            each_minute(minutes);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.success() { Ok(()) } else { Err(cannot(format!("the command ended with {status}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_some_room_and_a_missing_one_none_to_tell() {
        assert!(free_gigabytes(Path::new("/")).is_some_and(|free| free > 0.0 && free < 1e9));
        assert_eq!(free_gigabytes(Path::new("/no/such/folder")), None);
    }
}
