//! `runs`: the finished runs of any folders, of this machine or copied from others, as one table.

use super::output::print_json;
use lab::{Error, Result};
use music_scaling::models::Family;
use music_scaling::training::{Run, Runs};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct RunsOptions {
    /// Folders that hold runs, or studies
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Of each shape and budget only the run of the lowest loss: what `fit` should see of a sweep
    #[arg(long)]
    best: bool,
    /// CSV, which `fit` reads
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    run: String,
    hash: String,
    family: Family,
    n_params: usize,
    n_params_non_embedding: usize,
    n_tokens: u64,
    flops: f64,
    /// Nats per token over the validation split, at the end.
    val_loss: f64,
    learning_rate: f64,
    seed: u64,
    elapsed_s: f64,
    device: String,
}

pub(crate) fn runs(options: &RunsOptions) -> Result<()> {
    let (mut rows, mut known) = (Vec::new(), BTreeSet::new());
    for folder in options.folders.iter().flat_map(|folder| holders(folder)) {
        for run in Runs::open(&folder).and_then(|runs| runs.all()).map_err(music_scaling::Error::from)? {
            let row = Row::of(run);
            if known.insert(row.hash.clone()) {
                rows.push(row); // a copy of one that was listed is the same run
            }
        }
    }
    if rows.is_empty() {
        let names: Vec<String> = options.folders.iter().map(|folder| folder.display().to_string()).collect();
        return Err(Error::Config(format!("no finished run in {}", names.join(", "))));
    }
    let key = |row: &Row| (row.family as u8, row.n_params, row.n_tokens);
    rows.sort_by(|a, b| key(a).cmp(&key(b)).then(a.val_loss.total_cmp(&b.val_loss)));
    if options.best {
        rows.dedup_by_key(|row| key(row));
    }
    if options.json {
        return print_json(&rows);
    }
    if !options.csv {
        rows.iter().for_each(|row| println!("{row}"));
        return Ok(());
    }
    let mut writer = csv::Writer::from_writer(std::io::stdout());
    let written = rows.iter().try_for_each(|row| writer.serialize(row)).and_then(|()| Ok(writer.flush()?));
    written.map_err(|error| Error::Config(format!("cannot write CSV: {error}")))
}

/// The folder itself, or the `runs`, `sweep` and `rates` of a study.
fn holders(folder: &Path) -> Vec<PathBuf> {
    let of_study = ["runs", "sweep", "rates"].map(|name| folder.join(name));
    let found: Vec<PathBuf> = of_study.into_iter().filter(|folder| folder.is_dir()).collect();
    match found.is_empty() {
        true if folder.is_dir() => vec![folder.to_path_buf()],
        _ => found,
    }
}

impl Row {
    fn of(run: Run) -> Row {
        let Run { config, summary, .. } = run;
        Row {
            hash: config.hash(),
            family: config.model.family(),
            n_params: summary.n_params,
            n_params_non_embedding: summary.n_params_non_embedding,
            n_tokens: summary.n_tokens,
            flops: summary.flops,
            val_loss: summary.val_loss,
            learning_rate: config.learning_rate,
            seed: config.seed,
            elapsed_s: summary.elapsed_s,
            device: summary.device,
            run: config.name,
        }
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Row { run, n_params, n_tokens, val_loss, learning_rate, seed, .. } = self;
        write!(f, "{run:<60} {n_params:>11} {n_tokens:>12} {val_loss:.4}  rate {learning_rate:.1e}  seed {seed}")
    }
}
