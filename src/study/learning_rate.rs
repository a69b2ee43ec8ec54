//! How high the rate of a size rises: the same for all, or by a rule of its width.

use serde::{Deserialize, Serialize};

/// The peak of the schedule: a plain number, or `{ peak = 2e-3, at_width = 128 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "PeakOrRule")]
pub struct LearningRate {
    /// Reached at the end of the warm-up.
    pub peak: f64,
    /// Where set, `peak` holds at this width (d_model or d_hidden) and falls as 1 / width^power: wider matrices add up more terms, so
    /// that they need smaller steps (Yang et al. 2022). Where not, every size has the same peak.
    pub at_width: Option<usize>,
    /// 1 where it is left out; `tune` shows what fits.
    #[serde(skip_serializing_if = "is_one")]
    pub power: f64,
}

fn is_one(power: &f64) -> bool {
    *power == 1.0
}

fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a learning rate is a number, the peak, or { peak = 2e-3, at_width = 128 }"
)]
enum PeakOrRule {
    Peak(f64),
    Rule {
        peak: f64,
        at_width: Option<usize>,
        #[serde(default = "one")]
        power: f64,
    },
}

impl From<PeakOrRule> for LearningRate {
    fn from(given: PeakOrRule) -> LearningRate {
        match given {
            PeakOrRule::Peak(peak) => LearningRate { peak, at_width: None, power: one() },
            PeakOrRule::Rule { peak, at_width, power } => LearningRate { peak, at_width, power },
        }
    }
}

impl LearningRate {
    /// The peak for a model of this width.
    pub fn at(&self, width: usize) -> f64 {
        self.peak * self.at_width.map_or(1.0, |at_width| (at_width as f64 / width as f64).powf(self.power))
    }

    pub(super) fn is_valid(&self) -> bool {
        self.peak > 0.0 && self.peak.is_finite() && self.at_width != Some(0) && self.power.is_finite()
    }
}
