//! A fitted law: what it predicts, its intervals, its resamples, and what the points say about each parameter.

use crate::distributions::t_quantile;
use crate::law::Role;
use crate::numbers::{short, significant};
use crate::objective::{delta, log_fit, starts};
use crate::points::mean;
use crate::profile::Profile;
use crate::sample::{Curve, Quantity, Sample};
use crate::search::{minimise, simplex};
use crate::{Bootstrap, Interval, LEVEL, Law, Objective, Point, Result, Verdict, verdict};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;

/// One parameter of a fitted law.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As [`Law::parameters`] names it.
    pub name: &'static str,
    /// What the fit says.
    pub value: f64,
    /// 95 %, by profile likelihood calibrated by F (Student's t for the log law), or by resamples: [`Fit::with_resamples`]. None
    /// with no point to spare, or a loss that does not fall.
    pub interval: Option<Interval>,
    /// Whether the points determine it.
    pub verdict: Verdict,
}

/// A fitted law, all of its shares of the loss at least zero. Its parameters are found by name, `fit["alpha"].value`; a name that the
/// law does not have gives NaN without an interval.
///
/// `r_squared` = 1 - Σ(loss - L)² / Σ(loss - mean loss)² over the fitted points, in nats (not in logarithms); it is 0 if all losses are
/// equal. A loss that does not fall with N gives a = 0, alpha = 0 and c = the mean loss.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// What was made as small as it can be.
    pub objective: Objective,
    /// In the order of [`Law::parameters`].
    pub parameters: Vec<Parameter>,
    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub r_squared: f64,
    /// Sum of squared residuals, nats².
    pub rss: f64,
    /// Points fitted.
    pub n_points: usize,
    /// What else a reader must know, in sentences.
    pub remarks: Vec<String>,
    pub(crate) points: Vec<Point>,
    pub(crate) sample: Sample,
    pub(crate) curve: Curve,
}

impl Fit {
    /// Fits a law by an objective. Intervals come with [`Objective::LeastSquares`]; the others get theirs by
    /// [`Fit::with_resamples`].
    ///
    /// # Errors
    /// Points that do not suffice for the law, that lack what it needs, or a value that is no positive number; an objective of
    /// logarithms for a law that is not made of powers alone.
    pub fn new(law: Law, objective: Objective, points: &[Point]) -> Result<Fit> {
        law.check(points)?;
        let mut sample = Sample::new(law, points);
        let grouped = sample.grouped();
        let mut curve = grouped.optimum();
        match delta(objective) {
            Some(delta) => curve = log_fit(&sample, &starts(&grouped, curve, law)?, delta),
            None if grouped.is_grouped() => sample = grouped.measured(&sample, &mut curve),
            None => {}
        }
        let losses: Vec<f64> = points.iter().map(|point| point.val_loss).collect();
        let unknown = Verdict::NotIdentified("no resamples were asked for".into());
        let parameter = |(name, value)| Parameter { name, value, interval: None, verdict: unknown.clone() };
        let mut fit = Fit {
            law,
            objective,
            parameters: law.parameters().into_iter().zip(sample.values(&curve)).map(parameter).collect(),
            r_squared: r_squared(&losses, curve.rss),
            rss: curve.rss,
            n_points: points.len(),
            remarks: verdict::remarks(points, curve.rss, law),
            points: points.to_vec(),
            sample,
            curve,
        };
        let intervals = fit.profile().map(|profile| {
            let interval = |(name, role): &(&'static str, Role)| (*name, profile.interval(Quantity::Parameter(*role)));
            law.roles().iter().map(interval).collect()
        });
        fit.judge(intervals.unwrap_or_default());
        Ok(fit)
    }

    /// Gives every parameter its interval and its verdict.
    pub(crate) fn judge(&mut self, intervals: BTreeMap<&'static str, Interval>) {
        let without = verdict::without_interval(&self.points, self.falls(), self.law);
        let by_squares = self.objective == Objective::LeastSquares;
        let profile = || by_squares.then(|| Profile::new(&self.sample, &self.curve, verdict::CAUTIOUS)).flatten();
        for (parameter, (_, role)) in self.parameters.iter_mut().zip(self.law.roles()) {
            parameter.interval = intervals.get(parameter.name).copied();
            let cautious = || Some(profile()?.interval(Quantity::Parameter(*role)));
            match (&parameter.interval, &without) {
                (Some(found), _) => {
                    parameter.verdict = verdict::judge(*role, found, (&self.points, self.law), cautious)
                }
                (None, Some(reason)) => parameter.verdict = Verdict::NotIdentified(reason.clone()),
                (None, None) => {}
            }
        }
    }

    /// What it was fitted to.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Values of the parameters, in the order of [`Law::parameters`].
    pub fn values(&self) -> Vec<f64> {
        self.parameters.iter().map(|parameter| parameter.value).collect()
    }

    /// On the parameter that says how quickly the loss falls.
    pub fn verdict(&self) -> &Verdict {
        &self[self.law.rate()].verdict
    }

    /// The law's loss there, in nats per token: `fit.predict(1e8)`, or `fit.predict(Point::from(1e8).with_tokens(2e9))`. A straight line
    /// in ln N goes below zero for N large enough, as no loss does.
    pub fn predict(&self, at: impl Into<Point>) -> f64 {
        self.law.loss(&self.values(), &at.into())
    }

    /// 95 % intervals of the law itself at these places; empty where there are none (`interval` is None).
    pub fn band<P: Into<Point> + Copy>(&self, at: &[P]) -> Vec<Interval> {
        let Some(profile) = self.profile() else { return Vec::new() };
        at.iter().map(|&at| profile.interval(Quantity::Loss(self.sample.row(&at.into())))).collect()
    }

    /// The 95 % interval for the loss of one more run: the law's own interval widened by the scatter of runs.
    pub fn prediction_interval(&self, at: impl Into<Point>) -> Option<Interval> {
        let (at, degrees) = (at.into(), self.sample.degrees_of_freedom() as f64);
        let law = self.profile()?.interval(Quantity::Loss(self.sample.row(&at)));
        let scatter = t_quantile(LEVEL, degrees) * (self.rss / degrees).sqrt();
        let value = self.predict(at);
        let (below, above) = ((value - law.low).hypot(scatter), (law.high - value).hypot(scatter));
        let least = if self.law == Law::Log { f64::NEG_INFINITY } else { 0.0 };
        Some(Interval { low: (value - below).max(least), high: value + above, level: LEVEL })
    }

    /// beta/(alpha + beta): the best N grows as this power of the FLOPs (Hoffmann et al. 2022, equation 4). None where it does not: a
    /// law of N alone, or `mupt`.
    pub fn optimal_exponent(&self) -> Option<f64> {
        let [alpha, beta] = ["alpha", "beta"].map(|name| self[name].value);
        (!self.law.is_of_n() && self.law != Law::Mupt).then(|| beta / (alpha + beta))
    }

    /// The same with intervals and verdicts by resamples in place of the profile's: those of two objectives are then comparable. A
    /// flat law, or no point to spare, leaves no interval, which the verdicts say.
    ///
    /// # Errors
    /// Fewer than 100 resamples.
    pub fn with_resamples(mut self, n_resamples: usize, seed: u64) -> Result<Fit> {
        let without = verdict::without_interval(&self.points, self.falls(), self.law).is_some();
        let intervals = if without { BTreeMap::new() } else { self.bootstrap(n_resamples, seed)?.intervals };
        self.judge(intervals);
        Ok(self)
    }

    /// `n_resamples` refits, by the same objective, of the law plus drawn noise.
    ///
    /// # Errors
    /// No point to spare, because the noise is then unknown; a flat law; fewer than 100 resamples.
    pub fn bootstrap(&self, n_resamples: usize, seed: u64) -> Result<Bootstrap> {
        Bootstrap::new(self, n_resamples, seed)
    }

    /// Whether a smaller loss comes with a larger size.
    pub(crate) fn falls(&self) -> bool {
        if self.law == Law::Log { self.curve.shares[1] < 0.0 } else { !self.curve.exponents.contains(&0.0) }
    }

    fn profile(&self) -> Option<Profile<'_>> {
        let by_squares = self.objective == Objective::LeastSquares;
        by_squares.then(|| Profile::new(&self.sample, &self.curve, LEVEL)).flatten()
    }
}

impl Sample {
    /// Least squares over the whole range of the exponents.
    pub(crate) fn optimum(&self) -> Curve {
        self.solve(&minimise(self.law.ranges(), |exponents| self.solve(exponents).rss)).or_flat()
    }

    /// The same for a law with two or more exponents, or a long table, from a place that is close; else all is searched anew.
    pub(crate) fn optimum_near(&self, curve: &Curve) -> Curve {
        if curve.exponents.is_empty() || curve.exponents.len() < 2 && !self.is_grouped() {
            return self.optimum();
        }
        self.solve(&simplex(self.law.ranges(), &curve.exponents, 1e-13, |exponents| self.solve(exponents).rss).1)
            .or_flat()
    }
}

/// 1 - RSS / Σ(loss - mean)², and 0 where the losses do not vary.
pub(crate) fn r_squared(loss: &[f64], rss: f64) -> f64 {
    let loss_mean = mean(loss);
    let total: f64 = loss.iter().map(|loss| (loss - loss_mean).powi(2)).sum();
    if total > 0.0 { 1.0 - rss / total } else { 0.0 }
}

impl Index<&str> for Fit {
    type Output = Parameter;

    fn index(&self, name: &str) -> &Parameter {
        const NONE: &Parameter =
            &Parameter { name: "", value: f64::NAN, interval: None, verdict: Verdict::NotIdentified(String::new()) };
        self.parameters.iter().find(|parameter| parameter.name == name).unwrap_or(NONE)
    }
}

/// `law`, `objective`, the parameters by name, `r_squared`, `rss`, `n_points`, `n_parameters`, `intervals` (null where there are
/// none), `verdict` of the rate, `c_verdict` where there is a c, `verdicts` of all, `remarks`.
impl Serialize for Fit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("law", &self.law)?;
        map.serialize_entry("objective", &self.objective)?;
        for parameter in &self.parameters {
            map.serialize_entry(parameter.name, &parameter.value)?;
        }
        map.serialize_entry("r_squared", &self.r_squared)?;
        map.serialize_entry("rss", &self.rss)?;
        map.serialize_entry("n_points", &self.n_points)?;
        map.serialize_entry("n_parameters", &self.parameters.len())?;
        let interval = |parameter: &Parameter| Some((parameter.name, parameter.interval?));
        let intervals: Option<BTreeMap<&str, Interval>> = self.parameters.iter().map(interval).collect();
        map.serialize_entry("intervals", &intervals)?;
        let verdicts = self.parameters.iter().map(|parameter| (parameter.name, &parameter.verdict));
        let verdicts: BTreeMap<&str, &Verdict> = verdicts.collect();
        map.serialize_entry("verdict", self.verdict())?;
        if let Some(of_c) = verdicts.get("c") {
            map.serialize_entry("c_verdict", of_c)?;
        }
        map.serialize_entry("verdicts", &verdicts)?;
        map.serialize_entry("remarks", &self.remarks)?;
        map.end()
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let values: Vec<String> = self.values().into_iter().map(short).collect();
        match (self.law, &values[..]) {
            (Law::Power, [a, alpha, c]) => write!(out, "L(N) = {a}·N^-{alpha} + {c}")?,
            (Law::PowerWithoutC, [a, alpha]) => write!(out, "L(N) = {a}·N^-{alpha}")?,
            (Law::Log, [a, b]) if b.starts_with('-') => write!(out, "L(N) = {a} - {}·ln N", b.trim_start_matches('-'))?,
            (Law::Log, [a, b]) => write!(out, "L(N) = {a} + {b}·ln N")?,
            (Law::Plane, [e, a, alpha, b, beta]) => write!(out, "L(N, D) = {e} + {a}/N^{alpha} + {b}/D^{beta}")?,
            (Law::Mupt, [e, a, alpha, b, beta, d]) => {
                write!(out, "L(N, D) = {e} + {a}/N^{alpha} + {b}/D^{beta} + {d}/(N^{alpha}·D^{beta})")?
            }
            (_, [e, a, alpha, b, beta, r]) => write!(out, "L(N, D') = {e} + {a}/N^{alpha} + {b}/D'^{beta}, R* = {r}")?,
            (_, values) => write!(out, "{}", values.join(", "))?, // no law has another number of parameters
        }
        write!(out, "   ({} points, R² = {}", self.n_points, significant(self.r_squared, 5))?;
        match self.objective {
            Objective::LeastSquares => write!(out, ")")?,
            other => write!(out, ", {other})")?,
        }
        let ordered = self.in_order();
        let with_interval =
            |(parameter, _): &(&Parameter, bool)| Some(format!("{} {}", label(parameter), parameter.interval?));
        let intervals: Vec<String> = ordered.iter().filter_map(with_interval).collect();
        if !intervals.is_empty() {
            write!(out, "\n95 % intervals: {}", intervals.join(", "))?;
        }
        for (parameter, is_judged) in ordered {
            if is_judged && (parameter.interval.is_some() || parameter.name == self.law.rate()) {
                write!(out, "\n{} is {}", label(parameter), parameter.verdict)?;
            }
        }
        self.remarks.iter().try_for_each(|remark| write!(out, "\n{remark}"))
    }
}

impl Fit {
    /// Rates first, then the floor, then mere scales, which nobody asks a verdict on.
    fn in_order(&self) -> Vec<(&Parameter, bool)> {
        let rank = |role: &Role| match role {
            Role::Exponent(_) | Role::Slope => 0,
            Role::Floor => 1,
            Role::Factor(_) | Role::Level => 2,
        };
        let mut ordered: Vec<(&Parameter, i32)> = self
            .parameters
            .iter()
            .zip(self.law.roles())
            .map(|(parameter, (_, role))| (parameter, rank(role)))
            .collect();
        ordered.sort_by_key(|(_, rank)| *rank);
        ordered.into_iter().map(|(parameter, rank)| (parameter, rank < 2)).collect()
    }
}

fn label(parameter: &Parameter) -> &'static str {
    if parameter.name == "r_star" { "R*" } else { parameter.name }
}
