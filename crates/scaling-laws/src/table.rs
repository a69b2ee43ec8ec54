//! A law through a table in a file: what the programs' `fit` does.

use serde::Serialize;
use std::fmt;
use std::path::Path;

use super::{
    Claim, ClaimCheck, Error, FitReport, Objective, PlaneReport, PowerCurve, Result, read_points, read_run_points,
    report, report_in_n_and_d,
};

/// What is to be fitted, in the words of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// `power`, `power-without-c`, `log` or `nd`.
    pub law: String,
    /// `least-squares`, `log` or `huber`.
    pub objective: String,
    /// Resamples of the bootstrap; 0 leaves it out.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Published numbers to lay through the table instead, such as `a=8.42,alpha=0.152,c=1.45`.
    pub claim: Option<String>,
    /// The R² published with the claim.
    pub claim_r2: Option<String>,
}

impl Default for TableOptions {
    fn default() -> TableOptions {
        let (law, objective) = ("power".into(), Objective::LeastSquares.name().into());
        TableOptions { law, objective, resamples: 1000, seed: 1337, claim: None, claim_r2: None }
    }
}

/// What a table says: text for people, or JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum TableReport {
    /// A law of the size alone, by least squares.
    Law(Box<FitReport>),
    /// The power law by another objective.
    Curve(Box<PowerCurve>),
    /// L(N, D).
    Plane(Box<PlaneReport>),
    /// A published law against the table.
    Claim(Box<ClaimCheck>),
}

/// Reads a CSV file with the columns `n_params,val_loss` (and `n_tokens` for the law `nd`) and fits what is asked for.
///
/// ```no_run
/// let report = scaling_laws::fit_table("runs.csv", &scaling_laws::TableOptions::default())?;
/// println!("{report}");
/// # Ok::<(), scaling_laws::Error>(())
/// ```
///
/// # Errors
/// A file that cannot be read, a cell that is no positive number, too few points, or a name that is not known.
pub fn fit_table(file: impl AsRef<Path>, options: &TableOptions) -> Result<TableReport> {
    let TableOptions { law, objective, resamples, seed, claim, claim_r2 } = options;
    let objective: Objective = objective.parse()?;
    if law == "nd" && claim.is_none() {
        let found = report_in_n_and_d(&read_run_points(file)?, objective, *resamples, *seed)?;
        return Ok(TableReport::Plane(Box::new(found)));
    }
    let points = read_points(file)?;
    if let Some(claim) = claim {
        let claim: Claim = claim.parse()?;
        let claim = match claim_r2 {
            Some(r_squared) => claim.with_r_squared(r_squared)?,
            None => claim,
        };
        return Ok(TableReport::Claim(Box::new(claim.check(&points)?)));
    }
    if objective == Objective::LeastSquares {
        return Ok(TableReport::Law(Box::new(report(&points, law, *resamples, *seed)?)));
    }
    if law != "power" {
        let name = objective.name();
        return Err(Error::Fit(format!("--objective {name} is offered for --law power and --law nd")));
    }
    let curve = PowerCurve::fit(&points, objective)?;
    let curve = if *resamples > 0 { curve.with_intervals(&points, *resamples, *seed)? } else { curve };
    Ok(TableReport::Curve(Box::new(curve)))
}

impl fmt::Display for TableReport {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TableReport::Law(found) => found.fmt(out),
            TableReport::Curve(found) => found.fmt(out),
            TableReport::Plane(found) => found.fmt(out),
            TableReport::Claim(found) => found.fmt(out),
        }
    }
}
