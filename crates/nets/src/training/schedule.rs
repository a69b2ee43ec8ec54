//! The learning rate: a linear warm-up, then a cosine to the end of *this* run.
//!
//! ```text
//! t = 1 … n_steps,  w = round(warmup_fraction · n_steps)
//! lr(t) = learning_rate · t / w                                                       for t ≤ w
//! lr(t) = min + ½·(learning_rate − min)·(1 + cos(π·(t − w) / (n_steps − w)))          for t > w
//! ```
//! The horizon is the run's own length: a cosine that is cut off before its end distorts scaling exponents (Hoffmann et
//! al. 2022, appendix B; Porian et al. 2024), and project A's never decayed.

use super::RunConfig;

/// The closed form above, ready to be asked for any step.
///
/// ```
/// use nets::training::Schedule;
/// let schedule = Schedule { learning_rate: 1e-3, min_learning_rate: 1e-4, warmup_steps: 10, n_steps: 110 };
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
    /// Steps in all.
    pub n_steps: usize,
}

impl Schedule {
    /// The schedule of a run.
    pub fn new(config: &RunConfig) -> Self {
        let n_steps = config.n_steps();
        Schedule {
            learning_rate: config.learning_rate,
            min_learning_rate: config.min_learning_rate,
            warmup_steps: (config.warmup_fraction * n_steps as f64).round() as usize,
            n_steps,
        }
    }

    /// The learning rate of step `t`, counted from 1; steps beyond the end keep the last rate.
    pub fn at(&self, t: usize) -> f64 {
        let (t, w) = (t.min(self.n_steps), self.warmup_steps);
        if t <= w {
            return self.learning_rate * t as f64 / w.max(1) as f64;
        }
        let progress = (t - w) as f64 / (self.n_steps - w).max(1) as f64;
        let fall = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        self.min_learning_rate + (self.learning_rate - self.min_learning_rate) * fall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule =
        Schedule { learning_rate: 1e-3, min_learning_rate: 1e-4, warmup_steps: 10, n_steps: 110 };

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
    fn a_run_of_one_step_and_one_without_warm_up_are_sound() {
        let one = Schedule { warmup_steps: 0, n_steps: 1, ..SCHEDULE };
        assert!((one.at(1) - 1e-4).abs() < 1e-15);
        let all_warm_up = Schedule { warmup_steps: 4, n_steps: 4, ..SCHEDULE };
        assert!((all_warm_up.at(4) - 1e-3).abs() < 1e-15);
    }
}
