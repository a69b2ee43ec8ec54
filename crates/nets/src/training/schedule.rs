//! The learning rate: a linear warm-up, then a fall to the end of *this* run, over all of the way or over its last share.
//!
//! ```text
//! t = 1 … n_steps,  w = round(warmup_fraction · n_steps)
//! lr(t) = learning_rate · t / w                                                       for t ≤ w
//! lr(t) = min + ½·(learning_rate − min)·(1 + cos(π·(t − w) / (n_steps − w)))          for t > w, cosine
//!
//! cool-down over c = round(share · n_steps):
//! lr(t) = learning_rate                                                               for w < t ≤ n_steps − c
//! lr(t) = min + (learning_rate − min)·(n_steps − t) / c                               for t > n_steps − c
//! ```
//! The horizon is the run's own length: a cosine that is cut off before its end distorts scaling exponents (Hoffmann et
//! al. 2022, appendix B; Porian et al. 2024), and project A's never decayed. A constant rate that cools down ends as low as
//! a cosine (Hägele et al. 2024), and runs of several lengths share all of it but their cool-downs ([`RunConfig::for_budget`]).

use super::RunConfig;
use serde::{Deserialize, Serialize};

/// How the rate falls after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Along a cosine, from the warm-up's end to the last step.
    #[default]
    Cosine,
    /// Not at all, then linearly.
    CoolDown {
        /// The last share of the steps, in which it falls; above 0 and at most 1.
        share: f64,
    },
}

impl Decay {
    /// Whether this is what a config that says nothing means.
    pub(super) fn is_cosine(&self) -> bool {
        *self == Decay::Cosine
    }
}

/// The closed form above, ready to be asked for any step.
///
/// ```
/// use nets::training::Schedule;
/// let schedule = Schedule { learning_rate: 1e-3, min_learning_rate: 1e-4, warmup_steps: 10, cool_down_steps: None, n_steps: 110 };
/// assert!((schedule.at(5) - 5e-4).abs() < 1e-15); // half of the warm-up
/// assert!((schedule.at(60) - 5.5e-4).abs() < 1e-15); // half of the fall
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub learning_rate: f64,
    /// The rate of the last step.
    pub min_learning_rate: f64,
    /// Steps that warm up.
    pub warmup_steps: usize,
    /// The last steps, in which a constant rate falls linearly; `None`: a cosine.
    pub cool_down_steps: Option<usize>,
    /// Steps in all.
    pub n_steps: usize,
}

impl Schedule {
    /// The schedule of a run.
    pub fn new(config: &RunConfig) -> Self {
        let n_steps = config.n_steps();
        let steps = |share: f64| (share * n_steps as f64).round() as usize;
        Schedule {
            learning_rate: config.learning_rate,
            min_learning_rate: config.min_learning_rate,
            warmup_steps: steps(config.warmup_fraction),
            cool_down_steps: match config.decay {
                Decay::Cosine => None,
                Decay::CoolDown { share } => Some(steps(share)),
            },
            n_steps,
        }
    }

    /// The last step before the cool-down; 0 for a cosine, which has no constant part.
    pub(super) fn constant_until(&self) -> usize {
        self.cool_down_steps.map_or(0, |c| self.n_steps.saturating_sub(c))
    }

    /// The learning rate of step `t`, counted from 1; steps beyond the end keep the last rate.
    pub fn at(&self, t: usize) -> f64 {
        let (t, w) = (t.min(self.n_steps), self.warmup_steps);
        if t <= w {
            return self.learning_rate * t as f64 / w.max(1) as f64;
        }
        let height = match self.cool_down_steps {
            Some(c) => ((self.n_steps - t) as f64 / c.max(1) as f64).min(1.0),
            None => {
                let progress = (t - w) as f64 / (self.n_steps - w).max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        };
        self.min_learning_rate + (self.learning_rate - self.min_learning_rate) * height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        learning_rate: 1e-3,
        min_learning_rate: 1e-4,
        warmup_steps: 10,
        cool_down_steps: None,
        n_steps: 110,
    };

    #[test]
    fn warms_up_linearly_and_ends_at_the_minimum() {
        assert!((SCHEDULE.at(1) - 1e-4).abs() < 1e-15);
        assert!((SCHEDULE.at(5) - 5e-4).abs() < 1e-15);
        assert!((SCHEDULE.at(10) - 1e-3).abs() < 1e-15);
        assert!((SCHEDULE.at(110) - 1e-4).abs() < 1e-15);
        assert_eq!(SCHEDULE.at(999), SCHEDULE.at(110));
    }

    #[test]
    fn the_cosine_passes_its_quarters() {
        assert!((SCHEDULE.at(60) - 5.5e-4).abs() < 1e-15, "half way down at half time");
        let quarter = 1e-4 + 9e-4 * 0.5 * (1.0 + 0.5_f64.sqrt()); // cos(π/4) = √½
        assert!((SCHEDULE.at(35) - quarter).abs() < 1e-15);
    }

    #[test]
    fn a_constant_rate_falls_linearly_over_the_cool_down() {
        let schedule = Schedule { cool_down_steps: Some(20), ..SCHEDULE };
        let expected = [(5, 5e-4), (10, 1e-3), (11, 1e-3), (90, 1e-3), (95, 7.75e-4), (100, 5.5e-4), (109, 1.45e-4)];
        for (t, rate) in expected.into_iter().chain([(110, 1e-4), (999, 1e-4)]) {
            assert!((schedule.at(t) - rate).abs() < 1e-15, "step {t}: {}", schedule.at(t));
        }
    }

    #[test]
    fn a_run_of_one_step_and_one_without_warm_up_are_sound() {
        let one = Schedule { warmup_steps: 0, n_steps: 1, ..SCHEDULE };
        assert!((one.at(1) - 1e-4).abs() < 1e-15);
        let all_warm_up = Schedule { warmup_steps: 4, n_steps: 4, ..SCHEDULE };
        assert!((all_warm_up.at(4) - 1e-3).abs() < 1e-15);
    }
}
