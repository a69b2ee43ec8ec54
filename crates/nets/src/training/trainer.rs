//! The one training loop.
//!
//! ```text
//! for step in 0 … n_steps − 1:
//!     inputs, targets ← batch(seed, step)                      dropout ← mask(seed, step)
//!     loss            ← mean cross-entropy of the model, nats per token
//!     weights         ← AdamW(clip(∇loss), lr(step + 1))
//!     at a validation: the full split; at a checkpoint: weights, moments, state
//! ```

use super::batches::random_for;
use super::checkpoint::{self, State, keep_last_as, keep_trunk, step_name};
use super::metrics::{MetricsLog, read_metrics, twelve_digits};
use super::progress::{Progress, Standing, above_uniform, distortions};
use super::stop::StopWatch;
use super::{
    AdamW, Batches, Jump, LiveHook, Metric, Run, RunConfig, Schedule, Summary, TrainOptions, describe_device, device,
    evaluate, jump, memory_mb, peak_memory_mb, reset_peak_memory,
};
use crate::TokenData;
use crate::files::write_json;
use crate::models::{Family, Model};
use crate::ops::{self, AllowTf32, Dropout};
use crate::words::{duration, human};
use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use rand::Rng;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LINES: usize = 200; // of metrics.jsonl: a smooth curve, and no more than a figure can show
const SAVE_EVERY: Duration = Duration::from_secs(30); // at most this much work is lost to a kill …
const SAVE_SHARE: u32 = 30; // … unless saving would take more than a thirtieth of the time

/// A run in the making.
pub(super) struct Trainer<'a> {
    config: RunConfig,
    data: &'a TokenData,
    dir: PathBuf,
    device: Device,
    model: Model,
    optimizer: AdamW,
    schedule: Schedule,
    batches: Batches,
    log: MetricsLog,
    metrics: Vec<Metric>,
    progress: Progress,
    live: Option<LiveHook>,
    watch: StopWatch,
    pub(super) state: State,
    /// Steps after which the full split is validated, and after which the model is kept.
    eval_steps: BTreeSet<usize>,
    kept_steps: BTreeSet<usize>,
    began: Instant,
    elapsed_before_s: f64,
    /// What was held before this call.
    memory_before_mb: f64,
    /// `(state.step, state.stepping_s)` at the last metrics line of this call.
    line_began: (usize, f64),
    saved_at: Instant,
    saving_took: Duration,
}

impl<'a> Trainer<'a> {
    /// A new run in `dir`, or the one there, exactly as its last whole checkpoint left it.
    pub(super) fn open(config: &RunConfig, data: &'a TokenData, dir: &Path, options: &TrainOptions) -> Result<Self> {
        let device = device()?;
        reset_peak_memory(&device);
        let (began, memory_before_mb) = (Instant::now(), memory_mb(&device));
        checkpoint::sweep(dir)?;
        let found = checkpoint::load(dir, config)?;
        let model = match &config.origin {
            Some(origin) if found.is_none() => origin.model(&config.model, &device)?,
            _ => Model::new(&config.model, config.seed, &device)?,
        };
        let schedule = Schedule::new(config);
        let betas = (config.beta1, config.beta2);
        let mut optimizer = AdamW::new(model.parameters(), betas, config.weight_decay, ops::fused())?;
        let kept_steps: BTreeSet<usize> = config.milestones(config.n_checkpoints).into_iter().collect();
        let mut state = State::start(config);
        if let Some(found) = found {
            found.restore(&model, &mut optimizer)?;
            state = found.state;
            // A kill may have come between the checkpoint and its model, or the model's further names.
            checkpoint::save_last(dir, &model)?;
            keep_last_save(dir, &state, &kept_steps, &schedule)?;
        }
        let metrics_path = dir.join("metrics.jsonl");
        Ok(Trainer {
            data,
            dir: dir.to_path_buf(),
            device,
            model,
            optimizer,
            schedule,
            batches: Batches::new(data.train.len(), config.block_size, config.batch_size, config.seed)?,
            log: MetricsLog::open(&metrics_path, state.metrics_bytes)?,
            metrics: read_metrics(&metrics_path)?,
            progress: Progress::new(config, options.quiet),
            live: options.live.clone(),
            watch: StopWatch::new(dir, options.time_budget),
            eval_steps: config.milestones(config.n_evals.max(1)).into_iter().collect(),
            kept_steps,
            began,
            memory_before_mb,
            elapsed_before_s: state.elapsed_s,
            line_began: (state.step, state.stepping_s),
            saved_at: began,
            saving_took: Duration::ZERO,
            state,
            config: config.clone(),
        })
    }

    /// Trains to the end, or until something asks it to stop.
    pub(super) fn train(mut self) -> Result<Run> {
        let _rounding = AllowTf32::new(self.config.allow_tf32);
        self.progress.announce(&describe_device(&self.device), self.state.step);
        self.progress.warn(distortions(&self.config, self.data.train.len()));
        while !self.is_over() {
            self.advance()?;
            if self.is_over() {
                break;
            }
            if let Some(reason) = self.watch.reason() {
                self.save()?;
                let step = self.state.step;
                let words = format!("stopped after step {step} because {reason}; the next call goes on from there");
                return Ok(self.end(false, &words));
            }
        }
        self.finish()
    }

    fn is_over(&self) -> bool {
        self.state.step >= self.config.n_steps() || self.lost_patience()
    }

    /// Whether the last `patience` validations have found nothing better than the best before them.
    fn lost_patience(&self) -> bool {
        let since = self.metrics.iter().rev().take_while(|metric| metric.step > self.state.best_step);
        let in_vain = since.filter(|metric| metric.val_loss.is_some()).count();
        self.config.patience.is_some_and(|patience| in_vain >= patience)
    }

    /// One step, and what is due after it.
    pub(super) fn advance(&mut self) -> Result<()> {
        let began = Instant::now();
        let (lr, grad_norm) = self.update()?;
        let took = began.elapsed();
        self.state.stepping_s += took.as_secs_f64();
        let step = self.state.step;
        let val_loss = if self.eval_steps.contains(&step) { Some(self.validate()?) } else { None };
        if let Some(loss) = val_loss.filter(|loss| *loss < self.state.best_val_loss) {
            (self.state.best_val_loss, self.state.best_step) = (loss, step);
        }
        if val_loss.is_some() || step.is_multiple_of((self.config.n_steps() / LINES).max(1)) {
            self.write_line(val_loss, lr, grad_norm)?;
        }
        let is_kept = self.kept_steps.contains(&step) || step == self.schedule.constant_until();
        let is_long_ago = self.saved_at.elapsed() > SAVE_EVERY.max(self.saving_took * SAVE_SHARE);
        if val_loss.is_some() || is_kept || is_long_ago {
            self.save()?;
            keep_last_save(&self.dir, &self.state, &self.kept_steps, &self.schedule)?;
        }
        if self.progress.stepped(took, &self.standing())
            && let Some(draw) = &self.live
        {
            draw(&self.record(false));
        }
        Ok(())
    }

    /// Forward, backward, clip, AdamW. Returns this step's learning rate and the gradient's norm before clipping.
    fn update(&mut self) -> Result<(f64, f64)> {
        let step = self.state.step;
        let (inputs, targets) = self.batches.batch(&self.data.train, step, &self.device)?; // (B, T) each
        let (loss, grads) = self.loss_and_gradients(&inputs, &targets).map_err(|error| self.without_room(error))?;
        if !loss.is_finite() {
            return Err(self.diverged(&format!("the training loss became {loss}")));
        }
        let lr = self.schedule.at(step + 1);
        let norm = match self.optimizer.step(&grads, lr, self.config.grad_clip)? {
            norm if norm.is_finite() => norm,
            norm => return Err(self.diverged(&format!("the gradient's norm became {norm}"))),
        };
        self.state.step += 1;
        self.state.loss_sum += loss;
        self.state.loss_count += 1;
        Ok((lr, norm))
    }

    /// Mean loss of a batch and its gradient, `micro_batch` sequences at a time, each piece with a mask of its own.
    fn loss_and_gradients(&self, inputs: &Tensor, targets: &Tensor) -> Result<(f64, GradStore)> {
        let mut masks = random_for(self.config.seed, "dropout", self.state.step as u64);
        let (n, micro_batch) = (self.config.batch_size, self.config.micro_batch.unwrap_or(self.config.batch_size));
        let (mut loss, mut sum): (f64, Option<GradStore>) = (0.0, None);
        for start in (0..n).step_by(micro_batch) {
            let rows = micro_batch.min(n - start);
            let (inputs, targets) = (inputs.narrow(0, start, rows)?, targets.narrow(0, start, rows)?);
            let dropout = Dropout::new(self.config.dropout, masks.random())?;
            let (of_piece, mut grads) = self.model.loss_and_gradients(&inputs, &targets, &dropout)?;
            if rows == n {
                return Ok((of_piece, grads));
            }
            let share = rows as f64 / n as f64;
            for (_, var) in self.model.parameters() {
                let before = sum.as_mut().and_then(|sum| sum.remove(var));
                if let Some(grad) = grads.remove(var) {
                    let grad = (grad * share)?;
                    grads.insert(var, before.map_or(Ok(grad.clone()), |before| before + grad)?);
                }
            }
            (loss, sum) = (loss + of_piece * share, Some(grads));
        }
        sum.map(|grads| (loss, grads)).ok_or_else(|| Error::Config("batch_size must be at least 1".to_string()))
    }

    /// What to do where the device has no room for a step.
    fn without_room(&self, error: Error) -> Error {
        if !error.to_string().contains("OUT_OF_MEMORY") {
            return error;
        }
        let RunConfig { name, batch_size, micro_batch, block_size, .. } = &self.config;
        let at_once = micro_batch.unwrap_or(*batch_size);
        let remedy = match at_once / 2 {
            0 => "take a smaller model or block_size".to_string(),
            half => format!(
                "micro_batch = {half} in [training] takes the same steps in smaller pieces, `plan` says what fits"
            ),
        };
        Error::Config(format!(
            "run {name}: {} has no room for {at_once} sequences of {block_size} tokens at once; {remedy}",
            describe_device(&self.device)
        ))
    }

    fn diverged(&self, what: &str) -> Error {
        let RunConfig { name, learning_rate: rate, warmup_fraction, grad_clip, .. } = &self.config;
        let field = match self.config.model.family() {
            Family::Transformer => "transformer_learning_rate",
            Family::Lstm => "lstm_learning_rate",
        };
        let (step, n_steps, lower) = (self.state.step + 1, self.config.n_steps(), rate / 3.0);
        let clip = if *grad_clip > 0.0 { format!("a grad_clip below {grad_clip}") } else { "a grad_clip of 1".into() };
        Error::Config(format!(
            "run {name}: {what} at step {step} of {n_steps}; lower the learning rate {rate:e} (try {lower:.0e}; a preset calls it \
             {field}), warm up longer (warmup_fraction is {warmup_fraction}), or clip gradients ({clip})"
        ))
    }

    fn validate(&self) -> Result<f64> {
        let RunConfig { block_size, batch_size, micro_batch, .. } = self.config;
        evaluate(&self.model, &self.data.val, block_size, micro_batch.unwrap_or(batch_size))
            .map_err(|error| Error::Data(format!("run {}: validation failed: {error}", self.config.name)))
    }

    fn write_line(&mut self, val_loss: Option<f64>, lr: f64, grad_norm: f64) -> Result<()> {
        self.note_time_and_memory();
        let state = &mut self.state;
        let (from_step, from_s) = self.line_began;
        let tokens = ((state.step - from_step) * self.config.tokens_per_step()) as f64;
        let metric = Metric {
            step: state.step,
            tokens: state.step as u64 * self.config.tokens_per_step() as u64,
            train_loss: twelve_digits(state.loss_sum / state.loss_count.max(1) as f64),
            val_loss: val_loss.map(twelve_digits),
            lr: twelve_digits(lr),
            grad_norm: twelve_digits(grad_norm),
            tokens_per_s: twelve_digits(tokens / (state.stepping_s - from_s).max(1e-9)),
            elapsed_s: twelve_digits(state.elapsed_s),
            peak_rss_mb: twelve_digits(state.peak_rss_mb),
        };
        (state.loss_sum, state.loss_count) = (0.0, 0);
        self.line_began = (state.step, state.stepping_s);
        self.log.append(&metric)?;
        self.metrics.push(metric);
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let began = Instant::now();
        self.note_time_and_memory();
        self.state.metrics_bytes = self.log.sync()?;
        checkpoint::save(&self.dir, &self.model, &self.optimizer, &self.state)?;
        self.saved_at = Instant::now();
        self.saving_took = began.elapsed();
        Ok(())
    }

    fn note_time_and_memory(&mut self) {
        self.state.elapsed_s = self.elapsed_before_s + self.began.elapsed().as_secs_f64();
        let peak = peak_memory_mb(&self.device) - self.memory_before_mb;
        self.state.peak_rss_mb = self.state.peak_rss_mb.max(peak);
    }

    fn finish(mut self) -> Result<Run> {
        self.note_time_and_memory();
        let summary = self.record(true).summary;
        write_json(self.dir.join("summary.json"), &summary)?;
        let early = match self.config.patience {
            Some(patience) if self.lost_patience() => {
                let (step, n_steps) = (self.state.step, self.config.n_steps());
                format!(" early, after step {step} of {n_steps}, since {patience} validations found nothing better")
            }
            _ => String::new(),
        };
        let words = format!(
            "finished{early}, val_loss {:.4} nats per token (best {:.4} at step {}), {} at {} tokens/s",
            summary.val_loss,
            summary.best_val_loss,
            summary.best_step,
            duration(summary.elapsed_s),
            human(summary.tokens_per_s)
        ) + &self.after_its_jump();
        self.progress.warn(above_uniform(self.config.model.vocab_size(), summary.val_loss));
        Ok(self.end(true, &words))
    }

    /// Said of a jump in the last third: with another seed the run might have ended before it.
    fn after_its_jump(&self) -> String {
        match jump(&self.metrics).filter(|jump| 3 * jump.step > 2 * self.state.step) {
            Some(Jump { step, drop }) => {
                format!("; ended {} steps after its jump of {drop:.2} nats", self.state.step - step)
            }
            None => String::new(),
        }
    }

    /// The last picture and the last line of a call.
    fn end(self, finished: bool, words: &str) -> Run {
        let run = self.record(finished);
        if let Some(draw) = &self.live {
            draw(&run);
        }
        self.progress.say(words);
        ops::release_memory();
        run
    }

    fn standing(&self) -> Standing {
        let running = self.state.loss_sum / self.state.loss_count as f64; // no number right after a metrics line
        let loss =
            if running.is_finite() { running } else { self.metrics.last().map_or(0.0, |metric| metric.train_loss) };
        let to_train = (self.config.n_steps() - self.state.step) * self.config.tokens_per_step();
        let to_validate = self.eval_steps.range(self.state.step + 1..).count() * self.data.val.len();
        Standing {
            step: self.state.step,
            loss,
            elapsed_s: self.elapsed_before_s + self.began.elapsed().as_secs_f64(),
            tokens_left: to_train as f64 + to_validate as f64 / 3.0,
        }
    }

    /// The record as it stands.
    fn record(&self, finished: bool) -> Run {
        let (config, state) = (&self.config, &self.state);
        let n_tokens = state.step as u64 * config.tokens_per_step() as u64;
        let summary = Summary {
            n_params: config.model.n_params(),
            n_params_non_embedding: config.model.n_params_non_embedding(),
            n_tokens,
            n_steps: state.step,
            flops: twelve_digits(n_tokens as f64 * config.model.flops_per_token(config.block_size)),
            val_loss: self.metrics.iter().rev().find_map(|metric| metric.val_loss).unwrap_or(f64::INFINITY),
            best_val_loss: twelve_digits(state.best_val_loss),
            best_step: state.best_step,
            elapsed_s: twelve_digits(state.elapsed_s),
            tokens_per_s: twelve_digits(n_tokens as f64 / state.stepping_s.max(1e-9)),
            peak_rss_mb: twelve_digits(state.peak_rss_mb),
            finished,
            device: describe_device(&self.device),
        };
        Run { config: config.clone(), dir: self.dir.clone(), metrics: self.metrics.clone(), summary }
    }
}

/// Keeps what the last save holds, where it is the best so far, of a step to be kept, or the end of a constant rate.
fn keep_last_save(dir: &Path, state: &State, kept_steps: &BTreeSet<usize>, schedule: &Schedule) -> Result<()> {
    if state.best_step == state.step {
        keep_last_as(dir, "best")?;
    }
    if kept_steps.contains(&state.step) {
        keep_last_as(dir, &step_name(state.step))?;
    }
    if state.step == schedule.constant_until() {
        keep_trunk(dir)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
