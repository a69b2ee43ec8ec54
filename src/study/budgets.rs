//! What runs of different lengths say together: IsoFLOP profiles, L(N, D), and the worth of repeated text.

use super::{CountingRow, Families, RunRecord, Study};
use crate::figures::human;
use crate::fitting::{self, Fit, FitReport, IsoFlop, Law, Objective, Point};
use crate::models::Family;
use crate::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// The Transformers' runs at equal FLOPs, and the size of the text that they may have seen several times.
#[derive(Debug, Clone, PartialEq)]
pub struct Budgets {
    pub runs: Vec<RunRecord>,
    pub n_unique_tokens: usize,
}

impl Study {
    /// The finished runs of [`Study::train_isoflop`]; none where the preset has no such budgets. Trains nothing.
    pub fn budgets(&self) -> Result<Budgets> {
        let runs = self.runs()?;
        let configs = if self.preset.isoflop.is_some() { self.isoflop_configs()? } else { Vec::new() };
        let mut found = Vec::new();
        for config in &configs {
            found.extend(runs.find(config)?.iter().map(RunRecord::from));
        }
        Ok(Budgets { runs: found, n_unique_tokens: self.data()?.train.len() })
    }

    /// Records every number that [`Budgets::results`] computes.
    pub fn record_budgets(&self, budgets: &Budgets, families: &Families) -> Result<()> {
        budgets.results(families)?.iter().try_for_each(|(key, value)| self.record(key, value))
    }

    /// What repeats and IsoFLOP runs will cost, to be read before they are trained.
    pub fn extra_cost(&self) -> Result<String> {
        let mut repeats = self.repeat_configs(Family::Transformer)?;
        repeats.extend(self.repeat_configs(Family::Lstm)?);
        let isoflop = if self.preset.isoflop.is_some() { self.isoflop_configs()? } else { Vec::new() };
        let ladder: Vec<f64> = [Family::Transformer, Family::Lstm]
            .map(|family| -> Result<f64> {
                let data = self.data()?;
                Ok(self.ladder(family)?.iter().map(|size| self.run_config(size, &data).flops()).sum())
            })
            .into_iter()
            .collect::<Result<_>>()?;
        let flops = |configs: &[crate::training::RunConfig]| configs.iter().map(|config| config.flops()).sum::<f64>();
        let in_words = |flops: f64| format!("{} FLOPs", human(flops + 0.0)); // the sum of nothing is -0
        Ok(format!(
            "{} repeats from other seeds, {}; {} IsoFLOP runs, {}; the two ladders themselves take {}",
            repeats.len(),
            in_words(flops(&repeats)),
            isoflop.len(),
            in_words(flops(&isoflop)),
            in_words(ladder.iter().sum())
        ))
    }
}

/// A run's size, loss and tokens.
fn seen(run: &RunRecord) -> Point {
    Point::new(run.summary.n_params as f64, run.summary.val_loss).with_tokens(run.summary.n_tokens as f64)
}

impl Budgets {
    /// IsoFLOP profiles, FLOPs counted exactly. An error, in a sentence, where no two budgets have a best size.
    pub fn profiles(&self) -> Result<IsoFlop> {
        Ok(IsoFlop::fit(&self.points())?)
    }

    pub(super) fn points(&self) -> Vec<Point> {
        self.runs.iter().map(|run| seen(run).with_flops(run.summary.flops)).collect()
    }

    /// The Transformers' ladder and these runs: one (N, D, loss) each.
    fn all<'a>(&'a self, families: &'a Families) -> impl Iterator<Item = &'a RunRecord> {
        families.transformers.iter().chain(&self.runs)
    }

    /// Runs that saw text more than once. L(N, D) takes all tokens for new ones, so it leaves them to [`Budgets::repeated`]; a ladder of
    /// several epochs is among them.
    pub fn n_repeating(&self, families: &Families) -> usize {
        self.all(families).filter(|run| self.repeats_text(run)).count()
    }

    fn repeats_text(&self, run: &RunRecord) -> bool {
        run.summary.n_tokens as f64 > 1.01 * self.n_unique_tokens as f64 // the last step may begin a second epoch
    }

    /// L(N, D) over the runs that saw no text twice.
    pub fn in_n_and_d(&self, families: &Families, objective: Objective) -> Result<FitReport> {
        let once = self.all(families).filter(|run| !self.repeats_text(run));
        let points: Vec<Point> = once.map(seen).collect();
        Ok(fitting::report(&points, Law::Plane, objective, 1000, families.seed)?)
    }

    /// The law of repeated data over all runs.
    pub fn repeated(&self, families: &Families) -> Result<Fit> {
        let point = |run: &RunRecord| seen(run).with_unique_tokens(self.n_unique_tokens as f64);
        Ok(Law::Repeated.fit(&self.all(families).map(point).collect::<Vec<_>>())?)
    }

    /// How much each way of counting C = 6·N·D moves the exponents.
    pub fn countings(&self, families: &Families) -> Result<Vec<CountingRow>> {
        families.countings(Family::Transformer, &self.runs)
    }

    /// Everything that follows from these records: the keys of `results.json` and their values. A fit that the runs do not allow
    /// is recorded as the sentence that says why.
    pub fn results(&self, families: &Families) -> Result<Map<String, Value>> {
        let names: Vec<&str> = self.runs.iter().map(|run| run.config.name.as_str()).collect();
        let mut results = Map::new();
        results.insert("runs/isoflop".into(), json(&names)?);
        results.insert("budgets/n_unique_tokens".into(), json(&self.n_unique_tokens)?);
        results.insert("budgets/isoflop".into(), or_reason(self.profiles())?);
        results.insert("budgets/in_n_and_d".into(), or_reason(self.in_n_and_d(families, Objective::LeastSquares))?);
        let huber = self.in_n_and_d(families, Objective::CHINCHILLA);
        results.insert("budgets/in_n_and_d/huber".into(), or_reason(huber)?);
        results.insert("budgets/repeated".into(), or_reason(self.repeated(families))?);
        results.insert("budgets/countings".into(), json(&self.countings(families)?)?);
        Ok(results)
    }
}

fn or_reason<T: Serialize>(fit: Result<T>) -> Result<Value> {
    match fit {
        Ok(fit) => json(&fit),
        Err(reason) => json(&reason.to_string()),
    }
}

fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Config(format!("a result cannot be written as JSON: {error}")))
}
