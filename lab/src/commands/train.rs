//! `train`: the models of a study.

use super::output::{json_line, keep_stdout_for};
use lab::plan::Plan;
use lab::{Error, Result};
use music_scaling::messages::say;
use music_scaling::models::Family;
use music_scaling::study::Study;
use music_scaling::training::{Run, RunConfig, Summary, interrupted};
use serde::Serialize;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct TrainOptions {
    /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
    #[arg(long, default_value = "laptop")]
    preset: String,
    /// The name of one size, such as laptop-transformer-small; without it, all of them
    #[arg(long)]
    size: Option<String>,
    /// First weights for this size instead of drawn ones: a finished run of the study, or a file such as nanoGPT's ckpt.pt
    #[arg(long, value_name = "RUN|FILE", requires = "size")]
    init_from: Option<String>,
    /// Instead, the repeats from other seeds that the preset asks for
    #[arg(long, conflicts_with = "size")]
    repeats: bool,
    /// Instead, the Transformers at equal FLOPs that the preset asks for
    #[arg(long, conflicts_with_all = ["size", "repeats"])]
    isoflop: bool,
    /// Instead, the largest models for the longer budget of the preset
    #[arg(long, conflicts_with_all = ["size", "repeats", "isoflop"])]
    longer: bool,
    /// One JSON object a run on stdout and nothing else there; progress goes to stderr
    #[arg(long)]
    json: bool,
}

/// What `--json` says of a run.
#[derive(Serialize)]
struct Trained<'a> {
    run: &'a str,
    family: Family,
    /// The run is known by it.
    hash: String,
    data_hash: &'a str,
    seed: u64,
    learning_rate: f64,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// The exit code where a STOP file ended a training: the next call goes on (sysexits.h calls it a temporary failure).
pub(super) const STOPPED_EARLY: u8 = 75;

pub(crate) fn train(options: &TrainOptions) -> Result<ExitCode> {
    let TrainOptions { preset, size, init_from, repeats, isoflop, longer, json } = options;
    keep_stdout_for(*json);
    let study = Study::open(preset)?;
    let configs = configs(&study, options)?;
    if !json && !configs.is_empty() {
        println!("{}", Plan::of_runs(&study, &study.runs()?, configs)?);
    }
    let (runs, failures) = match size {
        Some(name) => {
            let run =
                init_from.as_ref().map_or_else(|| study.train_size(name), |from| study.train_size_from(name, from));
            (vec![run?], Vec::new())
        }
        None if *isoflop => (study.train_isoflop()?, Vec::new()),
        None if *longer => (study.train_longer()?, Vec::new()),
        None => both_families(&study, *repeats)?,
    };
    for run in &runs {
        if *json {
            println!("{}", json_line(&trained(run))?);
        } else {
            println!("{run}");
        }
    }
    if !failures.is_empty() {
        return Err(Error::Config(failures.join("; ")));
    }
    let finished = runs.iter().all(|run| run.summary.finished);
    if finished && !repeats && !isoflop {
        for family in Family::ALL {
            let of_family: Vec<Run> = runs.iter().filter(|run| run.config.model.family() == family).cloned().collect();
            study.validation_error(&of_family)?.into_iter().for_each(say);
        }
    }
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::from(STOPPED_EARLY) })
}

/// What is asked for; nothing where a size is unknown, which its training will say.
fn configs(study: &Study, options: &TrainOptions) -> Result<Vec<RunConfig>> {
    let mut configs = Vec::new();
    match &options.size {
        Some(name) => configs.extend(study.configs()?.into_iter().filter(|config| config.name == *name)),
        None if options.isoflop => configs = study.isoflop_configs()?,
        None if options.longer => configs = study.longer_configs()?,
        None => {
            for family in Family::ALL {
                let all = if options.repeats { study.repeat_configs(family) } else { study.ladder_configs(family) };
                configs.extend(all?);
            }
        }
    }
    Ok(configs)
}

/// The runs of both families, and what failed: a failure in one does not keep the other from its training, a stop does.
fn both_families(study: &Study, repeats: bool) -> Result<(Vec<Run>, Vec<String>)> {
    let (mut runs, mut failures): (Vec<Run>, Vec<String>) = (Vec::new(), Vec::new());
    for family in Family::ALL {
        if interrupted() || runs.last().is_some_and(|run| !run.summary.finished) {
            break;
        }
        let trained = if repeats { study.train_repeats(family) } else { study.train(family) };
        match trained {
            Ok(trained) => runs.extend(trained),
            Err(error) => {
                failures.push(error.to_string());
                runs.extend(if repeats { study.repeats(family)? } else { finished(study, family)? });
            }
        }
    }
    Ok((runs, failures))
}

fn finished(study: &Study, family: Family) -> Result<Vec<Run>> {
    let (data, kept) = (study.data()?, study.runs()?);
    let mut runs = Vec::new();
    for size in study.ladder(family)? {
        runs.extend(kept.find(&study.run_config(&size, &data)).map_err(music_scaling::Error::from)?);
    }
    Ok(runs)
}

fn trained(run: &Run) -> Trained<'_> {
    let config = &run.config;
    Trained {
        run: &config.name,
        family: config.model.family(),
        hash: config.hash(),
        data_hash: &config.data_hash,
        seed: config.seed,
        learning_rate: config.learning_rate,
        summary: &run.summary,
    }
}
