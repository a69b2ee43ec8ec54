//! What a long training shows: its estimate first, then now and then one line.
//!
//! Lines go to stdout, one at a time: a notebook streams them, and neither it nor a log knows `\r`.

use super::RunConfig;
use crate::messages::say;
use crate::words::{self, duration, human};
use std::time::{Duration, Instant};

const FIRST_ESTIMATE: Duration = Duration::from_millis(1500); // a few steps of the larger sizes
const PICTURE_EVERY: Duration = Duration::from_secs(1); // as often as the notebook's image asks for the file
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINES_AT_MOST: u32 = 10; // a long run's lines grow rarer, so that its cell stays readable
const BAR_WIDTH: usize = 20;

/// The printing side of one call of training.
#[derive(Debug)]
pub(super) struct Progress {
    config: RunConfig,
    quiet: bool,
    began: Instant,
    last_line: Instant,
    last_picture: Option<Instant>,
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
    /// Tokens still to be trained on; those of a validation count a third, since a step is one forward pass and two more.
    pub tokens_left: f64,
}

impl Progress {
    pub(super) fn new(config: &RunConfig, quiet: bool) -> Self {
        let now = Instant::now();
        Progress {
            config: config.clone(),
            quiet,
            began: now,
            last_line: now,
            last_picture: None,
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
            "{} with {} parameters on {} tokens, {} steps of {}, {}, {device}{from}",
            config.model.family(),
            human(config.model.n_params() as f64),
            human((config.n_steps() * config.tokens_per_step()) as f64),
            config.n_steps(),
            config.tokens_per_step(),
            words::flops(config.flops()),
        ));
    }

    /// After each step: the time it took, then what is due of estimate and line. Says whether a new picture is due.
    pub(super) fn stepped(&mut self, took: Duration, standing: &Standing) -> bool {
        self.steps += 1;
        match self.steps {
            1 => self.first_step = took,
            _ => self.stepping += took,
        }
        let now = Instant::now();
        if !self.estimated && self.stepping >= FIRST_ESTIMATE {
            (self.estimated, self.last_line) = (true, now);
            let left = duration(standing.tokens_left / self.tokens_per_s());
            self.say(&format!("{} tokens/s, about {left} to go", human(self.tokens_per_s())));
        }
        if now - self.last_line >= LINE_EVERY.max((now - self.began) / LINES_AT_MOST) {
            self.last_line = now;
            self.show(standing);
        }
        let is_due = self.last_picture.is_none_or(|last| now - last >= PICTURE_EVERY);
        if is_due {
            self.last_picture = Some(now);
        }
        is_due
    }

    /// One line under the run's name, unless the caller wants quiet.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            say(format_args!("{}: {line}", self.config.name));
        }
    }

    pub(super) fn warn(&self, warnings: impl IntoIterator<Item = String>) {
        warnings.into_iter().for_each(|warning| self.say(&format!("warning: {warning}")));
    }

    fn show(&self, standing: &Standing) {
        let n_steps = self.config.n_steps();
        let done = (BAR_WIDTH * standing.step / n_steps.max(1)).min(BAR_WIDTH);
        if !self.quiet {
            say(format_args!(
                "{} [{}{}] {}/{n_steps}  loss {:.3}  {} tokens/s  {} elapsed  {} left",
                self.config.name,
                "█".repeat(done),
                "·".repeat(BAR_WIDTH - done),
                standing.step,
                standing.loss,
                human(self.tokens_per_s()),
                duration(standing.elapsed_s),
                duration(standing.tokens_left / self.tokens_per_s()),
            ));
        }
    }

    /// Speed of this call. The first step warms caches and pages up, so it counts only while there is no other.
    fn tokens_per_s(&self) -> f64 {
        let (steps, time) =
            if self.steps < 2 { (self.steps, self.first_step) } else { (self.steps - 1, self.stepping) };
        (steps * self.config.tokens_per_step()) as f64 / time.as_secs_f64().max(1e-9)
    }
}

/// What keeps the loss of this run from being a fair point of a scaling law, one sentence each.
pub fn distortions(config: &RunConfig, n_train_tokens: usize) -> Vec<String> {
    const WARM_UP: f64 = 0.1; // Porian et al. 2024: long warm-ups of small budgets are one reason why Kaplan et al.'s exponent differs
    const EPOCHS: f64 = 4.0; // Muennighoff et al. 2023: up to 4 passes count almost as new text …
    const BY_HEART: f64 = 100.0; // … and beyond some 16, more of them add little
    const TOKENS_PER_PARAMETER: f64 = 1.0; // a twentieth of Hoffmann et al.'s 20: a model barely begun is no better for its size
    let n_tokens = (config.n_steps() * config.tokens_per_step()) as f64;
    let (epochs, per_parameter) = (n_tokens / n_train_tokens as f64, n_tokens / config.model.n_params() as f64);
    let passes = || format!("{} passes over {} training tokens", human(epochs), human(n_train_tokens as f64));
    let mut found = Vec::new();
    if epochs >= BY_HEART {
        found.push(format!("{}: the model will know them by heart; take more text or a smaller budget", passes()));
    } else if epochs > EPOCHS {
        found.push(format!("{}: beyond {EPOCHS}, a token counts less than a law in tokens takes it for", passes()));
    }
    if config.warmup_fraction > WARM_UP {
        let share = 100.0 * config.warmup_fraction;
        found.push(format!(
            "{share:.0} % of the steps warm up: above 10 % small budgets lose most; lower warmup_fraction"
        ));
    }
    if per_parameter < TOKENS_PER_PARAMETER {
        found.push(format!(
            "{per_parameter:.2} tokens a parameter: below {TOKENS_PER_PARAMETER} a larger model gains little from its size; take more \
             tokens or a smaller model"
        ));
    }
    if config.patience.is_some() {
        found.push("patience may end the run before its rate has fallen: keep it out of a fit".to_string());
    }
    found
}

/// Said of a loss that guessing among all tokens alike would beat.
pub(super) fn above_uniform(vocab_size: usize, val_loss: f64) -> Option<String> {
    let uniform = (vocab_size as f64).ln();
    (val_loss > uniform).then(|| {
        format!(
            "val_loss {val_loss:.4} is above {uniform:.4} = ln {vocab_size}, the loss of guessing: nothing that holds was learned; try a \
             lower learning rate, more text, or a smaller budget"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::stand_in_tests::{config, transformer};
    use super::*;

    #[test]
    fn a_text_read_thousands_of_times_and_a_loss_worse_than_guessing_are_warned_of() {
        let config = config("w", transformer()); // 40 steps of 64 tokens
        let warning = distortions(&config, 2).remove(0);
        assert!(warning.starts_with("1.28K passes over 2 training tokens: "), "{warning}");
        assert_eq!(above_uniform(8, 2.0), None);
        let warning = above_uniform(8, 2.5).unwrap();
        assert!(warning.starts_with("val_loss 2.5000 is above 2.0794 = ln 8, the loss of guessing"), "{warning}");
    }

    #[test]
    fn what_distorts_an_exponent_is_listed_and_a_fair_run_has_nothing() {
        let fair = RunConfig { n_tokens: 6400, ..config("w", transformer()) }; // 100 steps of 64 tokens, a tenth of them warms up
        assert_eq!(distortions(&fair, 6400), [""; 0]);
        assert_eq!(distortions(&fair, 1600), [""; 0], "four passes");
        let unfair = RunConfig { n_tokens: 640, warmup_fraction: 0.2, patience: Some(3), ..fair };
        let found = distortions(&unfair, 128);
        let starts =
            ["5 passes over 128 training tokens: beyond 4", "20 % of the steps warm up", "0.", "patience may end"];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        assert!(found.iter().zip(starts).all(|(found, start)| found.starts_with(start)), "{found:?}");
    }
}
