//! What runs of different lengths say together: IsoFLOP profiles, L(N, D), and the worth of repeated text.

use super::results::fit_or_reason;
use super::{CountingRow, Families, LawResults, RunRecord, Study};
use crate::Result;
use crate::figures::human;
use crate::fitting::{self, Fit, FitReport, IsoFlop, Law, LawScore, Objective, Point};
use crate::models::Family;
use crate::training::RunConfig;

/// The Transformers' runs at equal FLOPs, and the size of the text that they may have seen several times.
#[derive(Debug, Clone, PartialEq)]
pub struct Budgets {
    /// Cheapest budget first.
    pub runs: Vec<RunRecord>,
    /// Length of the training text.
    pub n_unique_tokens: usize,
}

impl Study {
    /// The finished runs of [`Study::train_isoflop`]; none where the preset has no such budgets. Trains nothing.
    ///
    /// # Errors
    /// As [`Study::corpus`], or a run's folder cannot be read.
    pub fn budgets(&self) -> Result<Budgets> {
        let runs = self.found(&self.isoflop_configs()?)?;
        Ok(Budgets { runs: runs.iter().map(RunRecord::from).collect(), n_unique_tokens: self.data()?.train.len() })
    }

    /// What repeats and IsoFLOP runs will cost, to be read before they are trained.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn extra_cost(&self) -> Result<String> {
        let (mut repeats, mut ladders) = (Vec::new(), Vec::new());
        for family in Family::ALL {
            repeats.extend(self.repeat_configs(family)?);
            ladders.extend(self.ladder_configs(family)?);
        }
        let isoflop = self.isoflop_configs()?;
        let flops = |configs: &[RunConfig]| human(configs.iter().fold(0.0, |sum, config| sum + config.flops()));
        Ok(format!(
            "{} repeats from other seeds, {} FLOPs; {} IsoFLOP runs, {} FLOPs; the two ladders themselves take {} FLOPs",
            repeats.len(),
            flops(&repeats),
            isoflop.len(),
            flops(&isoflop),
            flops(&ladders)
        ))
    }
}

/// A run's size, loss and tokens.
pub(super) fn seen(run: &RunRecord) -> Point {
    Point::new(run.summary.n_params as f64, run.summary.val_loss).with_tokens(run.summary.n_tokens as f64)
}

impl Budgets {
    /// IsoFLOP profiles, FLOPs counted exactly.
    ///
    /// # Errors
    /// No two budgets have a best size.
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
    ///
    /// # Errors
    /// They are too few or too alike.
    pub fn in_n_and_d(&self, families: &Families, objective: Objective) -> Result<FitReport> {
        Ok(fitting::report(&self.all_new(families), Law::Plane, objective, 1000, families.seed)?)
    }

    fn all_new(&self, families: &Families) -> Vec<Point> {
        self.all(families).filter(|run| !self.repeats_text(run)).map(seen).collect()
    }

    /// The same runs by the rival laws of N and D, best AICc first.
    ///
    /// # Errors
    /// They are too few or too alike.
    pub fn rivals(&self, families: &Families) -> Result<Vec<LawScore>> {
        Ok(fitting::rank_laws(&self.all_new(families), &Law::OF_N_AND_D)?)
    }

    /// The law of repeated data over all runs.
    ///
    /// # Errors
    /// They are too few, or none saw its text often enough.
    pub fn repeated(&self, families: &Families) -> Result<Fit> {
        let point = |run: &RunRecord| seen(run).with_unique_tokens(self.n_unique_tokens as f64);
        Ok(Law::Repeated.fit(&self.all(families).map(point).collect::<Vec<_>>())?)
    }

    /// How much each way of counting C = 6·N·D moves the exponents.
    ///
    /// # Errors
    /// The ladder allows no law.
    pub fn countings(&self, families: &Families) -> Result<Vec<CountingRow>> {
        families.countings(Family::Transformer, &self.runs)
    }

    /// Everything that follows from these records and those of the ladders. A fit that the runs do not allow is recorded as the
    /// sentence that says why.
    pub fn results(&self, families: &Families) -> LawResults {
        LawResults {
            isoflop_runs: self.runs.iter().map(|run| run.config.name.clone()).collect(),
            n_unique_tokens: self.n_unique_tokens,
            isoflop: fit_or_reason(self.profiles()),
            in_n_and_d: fit_or_reason(self.in_n_and_d(families, Objective::LeastSquares)),
            in_n_and_d_huber: fit_or_reason(self.in_n_and_d(families, Objective::CHINCHILLA)),
            repeated: fit_or_reason(self.repeated(families)),
            countings: fit_or_reason(self.countings(families)),
            ..families.results()
        }
    }
}
