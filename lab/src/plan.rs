//! What a study will do, how long it takes here and what it needs, said before it begins.
//!
//! ```text
//! seconds = n_steps · (gradients + update) + n_evals · n_val_tokens · forward      each timed in a few real steps
//! memory  = 16·N + activations      bytes: weights, gradients and two moments in f32; measured, not computed
//! disk    = 12·N + 4·N · kept models      a cool-down keeps another 12·N, where it begins
//! ```

use crate::{Lab, Result};
use music_scaling::models::ModelConfig;
use music_scaling::study::{Rehearsal, Study};
use music_scaling::training::{Decay, Run, RunConfig, Runs, default_threads, device, free_memory_mb, with_threads};
use nets::words::{duration, flops, human};
use std::time::Instant;

/// Of one notebook beside its trainings: its kernel starts, its cells compile (a second and a half each), its figures are drawn.
const SECONDS_A_NOTEBOOK: f64 = 75.0;

/// A measured step costs at most about so many FLOPs, a quarter of a second on two cores: of larger models fewer sequences are
/// taken, at least one a core, then shorter ones. Rates per FLOP hardly differ.
const STEP_FLOPS: f64 = 50e9;
const STEP_FLOPS_OF_A_GPU: f64 = 20e12; // of smaller ones the launches are measured
const SHORTEST_BLOCK: usize = 64;

/// Steps are timed until they took so long together, after one that asks for memory the first time.
const MEASURED_S: f64 = 0.3;

/// The trainings of a study: which are done, and what the others cost.
#[derive(Debug, Clone)]
pub struct Plan {
    /// As they are trained.
    rows: Vec<Row>,
    /// Of the device's memory.
    free_mb: f64,
    is_quickest: bool,
}

#[derive(Debug, Clone)]
struct Row {
    config: RunConfig,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// What it took.
    Done(Cost),
    /// What it will take.
    Due(Cost),
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    seconds: f64,
    memory_mb: f64,
}

/// The model, the sequences of a step and of what is in memory at once, their length, and the bits of the dropout.
type Shape = (ModelConfig, [usize; 3], u64);

/// What one model takes on this machine, by its shape.
#[derive(Debug, Clone)]
struct Rate {
    of: Shape,
    /// Of a whole step.
    gradients_s: f64,
    update_s: f64,
    /// Of the validation of one token.
    forward_s: f64,
    memory_mb: f64,
}

impl Plan {
    /// Looks which runs exist, and times the models of the others for about half a second each. Prepares the corpus where that is
    /// not done.
    ///
    /// # Errors
    /// The corpus cannot be prepared, or the preset asks for a model that does not exist.
    pub fn of(study: &Study) -> Result<Plan> {
        Plan::of_runs(study, &study.runs()?, study.configs()?)
    }

    /// The same of these runs of a folder.
    ///
    /// # Errors
    /// As [`Plan::of`].
    pub fn of_runs(study: &Study, runs: &Runs, configs: Vec<RunConfig>) -> Result<Plan> {
        let n_val = study.data()?.val.len();
        let (mut rows, mut rates) = (Vec::new(), Vec::new());
        for config in configs {
            let state = match runs.find(&config)? {
                Some(Run { summary, .. }) => {
                    State::Done(Cost { seconds: summary.elapsed_s, memory_mb: summary.peak_rss_mb })
                }
                None => State::Due(Rate::among(&mut rates, &config)?.cost(&config, n_val)),
            };
            rows.push(Row { config, state });
        }
        Ok(Plan {
            rows,
            free_mb: free_memory_mb(&device()?).unwrap_or(f64::INFINITY),
            is_quickest: study.name() == "smoke",
        })
    }

    /// Those that are not finished.
    fn due(&self) -> impl Iterator<Item = (&RunConfig, Cost)> {
        self.rows.iter().filter_map(|row| match row.state {
            State::Due(cost) => Some((&row.config, cost)),
            State::Done(_) => None,
        })
    }

    /// One line a run, and what is due in all.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = vec![format!(
            "{:<34} {:>10} {:>7} {:>7} {:>11} {:>12} {:>9} {:>9}",
            "run", "parameters", "tokens", "steps", "FLOPs", "time here", "memory", "disk"
        )];
        for Row { config, state } in &self.rows {
            let (cost, is_done) = match state {
                State::Done(cost) => (cost, true),
                State::Due(cost) => (cost, false),
            };
            lines.push(format!(
                "{:<34} {:>10} {:>7} {:>7} {:>11} {:>12} {:>9} {:>9}{}",
                config.name,
                config.model.n_params(),
                human(config.n_tokens as f64),
                config.n_steps(),
                flops(config.flops()),
                duration(cost.seconds),
                megabytes(cost.memory_mb),
                megabytes(disk_mb(config)),
                if is_done { "  exists" } else { "" }
            ));
        }
        lines.push(self.to_string());
        lines.join("\n")
    }
}

impl Rate {
    /// That of the config's model, measured where none of its shape was.
    fn among<'a>(rates: &'a mut Vec<Rate>, config: &RunConfig) -> Result<&'a Rate> {
        let of = Rate::shape(config);
        let index = match rates.iter().position(|rate| rate.of == of) {
            Some(index) => index,
            None => {
                rates.push(with_threads(None, || Rate::measure(config))?);
                rates.len() - 1
            }
        };
        Ok(&rates[index])
    }

    fn shape(config: &RunConfig) -> Shape {
        let RunConfig { model, batch_size, micro_batch, block_size, dropout, .. } = config;
        (model.clone(), [*batch_size, micro_batch.unwrap_or(*batch_size), *block_size], dropout.to_bits())
    }

    fn measure(config: &RunConfig) -> music_scaling::Result<Rate> {
        let of = Rate::shape(config);
        let (model, [batch_size, at_once, block_size], _) = &of;
        let step_flops = |(b, t): (usize, usize)| (b * t) as f64 * model.flops_per_token(t);
        let (mut b, mut t) = (*at_once, *block_size);
        let most = if device()?.is_cpu() { STEP_FLOPS } else { STEP_FLOPS_OF_A_GPU };
        while step_flops((b, t)) > most && b > default_threads() {
            b = (b / 2).max(default_threads());
        }
        while step_flops((b, t)) > most && t / 2 >= SHORTEST_BLOCK {
            t /= 2;
        }
        let mut rehearsal = Rehearsal::new(model, b, t, config.dropout)?;
        rehearsal.step()?;
        let (began, mut steps) = (Instant::now(), Vec::new());
        while steps.is_empty() || began.elapsed().as_secs_f64() < MEASURED_S {
            steps.push(rehearsal.step()?);
        }
        // The median: the first steps still ask for memory, and another program may have had a core for one of them.
        steps.sort_by(|p, q| (p.0 + p.1).total_cmp(&(q.0 + q.1)));
        let (gradients_s, update_s) = steps[steps.len() / 2];
        let (first, forward_s) = (rehearsal.forward_s()?, rehearsal.forward_s()?);
        let scale = |n: usize| step_flops((n, *block_size)) / step_flops((b, t));
        let fixed_mb = 16.0 * model.n_params() as f64 / 1e6;
        Ok(Rate {
            gradients_s: gradients_s * scale(*batch_size),
            update_s,
            forward_s: first.min(forward_s) * scale(1) / *block_size as f64,
            memory_mb: fixed_mb + (rehearsal.peak_memory_mb() - fixed_mb).max(0.0) * scale(*at_once),
            of,
        })
    }

    fn cost(&self, config: &RunConfig, n_val: usize) -> Cost {
        let steps = config.n_steps() as f64 * (self.gradients_s + self.update_s);
        let evals = (config.milestones(config.n_evals.max(1)).len() * n_val) as f64 * self.forward_s;
        Cost { seconds: steps + evals, memory_mb: self.memory_mb }
    }
}

/// A state of three numbers a parameter, and the models kept on the way; the best and the last are mostly among those.
fn disk_mb(config: &RunConfig) -> f64 {
    let n_models = config.milestones(config.n_checkpoints).len().max(1);
    let of_states = if config.decay == Decay::Cosine { 12 } else { 24 };
    (of_states + 4 * n_models) as f64 * config.model.n_params() as f64 / 1e6
}

/// `950 MB`, `1.2 GB`
fn megabytes(mb: f64) -> String {
    if mb < 1000.0 { format!("{mb:.1} MB") } else { format!("{:.1} GB", mb / 1e3) }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let due: Vec<(&RunConfig, Cost)> = self.due().collect();
        let n_done = self.rows.len() - due.len();
        if due.is_empty() {
            return write!(f, "plan    train   nothing: all {n_done} runs exist");
        }
        let total: f64 = due.iter().map(|(config, _)| config.flops()).sum();
        write!(f, "plan    train   {} runs of {}, {n_done} exist: {}", due.len(), self.rows.len(), flops(total))?;
        let disk: f64 = due.iter().map(|(config, _)| disk_mb(config)).sum();
        let seconds: f64 = due.iter().map(|(_, cost)| cost.seconds).sum();
        let memory = due.iter().map(|(_, cost)| cost.memory_mb).fold(0.0, f64::max);
        write!(f, ", about {} here", duration(seconds))?;
        if let Some((longest, cost)) = due.iter().max_by(|(_, p), (_, q)| p.seconds.total_cmp(&q.seconds)) {
            write!(f, " ({} alone {})", longest.name, duration(cost.seconds))?;
        }
        write!(f, ", at most {} of memory, {} of disk", megabytes(memory), megabytes(disk))?;
        if seconds > 600.0 && !self.is_quickest {
            write!(f, "\n        quicker: --preset smoke, a few minutes in all")?;
        }
        match due.iter().find(|(_, cost)| cost.memory_mb > self.free_mb) {
            Some((config, cost)) => write!(f, "\n        {}", does_not_fit(config, cost.memory_mb, self.free_mb)),
            None => Ok(()),
        }
    }
}

/// What to do about a run that takes more memory than the device has.
fn does_not_fit(config: &RunConfig, memory_mb: f64, free_mb: f64) -> String {
    let RunConfig { name, model, batch_size, micro_batch, .. } = config;
    let fixed_mb = 16.0 * model.n_params() as f64 / 1e6;
    let a_sequence = (memory_mb - fixed_mb) / micro_batch.unwrap_or(*batch_size) as f64;
    let fit = ((free_mb - fixed_mb) / a_sequence).max(0.0) as usize;
    let remedy = match fit {
        0 => "not even one sequence fits".to_string(),
        fit => format!("micro_batch = {fit} in [training] takes the same steps in pieces that fit"),
    };
    format!("{name} takes {} of memory, the device has {} left: {remedy}", megabytes(memory_mb), megabytes(free_mb))
}

/// The lines about everything but the trainings: set-up steps that are due, and the notebooks.
#[must_use]
pub fn around_trainings(lab: &Lab, n_notebooks: usize) -> String {
    let mut lines: Vec<String> = lab
        .missing_steps()
        .iter()
        .map(|(step, minutes)| format!("plan    set up  {step}: about {}, once", duration(minutes * 60.0)))
        .collect();
    let time = duration(n_notebooks as f64 * SECONDS_A_NOTEBOOK);
    lines.push(format!("plan    run     {n_notebooks} notebooks: about {time} beside their trainings"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use music_scaling::data::{TokenData, Tokenizer};
    use music_scaling::models::LstmConfig;

    fn config(name: &str, n_tokens: u64) -> RunConfig {
        let model = ModelConfig::Lstm(LstmConfig { vocab_size: 8, n_layer: 1, d_embed: 8, d_hidden: 8 });
        let tokenizer = Tokenizer::from_text("\nABCDEFG").unwrap();
        let data = TokenData { dir: "".into(), tokenizer, train: vec![0; 99], val: vec![0; 99], test: vec![] };
        RunConfig { block_size: 16, batch_size: 4, ..RunConfig::new(name, &model, &data, n_tokens) }
    }

    #[test]
    fn a_plan_names_the_longest_run_and_a_quicker_preset() {
        let due = |seconds| State::Due(Cost { seconds, memory_mb: 1200.0 });
        let rows = vec![
            Row { config: config("xl", 6400), state: due(900.0) },
            Row { config: config("tiny", 640), state: due(100.0) },
            Row { config: config("old", 640), state: State::Done(Cost { seconds: 7.0, memory_mb: 3.0 }) },
        ];
        let plan = Plan { rows, free_mb: 1000.0, is_quickest: false };
        let text = plan.to_string();
        let too_large =
            "xl takes 1.2 GB of memory, the device has 1.0 GB left: micro_batch = 3 in [training] takes the same";
        assert!(text.contains(too_large), "{text}");
        assert!(text.contains("2 runs of 3, 1 exist: "), "{text}");
        assert!(text.contains("about 16 min 40 s here (xl alone 15 min 00 s), at most 1.2 GB of memory"), "{text}");
        assert!(text.contains("--preset smoke"), "{text}");
        let table = plan.table();
        let last_row = table.lines().nth(3).unwrap();
        assert!(last_row.starts_with("old ") && last_row.contains(" 10 ") && last_row.ends_with("exists"), "{table}");
    }

    #[test]
    fn a_model_is_timed_once_and_its_runs_cost_what_their_steps_and_validations_do() {
        let (mut rates, short, long) = (Vec::new(), config("short", 640), config("long", 6400));
        let costs = [&short, &long].map(|config| Rate::among(&mut rates, config).unwrap().cost(config, 99));
        assert_eq!(rates.len(), 1);
        let Rate { gradients_s, update_s, forward_s, .. } = rates[0];
        let by_hand = 100.0 * (gradients_s + update_s) + 10.0 * 99.0 * forward_s;
        assert!((costs[1].seconds / by_hand - 1.0).abs() < 1e-9 && costs[0].seconds > 0.0);
        let n_params = long.model.n_params() as f64;
        assert!((disk_mb(&long) - (12.0 + 4.0 * 10.0) * n_params / 1e6).abs() < 1e-12); // ten checkpoints
    }

    #[test]
    fn megabytes_become_gigabytes() {
        assert_eq!([0.31, 999.0, 1234.0].map(megabytes), ["0.3 MB", "999.0 MB", "1.2 GB"]);
    }
}
