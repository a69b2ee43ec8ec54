//! `tune`: which learning rate each size learns best with. A comparison of sizes is one of rates, where the rates are not fair.
//!
//! Each size is trained whole at rates a factor of 2 apart, around the preset's own, and on until the best lies between two others.
//! The runs stand in `rates.jsonl` beside `runs.jsonl`; a preset's `learning_rate` is written by a person who has read them.

use super::records::{RunRecord, read_records};
use super::{Study, preset::VOCAB_SIZE};
use crate::figures::{Figure, Line, lines};
use crate::models::{Family, ModelConfig, Size};
use crate::training::{RunConfig, Runs};
use crate::{Error, Result};

const FACTOR: f64 = 2.0; // from one rate to the next
const MOST: i32 = 4; // steps away from the preset's own rate

/// What a sweep over learning rates found for one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The size's name.
    pub size: String,
    /// d_model or d_hidden.
    pub width: usize,
    /// Its family.
    pub family: Family,
    /// (peak of the learning rate, validation loss in nats per token), by rate.
    pub losses: Vec<(f64, f64)>,
}

impl Sweep {
    /// The best rate that was tried, and its loss.
    pub fn best(&self) -> (f64, f64) {
        self.losses.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((f64::NAN, f64::NAN))
    }

    /// Whether no smaller or no larger rate than the best was tried: then a better one may lie outside.
    pub fn best_is_at_the_edge(&self) -> bool {
        let best = self.best().0;
        self.losses.first().is_none_or(|first| first.0 == best) || self.losses.last().is_none_or(|last| last.0 == best)
    }

    /// The lowest point of the parabola in ln(rate) through the best rate and its two neighbours; `None` at an edge.
    pub fn between(&self) -> Option<f64> {
        let best = self.best().0;
        let three = self.losses.windows(3).find(|three| three[1].0 == best)?;
        let (x, y): (Vec<f64>, Vec<f64>) = three.iter().map(|(rate, loss)| (rate.ln(), *loss)).unzip();
        let slopes = [(y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])];
        let curvature = (slopes[1] - slopes[0]) / (x[2] - x[0]);
        (curvature > 0.0).then(|| (0.5 * (x[0] + x[1] - slopes[0] / curvature)).exp())
    }

    /// The sweeps of several sizes against the rate, lightest the smallest. `None` of them, and there is nothing to draw.
    pub fn figure(sweeps: &[Sweep]) -> Figure {
        let mixed = sweeps.iter().any(|sweep| sweep.family != sweeps[0].family);
        let line = |sweep: &Sweep| {
            if mixed {
                return Line::new(&*sweep.size, &sweep.losses).with_dots().family(sweep.family);
            }
            let name = sweep.size.split_once(&sweep.family.to_string().to_lowercase()).map_or(&*sweep.size, |it| it.1);
            Line::new(name.trim_start_matches('-'), &sweep.losses).with_dots()
        };
        let all: Vec<Line> = sweeps.iter().map(line).collect();
        lines(all, "Highest learning rate", "Validation loss (nats per token)", []).log_x()
    }
}

impl std::fmt::Display for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rate, loss) = self.best();
        write!(f, "{}: best of {} rates {rate:.2e}, loss {loss:.4}", self.size, self.losses.len())?;
        match (self.between(), self.best_is_at_the_edge()) {
            (_, true) => write!(f, "; it lies at the edge of what was tried, a better one may lie beyond"),
            (Some(between), _) => write!(f, "; a parabola has its lowest point at {between:.2e}"),
            (None, _) => Ok(()),
        }
    }
}

impl Study {
    /// Sweeps the learning rate of one size, or of every size of both families; what was trained is loaded. Each sweep is given to
    /// `tell` as it ends.
    ///
    /// # Errors
    /// There is no such size, a training failed, or it was interrupted.
    pub fn tune(&self, size: Option<&str>, mut tell: impl FnMut(&Sweep)) -> Result<()> {
        let named = |of: &Size| size.is_none_or(|name| of.name == name);
        let known = Family::ALL.map(|family| self.preset.ladder(family, VOCAB_SIZE)).concat();
        if !known.iter().any(named) {
            let names: Vec<&str> = known.iter().map(|size| size.name.as_str()).collect();
            return Err(Error::Config(format!(
                "the study {} has no such size: choose one of {}",
                self.name(),
                names.join(", ")
            )));
        }
        for family in Family::ALL {
            for size in self.ladder(family)?.iter().filter(|size| named(size)) {
                tell(&self.tune_size(size)?);
            }
        }
        Ok(())
    }

    fn tune_size(&self, size: &Size) -> Result<Sweep> {
        let (data, mut sweep) = (self.data()?, Sweep::of(size));
        let config = self.run_config(size, &data);
        let final_share = config.min_learning_rate / config.learning_rate;
        let runs = Runs::open(self.folder().join("rates"))?; // apart, so that none of them stands in for a run of the ladder
        for step in (0..=MOST).flat_map(|step| if step == 0 { vec![0] } else { vec![-step, step] }) {
            let beyond = match step.signum() {
                -1 => sweep.losses.first(),
                1 => sweep.losses.last(),
                _ => None,
            };
            if beyond.is_some_and(|beyond| sweep.losses.len() > 2 && beyond.0 != sweep.best().0) {
                continue; // on this side the loss rises already
            }
            let rate = config.learning_rate * FACTOR.powi(step);
            let name = format!("{}-rate-{rate:.1e}", size.name);
            let config = RunConfig { name, ..config.clone() }.with_rates(rate, final_share);
            let run = runs.get_or_train(&config, &data)?;
            if !run.summary.finished {
                return Err(Error::Checkpoint("interrupted: the same command goes on from there".into()));
            }
            self.record_into("rates.jsonl", &run)?;
            sweep.add(rate, run.summary.val_loss);
        }
        Ok(sweep)
    }

    /// The sweeps of one family that were run for this study, or else those that are committed (of the laptop study, where there are
    /// none of this one), smallest model first. Trains nothing.
    ///
    /// # Errors
    /// `rates.jsonl` cannot be read.
    pub fn sweeps(&self, family: Family) -> Result<Vec<Sweep>> {
        let committed = self.committed_results_folder();
        let folders = [self.results_folder(), &committed, &committed.with_file_name("laptop")];
        let records = folders.iter().map(|folder| read_records(&folder.join("rates.jsonl")));
        let mut records =
            records.collect::<Result<Vec<_>>>()?.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
        records.retain(|record| record.config.model.family() == family);
        records.sort_by_key(|record| record.summary.n_params);
        let mut sweeps: Vec<Sweep> = Vec::new();
        for RunRecord { config, summary, .. } in records {
            let size =
                Size { name: config.name.split("-rate-").next().unwrap_or_default().into(), model: config.model };
            if sweeps.last().is_none_or(|last| last.size != size.name) {
                sweeps.push(Sweep::of(&size));
            }
            sweeps.iter_mut().rev().take(1).for_each(|sweep| sweep.add(config.learning_rate, summary.val_loss));
        }
        Ok(sweeps)
    }
}

impl Sweep {
    fn of(size: &Size) -> Sweep {
        let width = match &size.model {
            ModelConfig::Transformer(config) => config.d_model,
            ModelConfig::Lstm(config) => config.d_hidden,
        };
        Sweep { size: size.name.clone(), width, family: size.model.family(), losses: Vec::new() }
    }

    fn add(&mut self, rate: f64, loss: f64) {
        self.losses.push((rate, loss));
        self.losses.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(losses: &[(f64, f64)]) -> Sweep {
        Sweep { size: "x".into(), width: 8, family: Family::Lstm, losses: losses.to_vec() }
    }

    #[test]
    fn a_parabola_in_the_logarithm_of_the_rate_gives_its_lowest_point_back() {
        let loss = |rate: f64| 1.0 + 0.1 * (rate / 3e-3).ln().powi(2);
        let rates = [1e-3, 2e-3, 4e-3, 8e-3];
        let planted = sweep(&rates.map(|rate| (rate, loss(rate))));
        assert_eq!(planted.best().0, 4e-3); // ln(4/3) is less than ln(3/2)
        assert!((planted.between().unwrap() - 3e-3).abs() < 1e-12);
        assert!(!planted.best_is_at_the_edge());
    }

    #[test]
    fn a_best_rate_at_the_edge_is_said() {
        let falling = sweep(&[(1e-3, 1.5), (2e-3, 1.4), (4e-3, 1.3)]);
        assert!(falling.best_is_at_the_edge() && falling.between().is_none());
        assert!(falling.to_string().contains("edge"), "{falling}");
    }
}
