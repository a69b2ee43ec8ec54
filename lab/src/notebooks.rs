//! Runs the seven notebooks through the real kernel, and opens JupyterLab.

use super::setup::{Lab, run};
use crate::{Error, Result};
use music_scaling::files::{read_bytes, read_text, write_atomic};
use music_scaling::study::Study;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The hash that each executed copy was made from: a notebook is executed again only when its hash changed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Executed {
    hashes: BTreeMap<String, String>,
}

/// Executes the notebooks of `study` in order, skipping those whose executed copy is current, then writes the report. While one
/// notebook runs, the next one's kernel starts.
pub fn run_study(lab: &Lab, study: &Study, force: bool) -> Result<PathBuf> {
    let stamp_path = study.folder().join("executed.json");
    let mut executed: Executed =
        read_text(&stamp_path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let library = library_hash(&lab.root, study)?;
    let (mut copies, mut stale) = (Vec::new(), VecDeque::new());
    for notebook in notebooks(&lab.root)? {
        let name = file_name(&notebook);
        let copy = study.notebooks_folder().join(&name);
        let hash = notebook_hash(&notebook, &library)?;
        if !force && executed.hashes.get(&name) == Some(&hash) && is_executed(&copy) {
            println!("{name}: up to date");
        } else {
            stale.push_back((name, hash, notebook, copy.clone()));
        }
        copies.push(copy);
    }
    let mut next: Option<Runner> = None;
    while let Some((name, hash, notebook, copy)) = stale.pop_front() {
        println!("{name}: running");
        let started = std::time::Instant::now();
        let runner = next.take().map_or_else(|| Runner::start(lab, study, &notebook, &copy), Ok)?;
        next = stale.front().map(|(_, _, notebook, copy)| Runner::start(lab, study, notebook, copy)).transpose()?;
        runner.run(&name)?;
        println!("{name}: done in {:.0} s", started.elapsed().as_secs_f64());
        executed.hashes.insert(name, hash);
        let text = serde_json::to_string_pretty(&executed).map_err(|error| Error::Lab(error.to_string()))?;
        write_atomic(&stamp_path, text + "\n")?;
    }
    let report = study.figures_folder().join("report.html");
    let title = format!("Scaling laws for music language models: the {} study", study.name());
    let mut writer = lab.python_command();
    writer.arg(lab.report_script()).arg(title).arg(&report).args(&copies);
    run(writer, "write the HTML report")?;
    Ok(report)
}

/// The program that executes one notebook. Its kernel starts at once, its cells wait for [`Runner::run`]; dropped before, it
/// shuts its kernel down.
struct Runner(Child);

impl Runner {
    fn start(lab: &Lab, study: &Study, notebook: &Path, copy: &Path) -> Result<Runner> {
        let mut command = lab.python_command();
        command.arg(lab.runner_script()).arg("--wait").arg(notebook).arg(copy).env("STUDY", study.preset_argument());
        let child = command.stdin(Stdio::piped()).spawn();
        child.map(Runner).map_err(|error| Error::Lab(format!("could not start {:?}: {error}", command.get_program())))
    }

    fn run(mut self, name: &str) -> Result<()> {
        let cannot =
            |what: String| Error::Lab(format!("could not run {name} (the cell that failed is shown above): {what}"));
        if let Some(mut stdin) = self.0.stdin.take() {
            let _ = stdin.write_all(b"go\n"); // a runner that has failed by now says so in its status
        }
        let status = self.0.wait().map_err(|error| cannot(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(cannot(format!("the command ended with {status}"))) }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Opens JupyterLab with the kernel ready; stays until it is closed. `arguments` go to JupyterLab as they are.
pub fn open_jupyter(lab: &Lab, preset: &str, arguments: &[String]) -> Result<()> {
    let mut command = lab.python_command();
    // The project is the root, so that pages find figures/live/ while a model trains.
    command.args(["-m", "jupyterlab", "--allow-root", "--LabApp.default_url=/lab/tree/notebooks/01_data.ipynb"]);
    command.arg(format!("--ServerApp.root_dir={}", lab.root.display())).args(arguments).env("STUDY", preset);
    run(command, "run JupyterLab")
}

/// `notebooks/NN_*.ipynb` in order.
fn notebooks(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join("notebooks");
    let entries = std::fs::read_dir(&folder).map_err(Error::file("list", &folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = file_name(path);
        name.ends_with(".ipynb") && !name.ends_with(".failed.ipynb") && name.starts_with(|c: char| c.is_ascii_digit())
    });
    paths.sort();
    if paths.is_empty() { Err(Error::Lab(format!("{} holds no notebooks", folder.display()))) } else { Ok(paths) }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether every code cell of a notebook was run.
fn is_executed(notebook: &Path) -> bool {
    let json: Option<serde_json::Value> = read_text(notebook).ok().and_then(|text| serde_json::from_str(&text).ok());
    let cells = json.as_ref().and_then(|json| json["cells"].as_array());
    cells.is_some_and(|cells| {
        cells.iter().filter(|cell| cell["cell_type"] == "code").all(|cell| cell["execution_count"].is_u64())
    })
}

/// Hash of the cells' sources (not of their outputs) and of everything that they call.
fn notebook_hash(notebook: &Path, library: &str) -> Result<String> {
    let json: serde_json::Value = serde_json::from_str(&read_text(notebook)?)
        .map_err(|error| Error::Lab(format!("{} is not a notebook: {error}", notebook.display())))?;
    let sources: Vec<&serde_json::Value> =
        json["cells"].as_array().into_iter().flatten().map(|cell| &cell["source"]).collect();
    let text = serde_json::to_string(&sources).map_err(|error| Error::Lab(error.to_string()))?;
    Ok(format!("{:x}", Sha256::digest(text + library)))
}

/// Hash of the library's source, the versions of its crates, and the preset.
fn library_hash(root: &Path, study: &Study) -> Result<String> {
    let mut files = Vec::new();
    for folder in ["src", "crates"] {
        list_rust_files(&root.join(folder), &mut files)?;
    }
    files.sort();
    files.push(root.join("Cargo.lock"));
    let mut hash = Sha256::new();
    for file in files {
        hash.update(read_bytes(&file)?);
    }
    hash.update(study.hash());
    Ok(format!("{:x}", hash.finalize()))
}

fn list_rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::file("list", folder))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            list_rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
