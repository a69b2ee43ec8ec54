//! `train`: the models of a study.

use super::output::{json_line, keep_stdout_for};
use lab::Result;
use music_scaling::messages::say;
use music_scaling::models::Family;
use music_scaling::study::Study;
use music_scaling::training::Run;

/// Whether all runs came to their end.
pub(crate) fn train(
    study: &Study,
    size: Option<&str>,
    [repeats, isoflop, longer]: [bool; 3],
    json: bool,
) -> Result<bool> {
    keep_stdout_for(json);
    if (repeats || isoflop) && !json {
        println!("{}", study.extra_cost()?);
    }
    let runs = match size {
        Some(name) => vec![study.train_size(name)?],
        None if repeats => [study.train_repeats(Family::Transformer)?, study.train_repeats(Family::Lstm)?].concat(),
        None if isoflop => study.train_isoflop()?,
        None if longer => study.train_longer()?,
        None => [study.train(Family::Transformer)?, study.train(Family::Lstm)?].concat(),
    };
    for run in &runs {
        if json {
            println!("{}", json_line(&run.summary)?);
        } else {
            println!("{run}");
        }
    }
    let is_finished = runs.iter().all(|run| run.summary.finished);
    if is_finished && !repeats && !isoflop {
        for family in Family::ALL {
            let of_family: Vec<Run> = runs.iter().filter(|run| run.config.model.family() == family).cloned().collect();
            study.validation_error(&of_family)?.into_iter().for_each(say);
        }
    }
    Ok(is_finished)
}
