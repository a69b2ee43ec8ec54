//! What notebooks need and where it lies: evcxr_jupyter, a private Python environment, the kernelspec.

use super::toolchain;
use crate::{Error, Result};
use music_scaling::files::{read_text, write_atomic};
use music_scaling::study::place;
use music_scaling::training::device_name;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The version that the kernel recipe was measured with; another may need other settings.
const EVCXR_VERSION: &str = "0.22.0";
const PYTHON_REQUIREMENTS: &str = include_str!("requirements.txt");
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

    /// Installs what is missing, says each step, and checks the prerequisites. Quick when everything is there.
    pub fn set_up(&self) -> Result<()> {
        toolchain::rust_src()?;
        self.install_evcxr()?;
        self.install_python()?;
        self.write_kernelspec()?;
        super::kernel::warm(self)
    }

    /// `.lab/`: everything that set-up makes; deleting it is always safe.
    pub fn folder(&self) -> PathBuf {
        self.root.join(".lab")
    }

    /// The kernel's program.
    pub fn evcxr(&self) -> PathBuf {
        self.folder().join("bin/evcxr_jupyter")
    }

    /// The private environment's Python.
    pub fn python(&self) -> PathBuf {
        self.folder().join("python/bin/python")
    }

    /// A command of the private environment that sees only our kernelspec and writes only below `.lab/`.
    pub fn python_command(&self) -> Command {
        let jupyter = self.folder().join("jupyter");
        let mut command = Command::new(self.python());
        command
            .current_dir(&self.root)
            .env("JUPYTER_PATH", &jupyter)
            .env("JUPYTER_DATA_DIR", jupyter.join("data"))
            .env("JUPYTER_CONFIG_DIR", jupyter.join("config"))
            .env("JUPYTER_RUNTIME_DIR", jupyter.join("runtime"))
            .env("IPYTHONDIR", jupyter.join("ipython"))
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null());
        command
    }

    pub fn runner_script(&self) -> PathBuf {
        self.folder().join("run_notebook.py")
    }

    pub fn report_script(&self) -> PathBuf {
        self.folder().join("write_report.py")
    }

    fn install_evcxr(&self) -> Result<()> {
        let wanted = format!("evcxr_jupyter {EVCXR_VERSION}");
        // cargo's own record of what it installed there; the program itself does not tell its version.
        let record = read_text(self.folder().join(".crates.toml")).unwrap_or_default();
        if self.evcxr().exists() && record.contains(&wanted) {
            return Ok(());
        }
        println!("set-up: installing {wanted} into .lab/ (about five minutes, once)");
        let mut command = super::kernel::cargo();
        command.args(["install", "evcxr_jupyter", "--version", EVCXR_VERSION, "--locked", "--force", "--root"]);
        command.arg(self.folder());
        run(command, "install evcxr_jupyter (cargo needs the network for it)")
    }

    fn install_python(&self) -> Result<()> {
        let environment = self.folder().join("python");
        let stamp = environment.join("requirements.txt");
        if self.python().exists() && read_text(&stamp).is_ok_and(|installed| installed == PYTHON_REQUIREMENTS) {
            return Ok(());
        }
        let mut check = Command::new("python3");
        check.args(["-c", "import ensurepip, venv"]).stdout(Stdio::null()).stderr(Stdio::null());
        if !check.status().is_ok_and(|status| status.success()) {
            return Err(Error::Lab(
                "python3 with venv is missing: install it (Debian: apt install python3-venv; Fedora: dnf install python3; \
                 macOS: xcode-select --install) and try again"
                    .into(),
            ));
        }
        println!("set-up: making a private Python environment with Jupyter in .lab/python (about a minute, once)");
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&environment);
        run(make, "make a Python environment")?;
        let requirements = self.folder().join("requirements.txt");
        write_atomic(&requirements, PYTHON_REQUIREMENTS)?;
        let mut install = self.python_command();
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        run(install, "install Jupyter (pip needs the network for it)")?;
        Ok(write_atomic(&stamp, PYTHON_REQUIREMENTS)?)
    }

    /// One kernelspec; it starts this very program, which prepares the kernel's folder and then starts evcxr. Its name must not
    /// be `rust`: evcxr would "update" that one to start itself.
    fn write_kernelspec(&self) -> Result<()> {
        let program = std::env::current_exe().map_err(Error::file("find", "the running program"))?;
        let spec = serde_json::json!({
            "argv": [program, "kernel", "{connection_file}"],
            "display_name": format!("Rust ({})", device_name()),
            "language": "rust",
            "interrupt_mode": "message",
        });
        write_atomic(self.folder().join("jupyter/kernels/music-scaling/kernel.json"), format!("{spec:#}\n"))?;
        write_atomic(self.runner_script(), NOTEBOOK_RUNNER)?;
        Ok(write_atomic(self.report_script(), REPORT_WRITER)?)
    }
}

/// Runs a command with its output shown; `what` completes "could not …".
pub fn run(mut command: Command, what: &str) -> Result<()> {
    let status = command.status();
    let status = status
        .map_err(|error| Error::Lab(format!("could not {what}: {:?} did not start: {error}", command.get_program())))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Lab(format!("could not {what}: the command ended with {status}")))
    }
}
