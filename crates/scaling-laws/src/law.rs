//! The laws by name, and a fitted one of any kind: what reports and comparisons of laws work with.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use super::{Interval, LogLaw, Point, PowerLaw, Verdict};

/// Which form is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// a·N^-alpha + c
    Power,
    /// a·N^-alpha
    PowerWithoutC,
    /// A + B·ln N
    Log,
}

impl Law {
    /// Every one, in the order of tables.
    pub const ALL: [Law; 3] = [Law::Power, Law::PowerWithoutC, Law::Log];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Law::Power => "power",
            Law::PowerWithoutC => "power-without-c",
            Law::Log => "log",
        }
    }

    /// The formula, such as `A + B·ln N`.
    pub fn formula(self) -> &'static str {
        match self {
            Law::Power => "a·N^-alpha + c",
            Law::PowerWithoutC => "a·N^-alpha",
            Law::Log => "A + B·ln N",
        }
    }

    /// Fits this law.
    ///
    /// # Errors
    /// Fewer sizes than the law has parameters, or a value that is no positive number.
    pub fn fit(self, points: &[Point]) -> Result<Fitted> {
        match self {
            Law::Power => PowerLaw::fit(points).map(Fitted::Power),
            Law::PowerWithoutC => PowerLaw::fit_without_c(points).map(Fitted::Power),
            Law::Log => LogLaw::fit(points).map(Fitted::Log),
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}", self.name())
    }
}

impl FromStr for Law {
    type Err = Error;

    fn from_str(name: &str) -> Result<Law> {
        let found = Law::ALL.into_iter().find(|law| law.name() == name);
        found.ok_or_else(|| {
            Error::Fit(format!("there is no law `{name}`; the laws are {}", Law::ALL.map(Law::name).join(", ")))
        })
    }
}

/// The same of whichever law was fitted.
macro_rules! either {
    ($fit:expr, $law:ident => $value:expr) => {
        match $fit {
            Fitted::Power($law) => $value,
            Fitted::Log($law) => $value,
        }
    };
}

/// A fitted law of any kind.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Fitted {
    /// A power law.
    Power(PowerLaw),
    /// A log law.
    Log(LogLaw),
}

impl Fitted {
    /// The law's loss at N, in nats per token.
    pub fn predict(&self, n_params: f64) -> f64 {
        either!(self, law => law.predict(n_params))
    }

    /// 95 % intervals of the law itself; empty where there are none.
    pub fn band(&self, n_params: &[f64]) -> Vec<Interval> {
        either!(self, law => law.band(n_params))
    }

    /// The 95 % interval for the loss of one more run.
    pub fn prediction_interval(&self, n_params: f64) -> Option<Interval> {
        either!(self, law => law.prediction_interval(n_params))
    }

    /// The parameter that says how quickly the loss falls: alpha, or B.
    pub fn rate(&self) -> f64 {
        match self {
            Fitted::Power(law) => law.alpha,
            Fitted::Log(law) => law.slope,
        }
    }

    /// Free parameters of the law.
    pub fn n_parameters(&self) -> usize {
        either!(self, law => law.n_parameters)
    }

    /// Sum of squared residuals, nats².
    pub fn rss(&self) -> f64 {
        either!(self, law => law.rss)
    }

    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub fn r_squared(&self) -> f64 {
        either!(self, law => law.r_squared)
    }

    /// Whether the points determine the rate.
    pub fn verdict(&self) -> &Verdict {
        either!(self, law => &law.verdict)
    }
}

impl fmt::Display for Fitted {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        either!(self, law => law.fmt(out))
    }
}
