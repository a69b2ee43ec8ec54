//! One table, one law: what both command lines do, `scaling-laws fit` and `music-scaling fit`.

use crate::distributions::f_tail;
use crate::numbers::{p_value, short};
use crate::{Bootstrap, Claim, ClaimCheck, Fit, Jackknife, Law, Objective, Point, Prediction, Result};
use crate::{Columns, jackknife, leave_largest_out, read_points};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// A fit with its intervals by two methods, and how much it hangs on single points.
///
/// As JSON: the fields of [`Fit`], then `optimal_exponent` for a law of N and D, `bootstrap`, `leave_one_out`, `largest`; the last
/// three are null where points are too few.
#[derive(Clone, Debug, Serialize)]
pub struct FitReport {
    /// The fit.
    #[serde(flatten)]
    pub fit: Fit,
    /// Power of the FLOPs with which the best N grows, beta/(alpha + beta).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimal_exponent: Option<f64>,
    /// Intervals by resampling; None where points are too few.
    pub bootstrap: Option<Bootstrap>,
    /// Refits without each point; None where points are too few.
    pub leave_one_out: Option<Jackknife>,
    /// The largest size predicted from the others.
    pub largest: Option<Prediction>,
    /// The one point that the rest contradicts, in a sentence with what the rest and the robust objective say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier: Option<String>,
}

const MOST_RESAMPLED: usize = 2000; // points, by objectives that cannot put them together

/// Everything that one set of points says about one law; `resamples` = 0 leaves the bootstrap out.
///
/// # Errors
/// What [`Fit::new`] refuses; fewer than 100 resamples.
pub fn report(points: &[Point], law: Law, objective: Objective, resamples: usize, seed: u64) -> Result<FitReport> {
    let mut fit = Fit::new(law, objective, points)?;
    let can_resample = points.len() > fit.parameters.len() && (fit.falls() || law == Law::Log) && resamples > 0;
    let can_resample = can_resample && (objective == Objective::LeastSquares || points.len() <= MOST_RESAMPLED);
    let bootstrap = can_resample.then(|| fit.bootstrap(resamples, seed)).transpose()?;
    if objective != Objective::LeastSquares
        && let Some(bootstrap) = &bootstrap
    {
        fit.judge(bootstrap.intervals.clone());
    }
    let of_squares = objective == Objective::LeastSquares;
    let leave_one_out = of_squares.then(|| jackknife(points, law).ok()).flatten();
    let largest = of_squares.then(|| leave_largest_out(points, law).ok()).flatten();
    let outlier = leave_one_out.as_ref().and_then(|left_out| outlier(&fit, left_out));
    Ok(FitReport { optimal_exponent: fit.optimal_exponent(), fit, bootstrap, leave_one_out, largest, outlier })
}

/// The point without which the sum of squares falls by more than chance allows, tried for every point: F of 1 and n-p-1 degrees of
/// freedom, p multiplied by the number of points (Cook and Weisberg 1982).
fn outlier(fit: &Fit, left_out: &Jackknife) -> Option<String> {
    let worst = left_out.fits.iter().min_by(|p, q| p.fit.rss.total_cmp(&q.fit.rss))?;
    let spare = fit.n_points.checked_sub(fit.parameters.len() + 1).filter(|spare| *spare > 0)? as f64;
    let f = (fit.rss - worst.fit.rss) / (worst.fit.rss / spare);
    let p = fit.n_points as f64 * f_tail(f, 1.0, spare);
    let rate = |fit: &Fit| format!("{} {}", fit.law.rate(), short(fit[fit.law.rate()].value));
    let robust = Fit::new(fit.law, Objective::CHINCHILLA, &fit.points).ok();
    let robust = robust.map_or(String::new(), |robust| format!(", by the objective huber {}", rate(&robust)));
    (p < 0.01).then(|| {
        let (n, loss, rest) = (short(worst.n_params), short(worst.val_loss), rate(&worst.fit));
        format!(
            "The point N = {n}, loss {loss} does not agree with the rest ({}): without it {rest}{robust}.",
            p_value(p)
        )
    })
}

impl fmt::Display for FitReport {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}", self.fit)?;
        let of = |name: &str| Some(format!("{name} {}", self.bootstrap.as_ref()?.intervals.get(name)?));
        if let Some(exponent) = self.optimal_exponent {
            write!(out, "\nThe best N grows as C^{}", short(exponent))?;
            let interval = of("optimal_exponent");
            interval.iter().try_for_each(|it| write!(out, " (95 % {})", it.trim_start_matches("optimal_exponent ")))?;
        }
        if let Some(bootstrap) = &self.bootstrap {
            let names: Vec<String> = ["alpha", "beta", "B", "c", "E"].into_iter().filter_map(of).collect();
            write!(out, "\nBootstrap ({} resamples): {}", bootstrap.n_resamples, names.join(", "))?;
        }
        self.leave_one_out.iter().try_for_each(|jackknife| write!(out, "\n{jackknife}"))?;
        self.largest.iter().try_for_each(|largest| write!(out, "\n{largest}"))?;
        self.outlier.iter().try_for_each(|outlier| write!(out, "\n{outlier}"))
    }
}

/// What is to be done with a table.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// `power`, `power-without-c`, `log`, `nd` or `mupt`.
    pub law: String,
    /// `least-squares`, `log` or `huber`; the last two for the laws `power` and `nd`.
    pub objective: String,
    /// Bootstrap resamples; 0 leaves the bootstrap out.
    pub resamples: usize,
    /// Of the resamples.
    pub seed: u64,
    /// Published numbers to check against the table, such as `a=8.42,alpha=0.152,c=1.45`; `law` is then not read.
    pub claim: Option<String>,
    /// The R² that was published with the claim.
    pub claim_r2: Option<String>,
    /// Which columns hold N and the loss.
    pub columns: Columns,
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        let (law, objective) = ("power".into(), Objective::LeastSquares.name().into());
        FitOptions {
            law,
            objective,
            resamples: 1000,
            seed: 1337,
            claim: None,
            claim_r2: None,
            columns: Columns::default(),
        }
    }
}

/// What a table says; as JSON the fields of the one that it holds.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Findings {
    /// A law.
    Law(Box<FitReport>),
    /// A published law beside the table.
    Check(Box<ClaimCheck>),
}

/// Reads a table of `n_params,val_loss` (and `n_tokens` for the law `nd`; see [`read_points`]) and fits what the options ask for.
///
/// # Errors
/// A table that cannot be read, points that do not suffice for the law, and options that name no law, objective or claim.
pub fn fit_table(file: impl AsRef<Path>, options: &FitOptions) -> Result<Findings> {
    let FitOptions { law, resamples, seed, claim, claim_r2, .. } = options;
    let (objective, law): (Objective, Law) = (options.objective.parse()?, law.parse()?);
    if let Some(claim) = claim {
        let claim = claim.parse::<Claim>()?.with_r_squared(claim_r2.as_deref())?;
        let (points, choice) = read_points(file, claim.law, &options.columns)?;
        let mut check = claim.check(&points)?;
        check.optimum.remarks.extend(choice);
        return Ok(Findings::Check(Box::new(check)));
    }
    let (points, choice) = read_points(file, law, &options.columns)?;
    let mut found = report(&points, law, objective, *resamples, *seed)?;
    found.fit.remarks.extend(choice);
    Ok(Findings::Law(Box::new(found)))
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Findings::Law(found) => found.fmt(out),
            Findings::Check(found) => found.fmt(out),
        }
    }
}
