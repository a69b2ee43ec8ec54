//! Everything that one file of points says about one law: what `fit points.csv --law power --json` prints.

use crate::Result;
use serde::Serialize;
use std::fmt;

use super::numbers::short;
use super::{
    Fitted, Jackknife, Law, LogBootstrap, LossInNAndD, Objective, PlaneBootstrap, Point, PowerBootstrap, Prediction,
    Verdict, jackknife, leave_largest_out, verdict,
};

/// A fit with its intervals by two methods, and how much it hangs on single points.
///
/// As JSON: `law`, then the fields of [`super::PowerLaw`] (`a, alpha, c, r_squared, intervals, verdict, …`) or
/// [`super::LogLaw`] (`A, B, …`), then `bootstrap`, `leave_one_out`, `largest`; those are null where points are too few.
#[derive(Clone, Debug, Serialize)]
pub struct FitReport {
    /// The law.
    pub law: Law,
    /// The fit.
    #[serde(flatten)]
    pub fit: Fitted,
    /// Intervals by resampling; None where points are too few.
    pub bootstrap: Option<Bootstrap>,
    /// Refits without each point; None where points are too few.
    pub leave_one_out: Option<Jackknife>,
    /// The largest size predicted from the others.
    pub largest: Option<Prediction>,
}

/// Bootstrap intervals of either law.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Bootstrap {
    /// A power law.
    Power(PowerBootstrap),
    /// A log law.
    Log(LogBootstrap),
}

/// Fits `law_name` (`power`, `power-without-c` or `log`); `resamples` = 0 leaves the bootstrap out.
///
/// # Errors
/// Fewer sizes than the law has parameters, or a value that is no positive number. An unknown name of a law.
pub fn report(points: &[Point], law_name: &str, resamples: usize, seed: u64) -> Result<FitReport> {
    let law: Law = law_name.parse()?;
    let fit = law.fit(points)?;
    let spare = points.len() > fit.n_parameters() && resamples > 0;
    let bootstrap = match &fit {
        Fitted::Power(power) if spare && power.a > 0.0 => Some(Bootstrap::Power(power.bootstrap(resamples, seed)?)),
        Fitted::Log(log) if spare => Some(Bootstrap::Log(log.bootstrap(resamples, seed)?)),
        _ => None,
    };
    let (leave_one_out, largest) = (jackknife(points, law).ok(), leave_largest_out(points, law).ok());
    Ok(FitReport { law, fit, bootstrap, leave_one_out, largest })
}

impl fmt::Display for FitReport {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}", self.fit)?;
        match &self.bootstrap {
            Some(Bootstrap::Power(found)) => {
                write!(out, "\nBootstrap ({} resamples): alpha {}, c {}", found.n_resamples, found.alpha, found.c)?;
            }
            Some(Bootstrap::Log(found)) => {
                write!(out, "\nBootstrap ({} resamples): B {}", found.n_resamples, found.slope)?
            }
            None => {}
        }
        if let Some(jackknife) = &self.leave_one_out {
            write!(out, "\n{jackknife}")?;
        }
        self.largest.iter().try_for_each(|largest| write!(out, "\n{largest}"))
    }
}

/// Everything that one file of points says about L(N, D): what `fit points.csv --law nd --json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct PlaneReport {
    /// The law.
    #[serde(flatten)]
    pub law: LossInNAndD,
    /// Power of the FLOPs with which the best N grows, beta/(alpha + beta).
    pub optimal_exponent: f64,
    /// By the same objective; None with no point to spare.
    pub bootstrap: Option<PlaneBootstrap>,
    /// On alpha, beta and E, by the bootstrap's intervals; None where none was asked for.
    pub verdicts: Option<PlaneVerdicts>,
}

/// What the points say about each parameter that is not a mere scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaneVerdicts {
    /// Exponent of N.
    pub alpha: Verdict,
    /// Exponent of D.
    pub beta: Verdict,
    /// Floor that neither size nor data remove, nats per token.
    #[serde(rename = "E")]
    pub e: Verdict,
}

/// Fits L(N, D) by the objective; `resamples` = 0 leaves the bootstrap out.
///
/// # Errors
/// As [`LossInNAndD::fit`].
pub fn report_in_n_and_d(points: &[Point], objective: Objective, resamples: usize, seed: u64) -> Result<PlaneReport> {
    let law = LossInNAndD::fit_by(points, objective)?;
    let can_resample = points.len() > 5 && resamples > 0;
    let bootstrap = can_resample.then(|| law.bootstrap(points, resamples, seed)).transpose()?;
    let verdicts = match &bootstrap {
        Some(found) => Some(PlaneVerdicts {
            alpha: verdict::of_exponent(&found.alpha),
            beta: verdict::of_exponent(&found.beta),
            e: verdict::of_c(&found.e, points.iter().map(|point| point.val_loss)),
        }),
        None if points.len() <= 5 => {
            let free = Verdict::NotIdentified("5 parameters pass through 5 points, whatever the truth is".into());
            Some(PlaneVerdicts { alpha: free.clone(), beta: free.clone(), e: free })
        }
        None => None,
    };
    Ok(PlaneReport { optimal_exponent: law.optimal_exponent(), law, bootstrap, verdicts })
}

impl fmt::Display for PlaneReport {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}\nThe best N grows as C^{}", self.law, short(self.optimal_exponent))?;
        if let Some(found) = &self.bootstrap {
            let PlaneBootstrap { n_resamples, alpha, beta, e, optimal_exponent, .. } = found;
            write!(
                out,
                " (95 % {optimal_exponent})\nBootstrap ({n_resamples} resamples): alpha {alpha}, beta {beta}, E {e}"
            )?;
        }
        if let Some(PlaneVerdicts { alpha, beta, e }) = &self.verdicts {
            write!(out, "\nalpha is {alpha}\nbeta is {beta}\nE is {e}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_report_holds_what_the_command_line_promises() {
        let points: Vec<Point> = [(1e5, 2.0), (3e5, 1.7), (1e6, 1.55), (3e6, 1.41), (1e7, 1.36)]
            .map(|(n, loss)| Point::new(n, loss))
            .to_vec();
        let power = serde_json::to_value(report(&points, "power", 200, 1).unwrap()).unwrap();
        assert_eq!(power["law"], "power");
        for name in ["a", "alpha", "c"] {
            assert!(power[name].is_f64() && power["intervals"][name]["low"].is_f64(), "{name}");
            assert!(power["bootstrap"][name]["high"].is_f64(), "{name}");
        }
        assert!(power["r_squared"].as_f64().unwrap() > 0.9 && power["verdict"]["kind"].is_string());
        let log = serde_json::to_value(report(&points, "log", 200, 1).unwrap()).unwrap();
        for name in ["A", "B"] {
            assert!(log[name].is_f64() && log["intervals"][name]["low"].is_f64(), "{name}");
        }
        assert_eq!(
            report(&points, "linear", 200, 1).unwrap_err().to_string(),
            "there is no law `linear`; the laws are power, power-without-c, log"
        );
    }

    #[test]
    fn l_of_n_and_d_has_verdicts_and_five_points_identify_nothing() {
        let point = |n_params: f64, n_tokens: f64, wobble: f64| {
            let loss = 1.69 + 406.4 / n_params.powf(0.34) + 410.7 / n_tokens.powf(0.28) + wobble;
            Point::new(n_params, loss).with_tokens(n_tokens)
        };
        let sizes = [1e7, 1e8, 1e9, 1e10];
        let grid = sizes.iter().flat_map(|n| [1e9, 1e10, 1e11].map(|d| (*n, d))).enumerate();
        let many: Vec<Point> = grid.map(|(i, (n, d))| point(n, d, 1e-4 * (37.0 * i as f64).sin())).collect();
        for objective in Objective::ALL {
            let report = report_in_n_and_d(&many, objective, 200, 1).unwrap();
            println!("{report}\n");
            assert_eq!(report.verdicts.unwrap().alpha, Verdict::Identified);
            assert!(report.bootstrap.unwrap().beta.contains(0.28));
        }
        let five = [(1e7, 1e9), (1e8, 1e10), (1e9, 1e11), (1e7, 1e11), (1e9, 1e9)].map(|(n, d)| point(n, d, 0.0));
        let report = report_in_n_and_d(&five, Objective::LeastSquares, 200, 1).unwrap();
        assert!(report.bootstrap.is_none());
        assert!(report.to_string().contains("alpha is NOT identified: 5 parameters pass through 5 points"), "{report}");
    }

    #[test]
    fn three_points_report_the_curve_and_say_that_it_proves_nothing() {
        let points = [(1e5, 2.0), (1e6, 1.5), (1e7, 1.3)].map(|(n, loss)| Point::new(n, loss));
        let report = report(&points, "power", 1000, 1).unwrap();
        assert!(report.bootstrap.is_none() && (report.fit.predict(1e6) - 1.5).abs() < 1e-9);
        assert_eq!(
            report.to_string(),
            "L(N) = 81.38·N^-0.3979 + 1.167   (3 points, R² = 1)\n\
             alpha is NOT identified: 3 parameters pass through 3 points exactly, whatever the truth is"
        );
    }
}
