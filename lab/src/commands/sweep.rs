//! `sweep`: the trainings of a preset's table `[sweep]`.

use super::output::print_json;
use super::train::STOPPED_EARLY;
use lab::plan::Plan;
use lab::{Error, Lab, Result, slurm};
use music_scaling::models::Family;
use music_scaling::study::Study;
use music_scaling::training::{Run, default_threads, device_name, interrupted};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, absolute};
use std::process::{Child, Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct SweepOptions {
    /// The path of a .toml file with a table called sweep
    preset: String,
    /// Print the runs, and what each takes here: tokens, FLOPs, time, memory, disk; train nothing
    #[arg(long)]
    dry_run: bool,
    /// Print where each run stands, and the best of each size; train nothing
    #[arg(long, conflicts_with = "dry_run")]
    status: bool,
    /// With --status: as JSON
    #[arg(long, requires = "status")]
    json: bool,
    /// Train so many runs side by side on this machine
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Submit all runs as one Slurm array instead
    #[arg(long, conflicts_with_all = ["dry_run", "status", "jobs"])]
    slurm: bool,
    /// Train this run only, the first is 0; exit code 75 where a signal stopped it
    #[arg(long, conflicts_with_all = ["dry_run", "status", "jobs", "slurm"])]
    pub(crate) task: Option<usize>,
}

pub(crate) fn sweep(options: &SweepOptions) -> Result<ExitCode> {
    let study = Study::open(&options.preset)?;
    if let Some(task) = options.task {
        let run = study.train_sweep(task)?;
        println!("{run}");
        return Ok(if run.summary.finished { ExitCode::SUCCESS } else { ExitCode::from(STOPPED_EARLY) });
    }
    if options.dry_run {
        println!("{}", Plan::of_runs(&study, &study.sweep_runs()?, study.sweep_configs()?)?.table());
        return Ok(ExitCode::SUCCESS);
    }
    if options.slurm {
        println!("{}", submit(&study)?);
        return Ok(ExitCode::SUCCESS);
    }
    let failures = if options.status { Vec::new() } else { side_by_side(&study, options.jobs)? };
    let standing = Standing::of(&study)?;
    if options.json {
        print_json(&standing)?
    } else {
        println!("{standing}")
    }
    match failures.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        some => Err(Error::Config(format!("failed: {}", some.join(", ")))),
    }
}

/// This program's command for one task, but for the task's number.
fn command(study: &Study) -> Result<[String; 7]> {
    let program = std::env::current_exe().map_err(Error::file("find", "the running program"))?;
    let preset = match study.preset_argument() {
        file if file.ends_with(".toml") => absolute(file).map_err(Error::file("find", file))?,
        name => name.into(),
    };
    let text = |path: &Path| path.display().to_string();
    let words =
        [&text(&program), "--root", &text(&Lab::open()?.root), "--device", device_name(), "sweep", &text(&preset)];
    Ok(words.map(str::to_string))
}

fn submit(study: &Study) -> Result<String> {
    let (n_tasks, folder) = (study.sweep_configs()?.len(), study.sweep_runs()?.dir);
    let words = command(study)?.map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    let table = study.preset.sweep.clone().unwrap_or_default();
    let name = format!("music-scaling-{}", study.name());
    let said = slurm::submit(&slurm::script(&name, n_tasks, &folder, &(words.join(" ") + " --task"), &table.slurm))?;
    Ok(format!("{said}: {n_tasks} tasks, logs in {}; `sweep --status` shows where they stand", folder.display()))
}

/// Trains every task in a process of its own, `jobs` at a time. A failure of one does not end the others; the names of those that
/// failed.
fn side_by_side(study: &Study, jobs: usize) -> Result<Vec<String>> {
    let names: Vec<String> = study.sweep_configs()?.into_iter().map(|config| config.name).collect();
    let threads = (default_threads() / jobs.max(1)).max(1).to_string();
    let [program, words @ ..] = command(study)?;
    let start = |task: usize| {
        let mut child = Command::new(&program);
        child.args(&words).arg("--task").arg(task.to_string()).env("RAYON_NUM_THREADS", &threads);
        child.spawn().map_err(Error::file("start", &program))
    };
    let (mut next, mut running, mut failed) = (0, Vec::<(usize, Child)>::new(), Vec::new());
    while !running.is_empty() || (next < names.len() && !interrupted()) {
        while running.len() < jobs.max(1) && next < names.len() && !interrupted() {
            running.push((next, start(next)?));
            next += 1;
        }
        let mut still = Vec::new();
        for (task, mut child) in running {
            match child.try_wait().map_err(Error::file("wait for", &program))? {
                Some(status) if status.success() || status.code() == Some(i32::from(STOPPED_EARLY)) => {}
                Some(_) => failed.push(names[task].clone()),
                None => still.push((task, child)),
            }
        }
        running = still;
        if interrupted() {
            running.iter().for_each(|(_, child)| tell_to_stop(child));
        }
        sleep(Duration::from_millis(100));
    }
    Ok(failed)
}

/// Ctrl-C reaches the whole group, another signal this process alone; a child takes the first one only.
#[cfg(unix)]
fn tell_to_stop(child: &Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // SAFETY: kill() has no effect on memory; the child has not been waited for, so the number is still its own.
        unsafe { libc::kill(pid, libc::SIGUSR1) };
    }
}

#[cfg(not(unix))]
fn tell_to_stop(_: &Child) {}

/// Where each run of a sweep stands.
#[derive(Serialize)]
struct Standing {
    runs: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    task: usize,
    name: String,
    size: String,
    learning_rate: f64,
    seed: u64,
    step: usize,
    n_steps: usize,
    /// Nats per token on the validation split; none where the run is not finished.
    val_loss: Option<f64>,
}

impl Standing {
    fn of(study: &Study) -> Result<Standing> {
        let (runs, mut rows) = (study.sweep_runs()?, Vec::new());
        let ladders = [study.ladder(Family::Transformer)?, study.ladder(Family::Lstm)?];
        let sizes: Vec<String> = ladders.into_iter().flatten().map(|size| size.name).collect();
        for (task, config) in study.sweep_configs()?.into_iter().enumerate() {
            let found: Option<Run> = runs.find(&config).map_err(music_scaling::Error::from)?;
            let size = sizes.iter().filter(|size| config.name.starts_with(*size)).max_by_key(|size| size.len());
            rows.push(Row {
                task,
                size: size.cloned().unwrap_or_default(),
                learning_rate: config.learning_rate,
                seed: config.seed,
                step: runs.steps_of(&config).map_err(music_scaling::Error::from)?,
                n_steps: config.n_steps(),
                val_loss: found.map(|run| run.summary.val_loss),
                name: config.name,
            });
        }
        Ok(Standing { runs: rows })
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut best: BTreeMap<&str, &Row> = BTreeMap::new();
        for row in &self.runs {
            let Row { task, name, step, n_steps, val_loss, .. } = row;
            let state = match (val_loss, step) {
                (Some(loss), _) => format!("{loss:.4} nats per token"),
                (None, 0) => "waits".to_string(),
                (None, step) => format!("step {step} of {n_steps}"),
            };
            writeln!(f, "{task:>4}  {name:<60} {state}")?;
            let loss = |row: &Row| row.val_loss.unwrap_or(f64::INFINITY);
            let so_far = best.entry(&row.size).or_insert(row);
            if loss(row) < loss(so_far) {
                *so_far = row;
            }
        }
        for (size, row) in best {
            if let Some(loss) = row.val_loss {
                writeln!(f, "best  {size}: {} with {loss:.4}", row.name)?;
            }
        }
        let n_done = self.runs.iter().filter(|row| row.val_loss.is_some()).count();
        write!(f, "{n_done} of {} runs are finished", self.runs.len())
    }
}
