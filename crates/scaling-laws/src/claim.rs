//! Does a published law fit the table that it was published with?
//!
//! `fit points.csv --claim a=8.42,alpha=0.152,c=1.45 --claim-r2 0.998`: the claimed curve is laid through the points. Printed
//! numbers are rounded, so every value within half a unit of the last printed digit is given a chance.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

use crate::distributions::f_quantile;
use crate::fit::r_squared;
use crate::numbers::{short, significant};
use crate::points::mean;
use crate::{Fit, LEVEL, Law, Point};

/// A law as printed somewhere: `a=…,alpha=…,c=…`, `a=…,alpha=…`, or `A=…,B=…`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// The law.
    pub law: Law,
    /// A, alpha, c or a, alpha or A, B, in this order.
    pub parameters: Vec<Printed>,
    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub r_squared: Option<Printed>,
}

/// A number and half a unit of its last printed digit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Printed {
    /// Name.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Half a unit of the last printed digit.
    pub rounding: f64,
}

/// What laying a claim through the points showed.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimCheck {
    /// The claim.
    pub claim: Claim,
    /// R² of the claimed curve, as printed; far below zero for a curve that misses the points.
    pub r_squared: f64,
    /// The best that the rounding of its parameters allows.
    pub best_r_squared: f64,
    /// What the points say.
    pub optimum: Fit,
    /// Every point against the claimed curve.
    pub misses: Vec<Miss>,
    /// The curve is within the 95 % region of the points' own fit.
    pub curve_fits: bool,
    /// The claimed R² is that of the claimed curve, to its printed digits.
    pub r_squared_fits: Option<bool>,
}

/// One point against the claimed curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Miss {
    /// Size of the model, or any cost that all points of a fit share.
    pub n_params: f64,
    /// Loss in nats per token.
    pub val_loss: f64,
    /// Loss that the claim gives.
    pub claimed: f64,
}

impl FromStr for Claim {
    type Err = Error;

    fn from_str(text: &str) -> Result<Claim> {
        let mut given = Vec::new();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(|| unreadable(part))?;
            given.push(Printed::parse(name.trim(), value.trim())?);
        }
        let take = |names: &[&str]| -> Option<Vec<Printed>> {
            let found = names.iter().map(|name| given.iter().find(|printed| printed.name == *name).cloned());
            found.collect::<Option<Vec<Printed>>>().filter(|found| found.len() == given.len())
        };
        let found = Law::OF_N.into_iter().find_map(|law| Some((law, take(&law.parameters())?)));
        let (law, parameters) = found.ok_or_else(|| unreadable(text))?;
        Ok(Claim { law, parameters, r_squared: None })
    }
}

fn unreadable(text: &str) -> Error {
    Error::Fit(format!("`{text}` is not a claim; write a=8.42,alpha=0.152,c=1.45 or a=…,alpha=… or A=…,B=…"))
}

impl Printed {
    /// `0.152` is 0.152 ± 0.0005, `8e3` is 8000 ± 500.
    ///
    /// # Errors
    /// Text that is not a finite number.
    pub fn parse(name: &str, text: &str) -> Result<Printed> {
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| unreadable(text))?;
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len()) as i32;
        let unit = 10f64.powi(exponent.parse::<i32>().unwrap_or(0).saturating_sub(decimals));
        Ok(Printed { name: name.into(), value, rounding: 0.5 * unit })
    }
}

impl Claim {
    /// Adds the R² that was printed with the law, if one was.
    ///
    /// # Errors
    /// Text that is not a finite number.
    pub fn with_r_squared(mut self, text: Option<&str>) -> Result<Claim> {
        self.r_squared = text.map(|text| Printed::parse("r_squared", text)).transpose()?;
        Ok(self)
    }

    /// The parameters as printed, then every corner and middle of their rounding.
    fn readings(&self) -> Vec<Vec<f64>> {
        let mut readings = vec![Vec::new()];
        for printed in &self.parameters {
            let sides = [0.0, -printed.rounding, printed.rounding];
            readings = sides
                .iter()
                .flat_map(|side| readings.iter().map(move |reading| [&reading[..], &[printed.value + side]].concat()))
                .collect();
        }
        readings
    }

    /// Lays the claim through the points, which must suffice to fit the same law.
    ///
    /// # Errors
    /// Fewer sizes than the law has parameters, or a value that is no positive number.
    pub fn check(&self, points: &[Point]) -> Result<ClaimCheck> {
        let optimum = self.law.fit(points)?;
        let losses: Vec<f64> = points.iter().map(|point| point.val_loss).collect();
        let rss = |values: &Vec<f64>| -> f64 {
            points.iter().map(|point| (point.val_loss - self.law.loss(values, point)).powi(2)).sum()
        };
        let all: Vec<f64> = self.readings().iter().map(rss).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().copied().fold(0.0, f64::max);
        let r_squared = |rss: f64| r_squared(&losses, rss);

        let printed: Vec<f64> = self.parameters.iter().map(|printed| printed.value).collect();
        let claimed = |point: &Point| self.law.loss(&printed, point);
        let miss = |point: &Point| Miss { n_params: point.n_params, val_loss: point.val_loss, claimed: claimed(point) };
        Ok(ClaimCheck {
            r_squared: r_squared(rss(&printed)),
            best_r_squared: r_squared(least),
            misses: points.iter().map(miss).collect(),
            curve_fits: least <= allowed(&optimum, points, mean(&losses)),
            r_squared_fits: self.r_squared.as_ref().map(|claimed| {
                claimed.value + claimed.rounding >= r_squared(most)
                    && claimed.value - claimed.rounding <= r_squared(least)
            }),
            claim: self.clone(),
            optimum,
        })
    }
}

/// The largest RSS of the joint 95 % region: RSS_min·(1 + p/(n-p)·F(p, n-p)); with no point to spare, misses of 1 %.
fn allowed(optimum: &Fit, points: &[Point], loss_mean: f64) -> f64 {
    let (n, p) = (points.len() as f64, optimum.parameters.len() as f64);
    let one_per_cent = n * (0.01 * loss_mean).powi(2);
    if n > p {
        (optimum.rss * (1.0 + p / (n - p) * f_quantile(LEVEL, p, n - p))).max(1e-6 * one_per_cent)
    } else {
        one_per_cent
    }
}

impl ClaimCheck {
    /// Whether everything that was claimed agrees with the points.
    pub fn holds(&self) -> bool {
        self.curve_fits && self.r_squared_fits.unwrap_or(true)
    }
}

impl fmt::Display for ClaimCheck {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let written = |printed: &Printed| format!("{} = {}", printed.name, printed.value);
        let claim: Vec<String> = self.claim.parameters.iter().map(written).collect();
        let verdict = if self.curve_fits { "fits these points" } else { "does NOT fit these points" };
        writeln!(out, "The claim {} {verdict}.", claim.join(", "))?;
        let worst = self.misses.iter().max_by(|p, q| p.size().total_cmp(&q.size()));
        if let Some(miss) = worst {
            let (n, claimed, measured) = (short(miss.n_params), short(miss.claimed), short(miss.val_loss));
            writeln!(out, "Its largest miss is at N = {n}: it says {claimed}, the table {measured}.")?;
        }
        write!(out, "Its R² on these points is {}", significant(self.r_squared, 5))?;
        if let (Some(claimed), Some(fits)) = (&self.claim.r_squared, self.r_squared_fits) {
            write!(out, ", claimed was {} ({})", claimed.value, if fits { "agrees" } else { "does NOT agree" })?;
        }
        write!(out, ".\nThe points themselves say:\n{}", self.optimum)
    }
}

impl Miss {
    fn size(&self) -> f64 {
        (self.val_loss - self.claimed).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::b_transformer;

    fn claim(text: &str) -> Claim {
        text.parse().unwrap()
    }

    #[test]
    fn a_law_that_misses_its_own_table_is_found_out() {
        let claim = claim("a=8.42,alpha=0.152,c=1.45").with_r_squared(Some("0.998")).unwrap();
        let check = claim.check(&b_transformer()).unwrap();
        assert!(!check.holds() && !check.curve_fits && check.r_squared_fits == Some(false) && check.r_squared < -10.0);
        let text = check.to_string();
        println!("{text}");
        assert!(
            text.starts_with(
                "The claim a = 8.42, alpha = 0.152, c = 1.45 does NOT fit these points.\nIts largest miss"
            )
        );
    }

    #[test]
    fn the_published_fit_of_project_b_holds_to_its_printed_digits() {
        let claim = claim("a=5.3431,alpha=.1484,c=.8214").with_r_squared(Some(".9943")).unwrap();
        assert!(claim.check(&b_transformer()).unwrap().holds());
        let wrong = claim.with_r_squared(Some("0.998")).unwrap().check(&b_transformer()).unwrap();
        assert!(wrong.curve_fits && wrong.r_squared_fits == Some(false));
    }

    #[test]
    fn a_claim_that_cannot_be_read_says_how_to_write_one() {
        for text in ["a=1", "a=1,alpha=x,c=2", "alpha", "a=1,alpha=.1,c=1,d=2", "A=inf,B=1"] {
            let error = text.parse::<Claim>().unwrap_err().to_string();
            assert!(
                error.ends_with("is not a claim; write a=8.42,alpha=0.152,c=1.45 or a=…,alpha=… or A=…,B=…"),
                "{error}"
            );
        }
        let printed = Printed::parse("a", "8e3").unwrap();
        assert_eq!((printed.value, printed.rounding), (8000.0, 500.0));
    }
}
