//! Where the project lies, found when the program runs: a moved or copied checkout works on itself.

use crate::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Names the project's folder, before any search.
pub const ROOT_VARIABLE: &str = "MUSIC_SCALING_ROOT";
/// Names the folder that one person's kernels, corpora, studies, notebooks and live figures go to: see [`home`].
pub const HOME_VARIABLE: &str = "MUSIC_SCALING_HOME";
/// Names the folder for corpora and studies where it is not `data/` in [`home`]: another disk, say.
pub const DATA_VARIABLE: &str = "MUSIC_SCALING_DATA";

static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// Names the project's folder for this process, before the variable: the command line's `--root`. The first call counts.
pub fn use_root(folder: PathBuf) {
    let _ = NAMED.set(folder);
}

/// The project's folder: what [`use_root`] or [`ROOT_VARIABLE`] names, else the nearest folder above the current one that holds the project.
///
/// # Errors
/// Where neither leads to a folder with the project's Cargo.toml and notebooks; the sentence says what to do.
pub fn find_root() -> Result<PathBuf> {
    let variable = || std::env::var_os(ROOT_VARIABLE).map(PathBuf::from);
    let named = NAMED.get().map(|folder| (folder.clone(), "--root"));
    if let Some((named, by)) = named.or_else(|| Some((variable()?, ROOT_VARIABLE))) {
        let folder = named.canonicalize().map_err(Error::file("open the project's folder", &named))?;
        return if holds_project(&folder) { Ok(folder) } else { Err(not_a_project(&folder, by)) };
    }
    let current = std::env::current_dir().map_err(Error::file("open", "the current folder"))?;
    let found = current.ancestors().find(|folder| holds_project(folder)).map(Path::to_path_buf);
    found.ok_or_else(|| not_a_project(&current, "the current folder"))
}

/// Where this user writes: what [`HOME_VARIABLE`] names; else the project's own folder, or `~/music-scaling` where that belongs to
/// somebody else: many may share one checkout that none of them can change.
pub fn home(root: &Path) -> PathBuf {
    let is_read_only = || {
        let opened = std::fs::File::options().append(true).open(root.join("Cargo.toml"));
        opened.is_err_and(|error| matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem))
    };
    match (std::env::var_os(HOME_VARIABLE), std::env::home_dir()) {
        (Some(named), _) => root.join(named),
        (None, Some(home)) if is_read_only() => home.join("music-scaling"),
        (None, _) => root.to_owned(),
    }
}

/// Where corpora and studies lie: what [`DATA_VARIABLE`] names, else `data/` in [`home`].
pub fn data_folder(root: &Path) -> PathBuf {
    std::env::var_os(DATA_VARIABLE).map_or_else(|| home(root).join("data"), |folder| root.join(folder))
}

/// Shows a user of a shared checkout what is finished in its `data/`, as links in their own: corpora, downloads, runs. What is
/// their own already stays.
///
/// # Errors
/// The user's folder cannot be written.
pub(super) fn link_finished(root: &Path) -> Result<()> {
    if home(root) == root { Ok(()) } else { link_below(&root.join("data"), &data_folder(root)) }
}

fn link_below(shared: &Path, own: &Path) -> Result<()> {
    for entry in std::fs::read_dir(shared).into_iter().flatten().flatten() {
        let (from, to) = (entry.path(), own.join(entry.file_name()));
        let is_download = shared.ends_with("downloads") && from.extension().is_some_and(|kind| kind != "part");
        if is_download || ["corpus.json", "summary.json"].iter().any(|mark| from.join(mark).is_file()) {
            std::fs::create_dir_all(own).map_err(Error::file("create the folder", own))?;
            match std::os::unix::fs::symlink(&from, &to) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::file("make the link", to)(error));
                }
                _ => {}
            }
        } else if from.is_dir() {
            link_below(&from, &to)?;
        }
    }
    Ok(())
}

fn holds_project(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    folder.join("notebooks").is_dir() && manifest.contains("name = \"music-scaling\"")
}

fn not_a_project(folder: &Path, named_by: &str) -> Error {
    Error::Config(format!(
        "{} ({named_by}) is not in a checkout of music-scaling: go into one, or name it with --root or {ROOT_VARIABLE}",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_a_folder_below_it() {
        let root = find_root().unwrap(); // cargo test starts in the package's folder
        assert!(root.join("notebooks/01_data.ipynb").exists(), "{}", root.display());
        assert!(not_a_project(Path::new("/x"), "the current folder").to_string().contains(ROOT_VARIABLE));
    }

    #[test]
    fn finished_corpora_and_runs_are_shared_and_unfinished_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (shared, own) = (folder.path().join("shared"), folder.path().join("own"));
        let files = [
            "folk/corpus.json",
            "half/.lock",
            "downloads/a.whl",
            "downloads/b.whl.part",
            "studies/smoke/results/results.json",
            "studies/smoke/runs/done/summary.json",
            "studies/smoke/runs/begun/config.json",
        ];
        for file in files {
            crate::files::write_atomic(shared.join(file), "theirs").unwrap();
        }
        crate::files::write_atomic(own.join("downloads/a.whl"), "mine").unwrap();
        for _ in 0..2 {
            link_below(&shared, &own).unwrap(); // again finds everything done
        }
        let found: Vec<bool> = files.iter().map(|file| own.join(file).exists()).collect();
        assert_eq!(found, [true, false, true, false, false, true, false]);
        assert_eq!(crate::files::read_text(own.join("downloads/a.whl")).unwrap(), "mine");
    }
}
