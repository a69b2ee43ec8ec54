//! Where the project lies, found when the program runs: a moved or copied checkout works on itself.

use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Names the project's folder, before any search.
pub const ROOT_VARIABLE: &str = "MUSIC_SCALING_ROOT";
/// Names the folder for corpora and studies where it is not `data/` in the project: another disk, say.
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

/// Where corpora and studies lie: what [`DATA_VARIABLE`] names, else `data/` in the project.
pub fn data_folder(root: &Path) -> PathBuf {
    std::env::var_os(DATA_VARIABLE).map_or_else(|| root.join("data"), |folder| root.join(folder))
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
}
