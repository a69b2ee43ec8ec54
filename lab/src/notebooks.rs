//! Runs the seven notebooks through the real kernel, and opens JupyterLab.

use super::setup::{Lab, run};
use crate::{Error, Result};
use music_scaling::files::{Lock, read_json, read_text, write_atomic, write_json};
use music_scaling::study::Study;
use music_scaling::training::{device_name, interrupted};
use nets::words::duration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// In the study's folder.
const STAMP: &str = "executed.json";

/// The hash of what each copy of a notebook was made from.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Executed {
    hashes: BTreeMap<String, String>,
}

/// Executes the notebooks of `study` in order, skipping those whose executed copy is current, then writes the report. One kernel
/// at a time: the start of another would slow down a training that is timed. With `extra` also those without a number, which the
/// report leaves out: solutions and the game.
///
/// # Errors
/// A notebook that fails, with its failing cell shown before; a signal; files that cannot be written.
pub fn run_study(lab: &Lab, study: &Study, force: bool, extra: bool) -> Result<PathBuf> {
    let stamp_path = study.folder().join(STAMP);
    let mut executed: Executed = read_json(&stamp_path, "remove it").unwrap_or_default();
    let mut copies = Vec::new();
    for Task { notebook, name, copy, hash, is_current } in tasks(lab, study, extra)? {
        if is_numbered(&notebook) {
            copies.push(copy.clone());
        }
        if is_current && !force {
            println!("{name}: up to date");
            continue;
        }
        println!("{name}: running");
        let started = Instant::now();
        execute(lab, study, &notebook, &copy)?;
        println!("{name}: done in {}", duration(started.elapsed().as_secs_f64()));
        executed.hashes.insert(name, hash);
        write_json(&stamp_path, &executed)?;
    }
    let report = study.figures_folder().join("report.html");
    let title = format!("Scaling laws for music language models: the {} study", study.name());
    let mut writer = lab.python_command();
    writer.arg(lab.report_script()).arg("--results").arg(study.results_folder().join("results.json"));
    writer.arg(title).arg(&report).args(&copies);
    run(writer, "write the HTML report")?;
    Ok(report)
}

/// Copies what a study has made to where it is committed: its records to `data/results/<name>/`; of `laptop`, the study that the
/// README tells of, also the executed notebooks to `notebooks/`, the figures to `figures/`, tunes and pages to `samples/`. Call it after [`run_study`].
///
/// # Errors
/// A file cannot be read or written.
pub fn publish(lab: &Lab, study: &Study) -> Result<()> {
    let committed = study.committed_results_folder();
    let mut folders = vec![(study.results_folder().to_owned(), committed.clone())];
    if study.name() == "laptop" {
        folders.push((study.notebooks_folder(), lab.root.join("notebooks")));
        folders.push((study.figures_folder(), lab.root.join("figures")));
        folders.push((study.samples_folder(), committed.join("samples")));
    }
    for (from, to) in folders {
        std::fs::create_dir_all(&to).map_err(Error::file("create the folder", &to))?;
        for entry in std::fs::read_dir(&from).map_err(Error::file("list", &from))?.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let is_a_by_product = ["failed.ipynb", "report.html", ".lock", ".mid", "metadata.json", "numbers.tex"]
                .iter()
                .any(|end| file_name(&path).ends_with(end));
            if path.is_file() && !is_a_by_product {
                std::fs::copy(&path, to.join(&name)).map_err(Error::file("copy", &path))?;
            }
        }
        println!("published  {}", to.display());
    }
    Ok(())
}

/// Copies the notebooks to a folder that git does not see, `notebooks/mine/`, for a person to work in. A copy that was changed
/// there is kept; one that was not follows the notebook that it was made from.
///
/// # Errors
/// A file cannot be read or written.
pub fn own_copies(lab: &Lab) -> Result<PathBuf> {
    let folder = lab.home().join("notebooks/mine");
    let stamp = folder.join(".copied.json");
    let mut copied: Executed = read_json(&stamp, "remove it").unwrap_or_default();
    for notebook in notebooks(&lab.root)? {
        let (name, hash) = (file_name(&notebook), notebook_hash(&notebook, "")?);
        let copy = folder.join(&name);
        let before = copied.hashes.get(&name);
        if before == Some(&hash) && copy.exists() {
            continue;
        }
        if copy.exists() && notebook_hash(&copy, "").ok().as_ref() != before {
            println!("{} was changed by you and is kept; without it, the next call copies the new one", copy.display());
            continue;
        }
        write_atomic(&copy, read_text(&notebook)?)?;
        copied.hashes.insert(name, hash);
    }
    write_json(&stamp, &copied)?;
    Ok(folder)
}

/// One notebook of a study.
struct Task {
    notebook: PathBuf,
    name: String,
    copy: PathBuf,
    hash: String,
    is_current: bool,
}

fn tasks(lab: &Lab, study: &Study, extra: bool) -> Result<Vec<Task>> {
    let executed: Executed = read_json(study.folder().join(STAMP), "remove it").unwrap_or_default();
    let library = library_hash(&lab.root, study)?;
    let task = |notebook: PathBuf| {
        let (name, hash) = (file_name(&notebook), notebook_hash(&notebook, &library)?);
        let copy = study.notebooks_folder().join(&name);
        let is_current = executed.hashes.get(&name) == Some(&hash) && is_executed(&copy);
        Ok(Task { notebook, name, copy, hash, is_current })
    };
    notebooks(&lab.root)?.into_iter().filter(|notebook| extra || is_numbered(notebook)).map(task).collect()
}

/// How many notebooks [`run_study`] would execute.
///
/// # Errors
/// A notebook, or a source file of the library, cannot be read.
pub fn stale_notebooks(lab: &Lab, study: &Study, force: bool, extra: bool) -> Result<usize> {
    Ok(tasks(lab, study, extra)?.iter().filter(|task| force || !task.is_current).count())
}

/// Executes one notebook into `copy`. Ctrl-C and SIGTERM, seen by [`interrupted`], let a training in it save before all ends.
///
/// # Errors
/// A cell that fails; a signal; a runner that does not start.
pub fn execute(lab: &Lab, study: &Study, notebook: &Path, copy: &Path) -> Result<()> {
    let name = file_name(notebook);
    let mut command = lab.python_command();
    command
        .arg(lab.runner_script())
        .arg(notebook)
        .arg(copy)
        .env("STUDY", absolute(study.preset_argument())?)
        .env("DEVICE", device_name());
    // Its stdin is a leash: when it ends, with this program or before, the runner ends its kernel and itself.
    command.stdin(Stdio::piped());
    #[cfg(unix)] // in a group of its own: Ctrl-C in a terminal comes to this program alone, which passes it on
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let cannot =
        |what: String| Error::Lab(format!("could not run {name} (the cell that failed is shown above): {what}"));
    let mut runner = command.spawn().map_err(|error| cannot(error.to_string()))?;
    loop {
        match runner.try_wait().map_err(|error| cannot(error.to_string()))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(cannot(format!("the command ended with {status}"))),
            None if interrupted() => {
                save_trainings(&study.folder().join("runs"));
                drop(runner.stdin.take());
                let _ = runner.wait();
                return Err(Error::Lab(format!("{name} was broken off")));
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Asks every training at work to stop, by the file that it looks for after each step, and waits until it has saved.
fn save_trainings(runs: &Path) {
    for folder in std::fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let (lock, stop) = (folder.join(".lock"), folder.join("STOP"));
        let at_work = || lock.exists() && matches!(Lock::try_take(&lock), Ok(None));
        if at_work() && !folder.join("summary.json").exists() && std::fs::write(&stop, "").is_ok() {
            println!("{} saves its state …", folder.file_name().unwrap_or_default().to_string_lossy());
            while at_work() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Opens JupyterLab with the kernel ready; stays until it is closed. `arguments` go to JupyterLab as they are.
///
/// # Errors
/// JupyterLab does not start, or fails.
pub fn open_jupyter(lab: &Lab, preset: &str, arguments: &[String]) -> Result<()> {
    let mut command = lab.python_command();
    let first = own_copies(lab)?.join("01_data.ipynb");
    let first = first.strip_prefix(lab.home()).unwrap_or(&first).display().to_string();
    // The folder above is the root, so that pages find figures/live/ while a model trains.
    command.args(["-m", "jupyterlab", "--allow-root", &format!("--LabApp.default_url=/lab/tree/{first}")]);
    command
        .arg(format!("--ServerApp.root_dir={}", lab.home().display()))
        .args(arguments)
        .env("STUDY", absolute(preset)?)
        .env("DEVICE", device_name());
    run(command, "run JupyterLab")
}

/// A preset's path for a process with another current folder; a built-in name as it is.
fn absolute(preset: &str) -> Result<PathBuf> {
    if preset.ends_with(".toml") {
        std::path::absolute(preset).map_err(Error::file("find", preset))
    } else {
        Ok(preset.into())
    }
}

/// `notebooks/*.ipynb`, the numbered ones first and in order.
fn notebooks(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join("notebooks");
    let entries = std::fs::read_dir(&folder).map_err(Error::file("list", &folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = file_name(path);
        name.ends_with(".ipynb") && !name.ends_with(".failed.ipynb")
    });
    paths.sort();
    if paths.is_empty() { Err(Error::Lab(format!("{} holds no notebooks", folder.display()))) } else { Ok(paths) }
}

/// One of the seven that a study consists of.
fn is_numbered(notebook: &Path) -> bool {
    file_name(notebook).starts_with(|c: char| c.is_ascii_digit())
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

/// Hash of the library's code, the versions of its crates, and the preset.
fn library_hash(root: &Path, study: &Study) -> Result<String> {
    let mut files = Vec::new();
    for folder in ["src", "crates"] {
        list_rust_files(&root.join(folder), &mut files)?;
    }
    files.sort();
    files.push(root.join("Cargo.lock"));
    let mut hash = Sha256::new();
    for file in files {
        hash.update(code(&read_text(&file)?));
    }
    hash.update(study.hash());
    Ok(format!("{:x}", hash.finalize()))
}

/// A source file without comments and without its tests, which stand last: these change nothing that a notebook shows.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    source.lines().filter(|line| !line.trim_start().starts_with("//")).collect()
}

fn list_rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::file("list", folder))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            list_rust_files(&path, files)?;
        } else if file_name(&path).ends_with(".rs") && !file_name(&path).ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_leave_notebooks_current() {
        let before = "fn n() -> u32 {\n    3\n}\n";
        let after = "/// Three.\nfn n() -> u32 {\n    // said once\n    3\n}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(code(before), code(after));
        assert_ne!(code(before), code("fn n() -> u32 {\n    4\n}\n"));
    }
}
