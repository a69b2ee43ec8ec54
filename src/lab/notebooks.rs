//! Runs the seven notebooks through the real kernel, and opens JupyterLab.

use super::setup::{Lab, run};
use crate::files::{read_bytes, read_text, write_atomic};
use crate::study::Study;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The hash that each executed copy was made from: a notebook is executed again only when its hash changed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Executed {
    hashes: BTreeMap<String, String>,
}

/// Executes the notebooks of `study` in order, skipping those whose executed copy is current, then writes the report.
pub fn run_study(lab: &Lab, study: &Study, force: bool) -> Result<PathBuf> {
    let stamp_path = study.folder().join("executed.json");
    let mut executed: Executed =
        read_text(&stamp_path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let library = library_hash(&lab.root, study)?;
    let notebooks = notebooks(&lab.root)?;
    let mut copies = Vec::new();
    for notebook in &notebooks {
        let name = file_name(notebook);
        let copy = study.notebooks_folder().join(&name);
        let hash = notebook_hash(notebook, &library)?;
        if !force && executed.hashes.get(&name) == Some(&hash) && is_executed(&copy) {
            println!("{name}: up to date");
        } else {
            println!("{name}: running");
            let started = std::time::Instant::now();
            let mut runner = lab.python_command();
            runner.arg(lab.runner_script()).arg(notebook).arg(&copy).env("STUDY", study.preset_argument());
            run(runner, &format!("run {name} (the cell that failed is shown above)"))?;
            println!("{name}: done in {:.0} s", started.elapsed().as_secs_f64());
            executed.hashes.insert(name, hash);
            let text = serde_json::to_string_pretty(&executed).map_err(|error| Error::Lab(error.to_string()))?;
            write_atomic(&stamp_path, text + "\n")?;
        }
        copies.push(copy);
    }
    let report = study.figures_folder().join("report.html");
    let title = format!("Scaling laws for music language models: the {} study", study.name());
    let mut writer = lab.python_command();
    writer.arg(lab.report_script()).arg(title).arg(&report).args(&copies);
    run(writer, "write the HTML report")?;
    Ok(report)
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
    list_rust_files(&root.join("src"), &mut files)?;
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
