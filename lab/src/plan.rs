//! What a study will do and how long it takes here, said before it begins.

use crate::{Lab, Result};
use music_scaling::models::Family;
use music_scaling::study::Study;
use music_scaling::training::{RunConfig, device_name};
use nets::ops::product_gflops;
use nets::words::{duration, flops};

/// Of one notebook beside its trainings: its kernel starts, its cells compile, its figures are drawn.
const SECONDS_A_NOTEBOOK: f64 = 30.0;

/// The trainings of a study: which are done, and what the others cost.
#[derive(Debug, Clone)]
pub struct Plan {
    n_runs: usize,
    /// Names and FLOPs of those that are not finished.
    to_train: Vec<(String, f64)>,
    /// Of their whole, on this machine; `None` on a GPU.
    seconds: Option<f64>,
    is_quickest: bool,
}

impl Plan {
    /// Looks which runs exist, and measures a matrix product for about a second. Prepares the corpus where that is not done.
    ///
    /// # Errors
    /// The corpus cannot be prepared, or the preset asks for a model that does not exist.
    pub fn of(study: &Study) -> Result<Plan> {
        let (data, runs) = (study.data()?, study.runs()?);
        let mut configs = Vec::new();
        for family in [Family::Transformer, Family::Lstm] {
            let sizes = study.ladder(family)?;
            configs.extend(sizes.iter().map(|size| study.run_config(size, &data)));
            for size in sizes.iter().take(study.preset.repeats.n_sizes) {
                for seed in (1..study.preset.repeats.n_seeds as u64).map(|i| study.preset.seed + i) {
                    configs.push(RunConfig {
                        name: format!("{}-seed{seed}", size.name),
                        seed,
                        ..study.run_config(size, &data)
                    });
                }
            }
        }
        configs.extend(study.longer_configs()?);
        if study.preset.isoflop.is_some() {
            configs.extend(study.isoflop_configs()?);
        }
        let on_cpu = device_name() == "cpu";
        let product = if on_cpu { product_gflops() * 1e9 } else { 0.0 };
        let mut plan = Plan {
            n_runs: configs.len(),
            to_train: vec![],
            seconds: on_cpu.then_some(0.0),
            is_quickest: study.name() == "smoke",
        };
        for config in configs {
            if runs.find(&config)?.is_some() {
                continue;
            }
            let cost = config.n_tokens as f64 * config.model.flops_per_token(config.block_size);
            plan.seconds =
                plan.seconds.map(|seconds| seconds + cost / (product * share_of_product(config.model.n_params())));
            plan.to_train.push((config.name, cost));
        }
        Ok(plan)
    }
}

/// The part of a plain product's speed that training reaches, from the laptop study's runs: .07 with 3K parameters, .25 with
/// 20K, .75 with a million and more.
fn share_of_product(n_params: usize) -> f64 {
    let decades = (n_params as f64 / 20e3).log10();
    (0.25 + 0.29 * decades).clamp(0.07, 0.75)
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cost: f64 = self.to_train.iter().map(|(_, cost)| cost).sum();
        let largest = self.to_train.iter().max_by(|(_, one), (_, other)| one.total_cmp(other));
        let n_done = self.n_runs - self.to_train.len();
        let Some((largest, of_largest)) = largest else {
            return write!(f, "plan    train   nothing: all {n_done} runs exist");
        };
        write!(f, "plan    train   {} runs of {}, {n_done} exist: {}", self.to_train.len(), self.n_runs, flops(cost))?;
        match self.seconds {
            Some(seconds) => {
                write!(
                    f,
                    ", about {} here ({largest} alone {})",
                    duration(seconds),
                    duration(seconds * of_largest / cost)
                )?;
                if seconds > 600.0 && !self.is_quickest {
                    write!(f, "\n        quicker: --preset smoke, a few minutes in all")?;
                }
                Ok(())
            }
            None => write!(f, " on {}", device_name()),
        }
    }
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

    #[test]
    fn small_models_reach_a_smaller_share_of_the_product() {
        let shares = [3e3, 20e3, 1e6, 1e8].map(|n_params| share_of_product(n_params as usize));
        assert!(shares.is_sorted() && shares[0] == 0.07 && shares[1] == 0.25 && shares[3] == 0.75, "{shares:?}");
    }

    #[test]
    fn a_plan_names_the_costliest_run_and_a_quicker_preset() {
        let to_train = vec![("xl".to_owned(), 9e12), ("tiny".to_owned(), 1e12)];
        let plan = Plan { n_runs: 3, to_train, seconds: Some(1000.0), is_quickest: false };
        let text = plan.to_string();
        assert!(
            text.contains("2 runs of 3, 1 exist: 10 TFLOP, about 16 min 40 s here (xl alone 15 min 00 s)"),
            "{text}"
        );
        assert!(text.contains("--preset smoke"), "{text}");
    }
}
