//! `results.json`: every number that a report quotes, with the run it came from.

use super::Study;
use crate::files::{read_text, write_atomic};
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};

impl Study {
    /// Writes `value` under `key` into `results.json`; what other cells recorded stays.
    pub fn record(&self, key: &str, value: &impl Serialize) -> Result<()> {
        let path = self.results_path();
        let _alone = self.lock_results()?;
        let mut results = read_results(&path)?;
        results.insert(key.to_owned(), serde_json::to_value(value).map_err(|error| not_json(&path, &error))?);
        results.insert("study".into(), json!(self.name()));
        let text = serde_json::to_string_pretty(&results).map_err(|error| not_json(&path, &error))?;
        Ok(write_atomic(path, text + "\n")?)
    }

    /// What was recorded under `key`, if anything was.
    pub fn recorded<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let path = self.results_path();
        let value = read_results(&path)?.remove(key);
        value.map(|value| serde_json::from_value(value).map_err(|error| not_json(&path, &error))).transpose()
    }

    /// Two notebooks may record at the same time: whoever holds this file's lock reads, changes and writes alone.
    pub(super) fn lock_results(&self) -> Result<File> {
        let folder = self.folder();
        std::fs::create_dir_all(&folder).map_err(Error::file("create the folder", &folder))?;
        let path = folder.join("results.lock");
        let file = File::create(&path).map_err(Error::file("write", &path))?;
        file.lock().map_err(Error::file("lock", &path))?;
        Ok(file)
    }

    fn results_path(&self) -> PathBuf {
        self.results_folder().join("results.json")
    }
}

fn read_results(path: &Path) -> Result<Map<String, Value>> {
    if !path.exists() {
        return Ok(Map::new());
    }
    serde_json::from_str(&read_text(path)?).map_err(|error| not_json(path, &error))
}

fn not_json(path: &Path, error: &serde_json::Error) -> Error {
    Error::Config(format!("{} is damaged ({error}): delete it, and the study writes it again", path.display()))
}
