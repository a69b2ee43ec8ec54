//! One table, one law: what both command lines do, `scaling-laws fit` and `music-scaling fit`.

use crate::{Claim, ClaimCheck, Error, FitReport, Objective, PlaneReport, PowerCurve, Result};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What is to be done with a table.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// `power`, `power-without-c`, `log` or `nd`.
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
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        let (law, objective) = ("power".into(), Objective::LeastSquares.name().into());
        FitOptions { law, objective, resamples: 1000, seed: 1337, claim: None, claim_r2: None }
    }
}

/// What a table says; as JSON the fields of the one that it holds.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Findings {
    /// A law of N by least squares.
    Law(Box<FitReport>),
    /// L(N, D).
    Plane(Box<PlaneReport>),
    /// L(N) by another objective.
    Curve(Box<PowerCurve>),
    /// A published law beside the table.
    Check(Box<ClaimCheck>),
}

/// Reads a CSV table of `n_params,val_loss` (and `n_tokens` for the law `nd`) and fits what the options ask for.
///
/// # Errors
/// A table that cannot be read, points that do not suffice for the law, and options that name no law, objective or claim.
pub fn fit_table(file: impl AsRef<Path>, options: &FitOptions) -> Result<Findings> {
    let FitOptions { law, resamples, seed, claim, claim_r2, .. } = options;
    let (file, objective): (_, Objective) = (file.as_ref(), options.objective.parse()?);
    if let Some(claim) = claim {
        let claim: Claim = claim.parse()?;
        let claim = match claim_r2 {
            Some(r_squared) => claim.with_r_squared(r_squared)?,
            None => claim,
        };
        return Ok(Findings::Check(Box::new(claim.check(&crate::read_points(file)?)?)));
    }
    if law == "nd" {
        let points = crate::read_run_points(file)?;
        let report = crate::report_in_n_and_d(&points, objective, *resamples, *seed)?;
        return Ok(Findings::Plane(Box::new(report)));
    }
    let points = crate::read_points(file)?;
    if objective == Objective::LeastSquares {
        return Ok(Findings::Law(Box::new(crate::report(&points, law, *resamples, *seed)?)));
    }
    if law != "power" {
        let name = objective.name();
        return Err(Error::Fit(format!("--objective {name} is offered for --law power and --law nd")));
    }
    let curve = PowerCurve::fit(&points, objective)?;
    let curve = if *resamples > 0 { curve.with_intervals(&points, *resamples, *seed)? } else { curve };
    Ok(Findings::Curve(Box::new(curve)))
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Findings::Law(found) => found.fmt(out),
            Findings::Plane(found) => found.fmt(out),
            Findings::Curve(found) => found.fmt(out),
            Findings::Check(found) => found.fmt(out),
        }
    }
}
