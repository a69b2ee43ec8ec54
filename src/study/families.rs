//! The two families side by side: everything that 06_scaling reports, computed from the records of the runs alone.

use super::records::{ends, points};
use super::results::fit_or_reason;
use super::{Axis, Budgets, Counting, LawResults, MusicCount, RunRecord, Study};
use crate::Result;
use crate::data::Split;
use crate::fitting::{self, Comparison, Fit, FitReport, IsoFlop, Law, LawScore, Objective, Point};
use crate::models::Family;
use crate::training::{Run, RunConfig};
use polars::prelude::{DataFrame, df};
use serde::Serialize;

/// The finished runs of both ladders with their repeats, smallest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Families {
    /// Those of the Transformers.
    pub transformers: Vec<RunRecord>,
    /// Those of the LSTMs.
    pub lstms: Vec<RunRecord>,
    /// Of the validation split; `None` where it holds no tunes, or is not here.
    pub music: Option<MusicCount>,
    /// Decides the resamples of the bootstrap.
    pub seed: u64,
}

const N_RESAMPLES: usize = 1000;

/// One more way to fit the same runs.
#[derive(Debug, Clone, Serialize)]
pub struct FittedVariant(pub Family, pub String, pub Fit);

/// How one way of counting C = 6·N·D moves the exponents.
#[derive(Debug, Clone, Serialize)]
pub struct CountingRow {
    /// The way.
    pub counting: Counting,
    /// Exponent of L(N) for one family's ladder.
    pub alpha_of_n: f64,
    /// Exponent of L(C) for the same.
    pub alpha_of_c: f64,
    /// Exponent of N*(C) by IsoFLOP profiles; `None` where no two budgets have a best size.
    pub best_n: Option<f64>,
    /// The same of D*(C).
    pub best_d: Option<f64>,
}

impl Study {
    /// The runs of both ladders (trained where they are missing) and their repeats, as far as those are finished.
    ///
    /// # Errors
    /// A training failed, or `results.json` cannot be written.
    pub fn families(&self) -> Result<Families> {
        let families = Families {
            transformers: self.family_records(Family::Transformer)?,
            lstms: self.family_records(Family::Lstm)?,
            music: MusicCount::of(&*self.data()?, Split::Val),
            seed: self.preset.seed,
        };
        let losses = |family| families.of(family).iter().map(RunRecord::name_and_loss).collect();
        self.record(|results| {
            results.transformers = losses(Family::Transformer);
            results.lstms = losses(Family::Lstm);
        })?;
        Ok(families)
    }

    /// One row a size of a ladder, before anything is trained. For `show::table`.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn sizes_table(&self, family: Family) -> Result<DataFrame> {
        let configs = self.ladder_configs(family)?;
        let whole = |value: &dyn Fn(&RunConfig) -> u64| configs.iter().map(value).collect::<Vec<u64>>();
        table(df!(
            "size" => configs.iter().map(|config| config.name.clone()).collect::<Vec<String>>(),
            "layers" => whole(&|config| config.model.n_layer() as u64),
            "parameters" => whole(&|config| config.model.n_params() as u64),
            "without_tables" => whole(&|config| config.model.n_params_non_embedding() as u64),
            "tokens" => whole(&|config| config.n_tokens),
            "peak_rate" => configs.iter().map(|config| config.learning_rate).collect::<Vec<f64>>(),
            "GFLOP" => configs.iter().map(|config| (config.flops() / 1e9).round()).collect::<Vec<f64>>()
        ))
    }

    /// One row a run: sizes, loss, and what it cost. For `show::table`.
    ///
    /// # Errors
    /// As [`Study::corpus`].
    pub fn run_table(&self, runs: &[Run]) -> Result<DataFrame> {
        let records: Vec<RunRecord> = runs.iter().map(RunRecord::from).collect();
        table_of(&records, MusicCount::of(&*self.data()?, Split::Val))
    }

    /// Records every number that [`Budgets::results`] computes.
    ///
    /// # Errors
    /// `results.json` cannot be written.
    pub fn record_laws(&self, families: &Families, budgets: &Budgets) -> Result<()> {
        let laws = budgets.results(families);
        self.record(|results| results.laws = Some(laws))
    }
}

impl Families {
    /// The runs of one family.
    pub fn of(&self, family: Family) -> &[RunRecord] {
        match family {
            Family::Transformer => &self.transformers,
            Family::Lstm => &self.lstms,
        }
    }

    /// One point a run, smallest first; repeats of a size are points at the same N.
    pub fn points(&self, family: Family, axis: Axis) -> Vec<Point> {
        points(self.of(family), axis)
    }

    /// Both families' runs, Transformers first.
    pub fn all(&self) -> impl Iterator<Item = &RunRecord> {
        self.transformers.iter().chain(&self.lstms)
    }

    /// The fit of one family by one law with every interval that the points allow.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn report(&self, family: Family, law: Law) -> Result<FitReport> {
        let points = self.points(family, Axis::Params);
        Ok(fitting::report(&points, law, Objective::LeastSquares, N_RESAMPLES, self.seed)?)
    }

    /// Every law that the points suffice for, best AICc first, Transformers first.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn rank_laws(&self) -> Result<Vec<(Family, LawScore)>> {
        let mut rows = Vec::new();
        for family in Family::ALL {
            let scores = fitting::rank_laws(&self.points(family, Axis::Params), &Law::OF_N)?;
            rows.extend(scores.into_iter().map(|score| (family, score)));
        }
        Ok(rows)
    }

    /// Transformer minus LSTM at the smallest, middle and largest cost that both families were measured at.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn compare(&self, axis: Axis) -> Result<Comparison> {
        let (first, second) = (self.points(Family::Transformer, axis), self.points(Family::Lstm, axis));
        let [first_ends, second_ends] = [&first, &second].map(|points| ends(points.iter().map(|point| point.n_params)));
        let (low, high) = (first_ends.0.max(second_ends.0), first_ends.1.min(second_ends.1));
        let at = [low, (low * high).sqrt(), high];
        Ok(Comparison::new(("Transformer", &first), ("LSTM", &second), &at, N_RESAMPLES, self.seed)?)
    }

    /// The same runs fitted in other ways: N counted differently, and one size left out at a time.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn sensitivity(&self) -> Result<Vec<FittedVariant>> {
        let mut fits = Vec::new();
        for family in Family::ALL {
            for (name, points) in self.variants(family) {
                fits.push(FittedVariant(family, name, Law::Power.fit(&points)?));
            }
        }
        Ok(fits)
    }

    fn variants(&self, family: Family) -> Vec<(String, Vec<Point>)> {
        let by = |axis| self.points(family, axis);
        let mut variants = vec![
            ("all parameters".into(), by(Axis::Params)),
            ("without tables".into(), by(Axis::ParamsWithoutTables)),
            ("FLOPs".into(), by(Axis::Flops)),
        ];
        let mut sizes: Vec<f64> = by(Axis::Params).iter().map(|point| point.n_params).collect();
        sizes.dedup();
        for (index, size) in sizes.iter().enumerate() {
            let rest: Vec<Point> = by(Axis::Params).into_iter().filter(|point| point.n_params != *size).collect();
            let name = match index {
                0 => "without the smallest".to_string(),
                _ if index + 1 == sizes.len() => "without the largest".to_string(),
                _ => format!("without N = {}", crate::figures::human(*size)),
            };
            if sizes.len() > 3 {
                variants.push((name, rest));
            }
        }
        variants
    }

    /// Each family by each objective, with intervals by refits of the same objective.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn objectives(&self) -> Result<Vec<(Family, Fit)>> {
        let mut fits = Vec::new();
        for family in Family::ALL {
            for objective in Objective::ALL {
                let points = self.points(family, Axis::Params);
                let fit = Fit::new(Law::Power, objective, &points)?;
                fits.push((family, fit.with_resamples(N_RESAMPLES, self.seed)?));
            }
        }
        Ok(fits)
    }

    /// What follows from these records alone.
    pub(super) fn results(&self) -> LawResults {
        let log = |family| Ok(Law::Log.fit(&self.points(family, Axis::Params))?);
        LawResults {
            transformer: fit_or_reason(self.report(Family::Transformer, Law::Power)),
            transformer_log: fit_or_reason(log(Family::Transformer)),
            lstm: fit_or_reason(self.report(Family::Lstm, Law::Power)),
            lstm_log: fit_or_reason(log(Family::Lstm)),
            ranking: fit_or_reason(self.rank_laws()),
            sensitivity: fit_or_reason(self.sensitivity()),
            objectives: fit_or_reason(self.objectives()),
            at_equal_size: fit_or_reason(self.compare(Axis::Params)),
            at_equal_flops: fit_or_reason(self.compare(Axis::Flops)),
            ..LawResults::default()
        }
    }

    /// One family's exponents under each way of counting C = 6·N·D. `isoflop` are further runs of that family for the profiles,
    /// with which the ladder's own are taken together.
    ///
    /// # Errors
    /// The ladder allows no law.
    pub fn countings(&self, family: Family, isoflop: &[RunRecord]) -> Result<Vec<CountingRow>> {
        let once = self.of(family).iter().filter(|run| run.config.seed == self.seed);
        let all: Vec<RunRecord> = once.chain(isoflop).cloned().collect();
        let row = |counting: Counting| -> Result<CountingRow> {
            let ladder: Vec<Point> = self.of(family).iter().map(|run| counting.point(run)).collect();
            let alpha = |cost: fn(&Point) -> f64| -> Result<f64> {
                let points: Vec<Point> = ladder.iter().map(|point| Point::new(cost(point), point.val_loss)).collect();
                Ok(Law::Power.fit(&points)?["alpha"].value)
            };
            let profile: Vec<Point> = all.iter().map(|run| counting.point(run)).collect();
            let found = IsoFlop::of_curves(&profile, N_BUDGETS).ok(); // no best size is an answer, shown as a dash
            Ok(CountingRow {
                counting,
                alpha_of_n: alpha(|point| point.n_params)?,
                alpha_of_c: alpha(|point| point.flops.unwrap_or(f64::NAN))?,
                best_n: found.as_ref().map(|found| found.n_params.exponent),
                best_d: found.as_ref().map(|found| found.n_tokens.exponent),
            })
        };
        Counting::ALL.into_iter().map(row).collect()
    }

    /// Both ladders without the repeats, which would give their sizes several chances.
    pub(super) fn once(&self) -> impl Iterator<Item = &RunRecord> {
        self.all().filter(|run| run.config.seed == self.seed)
    }

    /// The runs that no cheaper run of either family beats: (name, cost, nats per token), cheapest first. Repeats do not count.
    pub fn frontier(&self, axis: Axis) -> Vec<(String, f64, f64)> {
        let all: Vec<(f64, f64)> = self.once().map(|run| (axis.of(run), run.summary.val_loss)).collect();
        let name = |(cost, loss): &(f64, f64)| {
            let run = self.once().find(|run| axis.of(run) == *cost && run.summary.val_loss == *loss);
            run.map(|run| run.config.name.clone()).unwrap_or_default()
        };
        fitting::frontier(&all).iter().map(|at| (name(at), at.0, at.1)).collect()
    }

    /// One row a run: sizes, loss, and what it cost.
    ///
    /// # Errors
    /// Names or columns that polars refuses; none are known.
    pub fn table(&self) -> Result<DataFrame> {
        table_of(&self.all().cloned().collect::<Vec<RunRecord>>(), self.music)
    }
}

const N_BUDGETS: usize = 6;

fn table_of(runs: &[RunRecord], music: Option<MusicCount>) -> Result<DataFrame> {
    let column = |value: &dyn Fn(&RunRecord) -> f64| runs.iter().map(value).collect::<Vec<f64>>();
    let bits_per = |unit: fn(&MusicCount, f64) -> f64| {
        let bits = |run: &RunRecord| music.map(|music| unit(&music, run.summary.val_loss));
        runs.iter().map(bits).collect::<Vec<Option<f64>>>()
    };
    let whole = |value: &dyn Fn(&RunRecord) -> u64| runs.iter().map(value).collect::<Vec<u64>>();
    table(df!(
        "run" => runs.iter().map(|run| run.config.name.clone()).collect::<Vec<String>>(),
        "parameters" => whole(&|run| run.summary.n_params as u64),
        "without_tables" => whole(&|run| run.summary.n_params_non_embedding as u64),
        "tokens" => whole(&|run| run.summary.n_tokens),
        "val_loss" => column(&|run| run.summary.val_loss),
        "bits_per_note" => bits_per(MusicCount::bits_per_note),
        "bits_per_beat" => bits_per(MusicCount::bits_per_beat),
        "GFLOP" => column(&|run| (run.summary.flops / 1e9).round()),
        "seconds" => column(&|run| run.summary.elapsed_s),
        "tokens_per_s" => column(&|run| run.summary.tokens_per_s.round()),
        "memory_MB" => column(&|run| run.summary.peak_rss_mb.round()),
        "GFLOP_per_s" => column(&|run| run.summary.flops / run.summary.elapsed_s / 1e9)
    ))
}

/// The variants of [`Families::sensitivity`] for `show::table`.
///
/// # Errors
/// As [`Families::table`].
pub fn sensitivity_table(fits: &[FittedVariant]) -> Result<DataFrame> {
    let alpha = |FittedVariant(_, _, law): &FittedVariant| law["alpha"].interval;
    table(df!(
        "family" => fits.iter().map(|fit| fit.0.to_string()).collect::<Vec<String>>(),
        "variant" => fits.iter().map(|fit| fit.1.clone()).collect::<Vec<String>>(),
        "points" => fits.iter().map(|fit| fit.2.n_points as u32).collect::<Vec<u32>>(),
        "alpha" => fits.iter().map(|fit| fit.2["alpha"].value).collect::<Vec<f64>>(),
        "from" => fits.iter().map(|fit| alpha(fit).map(|it| it.low)).collect::<Vec<Option<f64>>>(),
        "to" => fits.iter().map(|fit| alpha(fit).map(|it| it.high)).collect::<Vec<Option<f64>>>(),
        "c" => fits.iter().map(|fit| fit.2["c"].value).collect::<Vec<f64>>(),
        "R²" => fits.iter().map(|fit| fit.2.r_squared).collect::<Vec<f64>>()
    ))
}

/// The fits of [`Families::objectives`] for `show::table`.
///
/// # Errors
/// As [`Families::table`].
pub fn objectives_table(fits: &[(Family, Fit)]) -> Result<DataFrame> {
    let column = |name: &str| fits.iter().map(|fit| fit.1[name].value).collect::<Vec<f64>>();
    let end = |name: &str, high: bool| {
        let end = |fit: &(Family, Fit)| fit.1[name].interval.map(|found| if high { found.high } else { found.low });
        fits.iter().map(end).collect::<Vec<Option<f64>>>()
    };
    table(df!(
        "family" => fits.iter().map(|fit| fit.0.to_string()).collect::<Vec<String>>(),
        "objective" => fits.iter().map(|fit| fit.1.objective.to_string()).collect::<Vec<String>>(),
        "alpha" => column("alpha"),
        "from" => end("alpha", false),
        "to" => end("alpha", true),
        "alpha_is" => fits.iter().map(|fit| fit.1.verdict().in_brief()).collect::<Vec<&str>>(),
        "c" => column("c"),
        "c_from" => end("c", false),
        "c_to" => end("c", true)
    ))
}

/// The rows of [`Families::countings`] for `show::table`.
///
/// # Errors
/// As [`Families::table`].
pub fn countings_table(rows: &[CountingRow]) -> Result<DataFrame> {
    table(df!(
        "counting" => rows.iter().map(|row| row.counting.to_string()).collect::<Vec<String>>(),
        "alpha_of_N" => rows.iter().map(|row| row.alpha_of_n).collect::<Vec<f64>>(),
        "alpha_of_C" => rows.iter().map(|row| row.alpha_of_c).collect::<Vec<f64>>(),
        "N*_grows_as_C^" => rows.iter().map(|row| row.best_n).collect::<Vec<Option<f64>>>(),
        "D*_grows_as_C^" => rows.iter().map(|row| row.best_d).collect::<Vec<Option<f64>>>()
    ))
}

/// The laws of [`Families::rank_laws`] for `show::table`.
///
/// # Errors
/// As [`Families::table`].
pub fn laws_table(rows: &[(Family, LawScore)]) -> Result<DataFrame> {
    table(df!(
        "family" => rows.iter().map(|row| row.0.to_string()).collect::<Vec<String>>(),
        "law" => rows.iter().map(|row| row.1.law.formula()).collect::<Vec<&str>>(),
        "R²" => rows.iter().map(|row| row.1.r_squared).collect::<Vec<f64>>(),
        "AICc" => rows.iter().map(|row| row.1.aicc).collect::<Vec<Option<f64>>>(),
        "largest_predicted" => rows.iter().map(|row| row.1.largest.map(|it| it.predicted)).collect::<Vec<Option<f64>>>(),
        "error" => rows.iter().map(|row| row.1.largest.map(|it| it.error)).collect::<Vec<Option<f64>>>()
    ))
}

fn table(made: polars::prelude::PolarsResult<DataFrame>) -> Result<DataFrame> {
    made.map_err(|error| crate::Error::Data(format!("the table cannot be made: {error}")))
}
