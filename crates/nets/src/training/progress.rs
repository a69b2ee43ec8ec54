//! What a long training shows: its estimate first, then now and then one line, and a hook that draws a live figure.
//!
//! Lines go to stdout, one at a time: a notebook streams them, and neither it nor a log knows `\r`.

use super::metrics::{train_curve, val_curve};
use super::{Metric, RunConfig};
use crate::messages::say;
use crate::words::{self, duration, human};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Called about once a second while a run trains, for instance to rewrite `figures/live/<name>.svg`.
pub type LiveHook = Arc<dyn Fn(&LiveRun) + Send + Sync>;

/// What a live figure shows.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRun {
    /// The run's name.
    pub name: String,
    /// Steps taken.
    pub step: usize,
    /// Steps in all.
    pub n_steps: usize,
    /// The lines of `metrics.jsonl` so far.
    pub metrics: Vec<Metric>,
    /// Training speed of this call.
    pub tokens_per_s: f64,
    /// Time spent on this run, all calls together.
    pub elapsed_s: f64,
    /// Time left, validations included.
    pub remaining_s: f64,
}

impl LiveRun {
    /// (tokens trained on, training loss) at each metrics line so far.
    pub fn train_curve(&self) -> Vec<(f64, f64)> {
        train_curve(&self.metrics)
    }

    /// (tokens trained on, validation loss) at each validation so far.
    pub fn val_curve(&self) -> Vec<(f64, f64)> {
        val_curve(&self.metrics)
    }
}

const FIRST_ESTIMATE: Duration = Duration::from_millis(1500); // a few steps of the larger sizes
const HOOK_EVERY: Duration = Duration::from_secs(1); // as often as the notebook's image asks for the file
const LINE_EVERY: Duration = Duration::from_secs(5);
const LINES_AT_MOST: u32 = 60; // a long run's lines grow rarer, so that its cell stays readable
const BAR_WIDTH: usize = 20;

/// The printing side of one call of training.
pub(super) struct Progress {
    config: RunConfig,
    quiet: bool,
    hook: Option<LiveHook>,
    began: Instant,
    last_line: Instant,
    last_hook: Option<Instant>,
    estimated: bool,
    /// Steps of this call; the time of the first, and of the others together.
    steps: usize,
    first_step: Duration,
    stepping: Duration,
}

/// The run at the moment of a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub step: usize,
    pub loss: f64,
    pub elapsed_s: f64,
    /// Validations still to come, and the tokens of each.
    pub evals_left: usize,
    pub val_tokens: usize,
}

impl Progress {
    pub(super) fn new(config: &RunConfig, quiet: bool, hook: Option<LiveHook>) -> Self {
        let now = Instant::now();
        Progress {
            config: config.clone(),
            quiet,
            hook,
            began: now,
            last_line: now,
            last_hook: None,
            estimated: false,
            steps: 0,
            first_step: Duration::ZERO,
            stepping: Duration::ZERO,
        }
    }

    /// The estimate that stands before anything is computed: tokens, steps, FLOPs.
    pub(super) fn announce(&self, device: &str, step: usize) {
        let config = &self.config;
        let from = if step > 0 { format!(", resumed after step {step}") } else { String::new() };
        self.say(&format!(
            "{}: {} with {} parameters on {} tokens, {} steps of {}, {}, {device}{from}",
            config.name,
            config.model.family(),
            human(config.model.n_params() as f64),
            human((config.n_steps() * config.tokens_per_step()) as f64),
            config.n_steps(),
            config.tokens_per_step(),
            words::flops(config.flops()),
        ));
    }

    /// After each step: the time it took, then whatever is due of estimate, line and hook.
    pub(super) fn stepped(&mut self, took: Duration, standing: &Standing, metrics: &[Metric]) {
        self.steps += 1;
        match self.steps {
            1 => self.first_step = took,
            _ => self.stepping += took,
        }
        let now = Instant::now();
        if !self.estimated && self.stepping >= FIRST_ESTIMATE {
            self.estimated = true;
            self.last_line = now;
            let remaining = duration(self.remaining_s(standing));
            self.say(&format!(
                "{}: {} tokens/s, about {remaining} to go",
                self.config.name,
                human(self.tokens_per_s())
            ));
        }
        let interval = LINE_EVERY.max((now - self.began) / LINES_AT_MOST);
        if now - self.last_line >= interval {
            self.last_line = now;
            self.say(&self.line(standing));
        }
        if self.last_hook.is_none_or(|last| now - last >= HOOK_EVERY) {
            self.last_hook = Some(now);
            self.call_hook(standing, metrics);
        }
    }

    /// The last line and the last picture of a call.
    pub(super) fn ended(&self, standing: &Standing, metrics: &[Metric], words: &str) {
        self.call_hook(standing, metrics);
        self.say(&format!("{}: {words}", self.config.name));
    }

    /// One line, unless the caller wants quiet.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    fn call_hook(&self, standing: &Standing, metrics: &[Metric]) {
        if let Some(hook) = &self.hook {
            hook(&LiveRun {
                name: self.config.name.clone(),
                step: standing.step,
                n_steps: self.config.n_steps(),
                metrics: metrics.to_vec(),
                tokens_per_s: self.tokens_per_s(),
                elapsed_s: standing.elapsed_s,
                remaining_s: self.remaining_s(standing),
            });
        }
    }

    fn line(&self, standing: &Standing) -> String {
        let n_steps = self.config.n_steps();
        let done = BAR_WIDTH * standing.step / n_steps.max(1);
        format!(
            "{} [{}{}] {}/{n_steps}  loss {:.3}  {} tokens/s  {} elapsed  {} left",
            self.config.name,
            "█".repeat(done.min(BAR_WIDTH)),
            "·".repeat(BAR_WIDTH.saturating_sub(done)),
            standing.step,
            standing.loss,
            human(self.tokens_per_s()),
            duration(standing.elapsed_s),
            duration(self.remaining_s(standing)),
        )
    }

    /// Speed of this call. The first step warms caches and pages up, so it counts only while there is no other.
    fn tokens_per_s(&self) -> f64 {
        let (steps, time) =
            if self.steps < 2 { (self.steps, self.first_step) } else { (self.steps - 1, self.stepping) };
        (steps * self.config.tokens_per_step()) as f64 / time.as_secs_f64().max(1e-9)
    }

    /// Steps left at the present speed, and validations at three times it: a step is one forward pass and two more.
    fn remaining_s(&self, standing: &Standing) -> f64 {
        let speed = self.tokens_per_s();
        if speed == 0.0 {
            return 0.0; // nothing has been timed yet
        }
        let training = self.config.n_steps().saturating_sub(standing.step) * self.config.tokens_per_step();
        let validating = standing.evals_left * standing.val_tokens;
        (training as f64 + validating as f64 / 3.0) / speed
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("run", &self.config.name).field("steps", &self.steps).finish_non_exhaustive()
    }
}
