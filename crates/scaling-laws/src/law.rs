//! The laws: what each is called, its parameters, and the features that it is linear in once its exponents are fixed.
//!
//! ```text
//! power              a·N^-alpha + c
//! power-without-c    a·N^-alpha
//! log                A + B·ln N
//! nd                 E + A/N^alpha + B/D^beta                      (Hoffmann et al. 2022)
//! repeated           the same of D' = U + U·R*·(1 - exp(-R/R*))    (Muennighoff et al. 2023, equation 5)
//! mupt               E + A/N^alpha + B/D^beta + d/(N^alpha·D^beta) (after Qu et al. 2024)
//! ```
//! U are the unique tokens, R = D/U - 1 the repetitions after the first epoch: the first of them are worth almost as much as new
//! text; after R* their worth has fallen to 1/e, and however long one trains, D' stays below U·(1 + R*).
//!
//! `mupt` is what MuPT's Symbolic Music Scaling law adds to Hoffmann's: a term of the product of N and D, with the exponents of the
//! two other terms, so that the worth of more text depends on the size. Left out are its discount of repeated tokens (`repeated` has
//! one) and its term for overfitting, which both speak of text seen again. Like every other share, d is at least zero here. The form
//! was not held against the paper's printed equations: compare fits of this law with each other, not with MuPT's coefficients.

use crate::points::{Needs, by_size, check};
use crate::{Error, Fit, Objective, Point, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The exponents that are searched: 0.001 is a straight line in ln N to any eye, 5 a step after the smallest model.
pub const ALPHA_RANGE: (f64, f64) = (1e-3, 5.0);

/// The R* that are searched: 0.1 makes even the second epoch nearly worthless, 1000 makes repeating as good as new text.
pub const R_STAR_RANGE: (f64, f64) = (0.1, 1000.0);

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
    /// E + A/N^alpha + B/D^beta; points need their tokens.
    #[serde(rename = "nd")]
    Plane,
    /// E + A/N^alpha + B/D'^beta, where repeated tokens are worth less; points also need their unique tokens.
    Repeated,
    /// E + A/N^alpha + B/D^beta + d/(N^alpha·D^beta): what more text is worth depends on the size, and the other way round.
    Mupt,
}

/// What a parameter is to its law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// The constant.
    Floor,
    /// The factor of a power; 0 is that of N, 1 that of D, 2 that of their product.
    Factor(usize),
    /// An exponent, or R*: what the search is over.
    Exponent(usize),
    /// Loss at N = 1 of a straight line in ln N.
    Level,
    /// Its slope.
    Slope,
}

impl Law {
    /// Every one, in the order of tables.
    pub const ALL: [Law; 6] = [Law::Power, Law::PowerWithoutC, Law::Log, Law::Plane, Law::Repeated, Law::Mupt];
    /// The laws of N alone.
    pub const OF_N: [Law; 3] = [Law::Power, Law::PowerWithoutC, Law::Log];
    /// The rival laws of N and of tokens that are all new.
    pub const OF_N_AND_D: [Law; 2] = [Law::Plane, Law::Mupt];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Law::Power => "power",
            Law::PowerWithoutC => "power-without-c",
            Law::Log => "log",
            Law::Plane => "nd",
            Law::Repeated => "repeated",
            Law::Mupt => "mupt",
        }
    }

    /// The formula, such as `A + B·ln N`.
    pub fn formula(self) -> &'static str {
        match self {
            Law::Power => "a·N^-alpha + c",
            Law::PowerWithoutC => "a·N^-alpha",
            Law::Log => "A + B·ln N",
            Law::Plane => "E + A/N^alpha + B/D^beta",
            Law::Repeated => "E + A/N^alpha + B/D'^beta",
            Law::Mupt => "E + A/N^alpha + B/D^beta + d/(N^alpha·D^beta)",
        }
    }

    /// Names of the parameters, in the order in which [`Law::loss`] takes them.
    pub fn parameters(self) -> Vec<&'static str> {
        self.roles().iter().map(|(name, _)| *name).collect()
    }

    pub(crate) fn roles(self) -> &'static [(&'static str, Role)] {
        const REPEATED: [(&str, Role); 6] = [
            ("E", Role::Floor),
            ("A", Role::Factor(0)),
            ("alpha", Role::Exponent(0)),
            ("B", Role::Factor(1)),
            ("beta", Role::Exponent(1)),
            ("r_star", Role::Exponent(2)),
        ];
        const MUPT: [(&str, Role); 6] = {
            let mut roles = REPEATED;
            roles[5] = ("d", Role::Factor(2));
            roles
        };
        const POWER: [(&str, Role); 3] = [("a", Role::Factor(0)), ("alpha", Role::Exponent(0)), ("c", Role::Floor)];
        match self {
            Law::Power => &POWER,
            Law::PowerWithoutC => &POWER[..2],
            Law::Log => &[("A", Role::Level), ("B", Role::Slope)],
            Law::Plane => &REPEATED[..5],
            Law::Repeated => &REPEATED,
            Law::Mupt => &MUPT,
        }
    }

    /// The parameter that says how quickly the loss falls.
    pub fn rate(self) -> &'static str {
        if self == Law::Log { "B" } else { "alpha" }
    }

    /// Ranges of what the search is over.
    pub(crate) fn ranges(self) -> &'static [(f64, f64)] {
        const ALL: [(f64, f64); 3] = [ALPHA_RANGE, ALPHA_RANGE, R_STAR_RANGE];
        match self {
            Law::Log => &[],
            Law::Power | Law::PowerWithoutC => &ALL[..1],
            Law::Plane | Law::Mupt => &ALL[..2],
            Law::Repeated => &ALL,
        }
    }

    /// Whether N alone decides the loss.
    pub fn is_of_n(self) -> bool {
        Law::OF_N.contains(&self)
    }

    /// The loss in nats per token that these values of [`Law::parameters`] give; NaN where the point lacks what the law needs.
    pub fn loss(self, values: &[f64], at: &Point) -> f64 {
        let n = at.n_params;
        match (self, values) {
            (Law::Power, [a, alpha, c]) => a * n.powf(-alpha) + c,
            (Law::PowerWithoutC, [a, alpha]) => a * n.powf(-alpha),
            (Law::Log, [a, b]) => a + b * n.ln(),
            (Law::Plane, [e, a, alpha, b, beta]) => e + a / n.powf(*alpha) + b / at.tokens().powf(*beta),
            (Law::Mupt, [e, a, alpha, b, beta, d]) => {
                let (f, g) = (n.powf(-alpha), at.tokens().powf(-beta));
                e + a * f + b * g + d * f * g
            }
            (Law::Repeated, [e, a, alpha, b, beta, r_star]) => {
                let worth = effective_tokens(at.tokens(), at.unique_tokens(), *r_star);
                e + a / n.powf(*alpha) + b / worth.powf(*beta)
            }
            _ => f64::NAN,
        }
    }

    /// Least squares in nats per token, with intervals and verdicts.
    ///
    /// # Errors
    /// Points that do not suffice for the law, that lack what it needs, or a value that is no positive number.
    pub fn fit(self, points: &[Point]) -> Result<Fit> {
        Fit::new(self, Objective::LeastSquares, points)
    }

    /// An error unless the points have what the law needs, and enough of it.
    pub(crate) fn check(self, points: &[Point]) -> Result<()> {
        let n_parameters = self.roles().len();
        if self.is_of_n() {
            check(points, &[])?;
            return check_sizes(points, self.formula(), n_parameters);
        }
        let needs = [Needs::Tokens, Needs::UniqueTokens];
        check(points, if self == Law::Repeated { &needs } else { &needs[..1] })?;
        if points.len() < n_parameters {
            let (formula, n) = (self.formula(), points.len());
            return Err(Error::Fit(format!(
                "L(N, D) = {formula} has {n_parameters} parameters and there are {n} points"
            )));
        }
        if self == Law::Repeated && !points.iter().any(|point| point.tokens() > 1.5 * point.unique_tokens()) {
            return Err(Error::Fit(
                "no run saw its text for more than one epoch and a half, so the worth of repetition cannot be seen; train some for longer"
                    .into(),
            ));
        }
        for (name, n) in [("N", distinct(points, |p| p.n_params)), ("D", distinct(points, Point::tokens))] {
            if n < 3 {
                return Err(Error::Fit(format!(
                    "the points have {n} different values of {name}; L(N, D) = {} needs at least 3",
                    self.formula()
                )));
            }
        }
        Ok(())
    }
}

/// D' = U + U·R*·(1 - exp(-R/R*)), with U = min(D, unique tokens) and R = D/U - 1.
pub fn effective_tokens(n_tokens: f64, n_unique_tokens: f64, r_star: f64) -> f64 {
    let unique = n_tokens.min(n_unique_tokens);
    let repetitions = n_tokens / unique - 1.0;
    unique * (1.0 - r_star * (-repetitions / r_star).exp_m1())
}

fn check_sizes(points: &[Point], formula: &str, n_parameters: usize) -> Result<()> {
    let n_sizes = by_size(points).len();
    if n_sizes >= n_parameters {
        return Ok(());
    }
    let (n, sizes) = (points.len(), if n_sizes == 1 { "size" } else { "different sizes" });
    Err(Error::Fit(format!(
        "L(N) = {formula} has {n_parameters} parameters and the {n} given points have {n_sizes} {sizes}; \
         train models of at least {n_parameters} sizes, better {} or more",
        n_parameters + 2
    )))
}

fn distinct(points: &[Point], value: impl Fn(&Point) -> f64) -> usize {
    let mut values: Vec<f64> = points.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.len()
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
