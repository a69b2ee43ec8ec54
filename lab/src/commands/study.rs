//! `study` runs everything, `plan` says what that takes, `lab` opens JupyterLab.

use lab::notebooks::stale_notebooks;
use lab::plan::{self, Plan};
use lab::{Lab, Result, open_jupyter, run_study};
use music_scaling::figures::save_numbers;
use music_scaling::study::Study;

pub(crate) fn study(preset: &str, force: bool, extra: bool, publish: bool) -> Result<()> {
    let started = std::time::Instant::now();
    let study = Study::open(preset)?;
    println!("{study}");
    let lab = Lab::open()?;
    lab.check()?;
    println!("{}", plan::around_trainings(&lab, stale_notebooks(&lab, &study, force, extra)?));
    println!("{}", Plan::of(&study)?);
    lab.set_up()?;
    let report = run_study(&lab, &study, force, extra)?;
    println!("notebooks  {}", study.notebooks_folder().display());
    println!("figures    {}", study.figures_folder().display());
    let results = study.results_folder().join("results.json");
    println!("results    {}", results.display());
    println!("for LaTeX  {}", save_numbers(&results)?.display());
    println!("report     {}", report.display());
    if publish {
        lab::notebooks::publish(&lab, &study)?;
    }
    println!("finished in {:.1} minutes", started.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

/// What the study would train, and what that costs here.
pub(crate) fn plan(preset: &str) -> Result<()> {
    let study = Study::open(preset)?;
    println!("{study}\n{}", Plan::of(&study)?.table());
    Ok(())
}

pub(crate) fn lab(preset: &str, arguments: &[String]) -> Result<()> {
    let study = Study::open(preset)?; // an unknown preset is an error now, not in the first cell
    let lab = Lab::open()?;
    lab.check()?;
    lab.set_up()?;
    open_jupyter(&lab, study.preset_argument(), arguments)
}

pub(crate) fn share_kernel(is_shared: bool) -> Result<()> {
    let lab = Lab::open()?;
    lab.set_up()?;
    lab.share_kernelspec(is_shared)
}
