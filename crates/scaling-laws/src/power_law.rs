//! L(N) = a·N^-alpha + c: the reducible loss falls as a power of the size, down to a floor c.

use crate::Result;
use serde::Serialize;
use std::fmt;

use super::distributions::t_quantile;
use super::global::{Optimum, Sample};
use super::numbers::{short, significant};
use super::points::{Interval, Point, check_enough, mean};
use super::profile::Profile;
use super::{LEVEL, Verdict, verdict};

/// A fitted power law. Least squares in nats per token over a ≥ 0, c ≥ 0 and alpha in [`super::ALPHA_RANGE`].
///
/// `r_squared` = 1 - Σ(loss - L(N))² / Σ(loss - mean loss)² over the fitted points, in nats (not in logarithms); it is 0 if
/// all losses are equal. A loss that does not fall with N gives a = 0, alpha = 0 and c = the mean loss.
#[derive(Clone, Debug, Serialize)]
pub struct PowerLaw {
    /// Factor of the power of N.
    pub a: f64,
    /// Exponent of N.
    pub alpha: f64,
    /// Floor that no size removes, nats per token.
    pub c: f64,
    /// 1 - RSS / Σ(loss - mean loss)², in nats.
    pub r_squared: f64,
    /// Points fitted.
    pub n_points: usize,
    /// Three, or two where c is fixed at zero.
    pub n_parameters: usize,
    /// 95 % intervals; None with no point to spare or a loss that does not fall.
    pub intervals: Option<PowerIntervals>,
    /// Whether the points determine alpha.
    pub verdict: Verdict,
    /// Whether the points determine c.
    pub c_verdict: Verdict,
    /// What else a reader must know, in sentences.
    pub remarks: Vec<String>,
    /// Sum of squared residuals, nats².
    pub rss: f64,
    #[serde(skip)]
    pub(super) sample: Sample,
}

/// 95 % intervals by profile likelihood, calibrated by F (see `profile.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PowerIntervals {
    /// Factor of the power of N.
    pub a: Interval,
    /// Exponent of N.
    pub alpha: Interval,
    /// Floor that no size removes, nats per token.
    pub c: Interval,
}

impl PowerLaw {
    /// Fits L(N) = a·N^-alpha + c.
    ///
    /// # Errors
    /// Fewer than three sizes, or a value that is no positive number.
    pub fn fit(points: &[Point]) -> Result<PowerLaw> {
        check_enough(points, "a·N^-alpha + c", 3)?;
        Ok(PowerLaw::from_sample(points, Sample::new(points, true)))
    }

    /// Fits L(N) = a·N^-alpha, a loss with no floor.
    ///
    /// # Errors
    /// Fewer than two sizes, or a value that is no positive number.
    pub fn fit_without_c(points: &[Point]) -> Result<PowerLaw> {
        check_enough(points, "a·N^-alpha", 2)?;
        Ok(PowerLaw::from_sample(points, Sample::new(points, false)))
    }

    fn from_sample(points: &[Point], sample: Sample) -> PowerLaw {
        let optimum = sample.optimum();
        let n_parameters = sample.n_parameters();
        let intervals = Profile::new(&sample, &optimum, LEVEL).map(|profile| PowerIntervals {
            a: profile.a(),
            alpha: profile.alpha(),
            c: if sample.with_c { profile.c() } else { Interval { low: 0.0, high: 0.0, level: LEVEL } },
        });
        let (verdict, c_verdict) = verdicts(points, &optimum, intervals.as_ref(), &sample);
        PowerLaw {
            a: optimum.h * (optimum.alpha * sample.ln_n0).exp(), // h = a·N0^-alpha
            alpha: optimum.alpha,
            c: optimum.c,
            r_squared: r_squared(&sample.loss, optimum.rss),
            n_points: points.len(),
            n_parameters,
            intervals,
            verdict,
            c_verdict,
            remarks: verdict::remarks(points, optimum.rss, n_parameters),
            rss: optimum.rss,
            sample,
        }
    }

    /// L(N) = a·N^-alpha + c, in nats per token.
    pub fn predict(&self, n_params: f64) -> f64 {
        self.a * n_params.powf(-self.alpha) + self.c
    }

    /// 95 % intervals of the law itself at these sizes; empty where there are none (`intervals` is None).
    pub fn band(&self, n_params: &[f64]) -> Vec<Interval> {
        let profile = Profile::new(&self.sample, &self.optimum(), LEVEL);
        profile.map_or_else(Vec::new, |profile| n_params.iter().map(|&n| profile.loss_at(n)).collect())
    }

    /// The 95 % interval for the loss of one more run at N: the law's own interval widened by the scatter of runs.
    pub fn prediction_interval(&self, n_params: f64) -> Option<Interval> {
        let degrees = self.sample.degrees_of_freedom() as f64;
        let law = Profile::new(&self.sample, &self.optimum(), LEVEL)?.loss_at(n_params);
        let scatter = t_quantile(LEVEL, degrees) * (self.rss / degrees).sqrt();
        let value = self.predict(n_params);
        let (below, above) = ((value - law.low).hypot(scatter), (law.high - value).hypot(scatter));
        Some(Interval { low: (value - below).max(0.0), high: value + above, level: LEVEL })
    }

    pub(super) fn optimum(&self) -> Optimum {
        let h = self.a * (-self.alpha * self.sample.ln_n0).exp();
        Optimum { alpha: self.alpha, h, c: self.c, rss: self.rss }
    }
}

fn verdicts(
    points: &[Point],
    optimum: &Optimum,
    intervals: Option<&PowerIntervals>,
    sample: &Sample,
) -> (Verdict, Verdict) {
    let falls = optimum.h > 0.0;
    match intervals {
        Some(found) => {
            let c = if sample.with_c {
                verdict::of_c(&found.c, points.iter().map(|point| point.val_loss))
            } else {
                Verdict::Identified
            };
            (verdict::of_alpha(&found.alpha, points, sample.n_parameters()), c)
        }
        None => {
            let reason = verdict::without_interval(points, falls, sample.n_parameters())
                .unwrap_or_else(|| "the points leave no degree of freedom".into());
            (Verdict::NotIdentified(reason.clone()), Verdict::NotIdentified(reason))
        }
    }
}

/// 1 - RSS / Σ(loss - mean)², and 0 where the losses do not vary.
pub(super) fn r_squared(loss: &[f64], rss: f64) -> f64 {
    let loss_mean = mean(loss);
    let total: f64 = loss.iter().map(|loss| (loss - loss_mean).powi(2)).sum();
    if total > 0.0 { 1.0 - rss / total } else { 0.0 }
}

impl fmt::Display for PowerLaw {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let floor = if self.n_parameters == 3 { format!(" + {}", short(self.c)) } else { String::new() };
        let r_squared = significant(self.r_squared, 5);
        writeln!(
            out,
            "L(N) = {}·N^-{}{floor}   ({} points, R² = {r_squared})",
            short(self.a),
            short(self.alpha),
            self.n_points
        )?;
        if let Some(PowerIntervals { a, alpha, c }) = &self.intervals {
            let c = if self.n_parameters == 3 { format!(", c {c}") } else { String::new() };
            writeln!(out, "95 % intervals: alpha {alpha}{c}, a {a}")?;
        }
        write!(out, "alpha is {}", self.verdict)?;
        if self.n_parameters == 3 && self.intervals.is_some() {
            write!(out, "\nc is {}", self.c_verdict)?;
        }
        self.remarks.iter().try_for_each(|remark| write!(out, "\n{remark}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::{a_transformer, b_transformer};
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    fn points(sizes: &[f64], losses: &[f64]) -> Vec<Point> {
        sizes.iter().zip(losses).map(|(n, loss)| Point::new(*n, *loss)).collect()
    }

    fn assert_near(found: f64, known: f64, tolerance: f64) {
        assert!((found - known).abs() <= tolerance, "found {found}, known {known}");
    }

    #[test]
    fn recovers_planted_laws_to_six_digits() {
        for alpha in [0.03, 0.05, 0.1, 0.2, 0.34, 0.5, 0.8, 1.0, 1.5, 2.0] {
            for c in [0.0, 0.3, 1.7] {
                let a = 2.0 * 1e5_f64.powf(alpha); // a reducible loss of two nats at N = 1e5
                let sizes = [1e5, 4e5, 1e6, 5e6, 2e7];
                let law = PowerLaw::fit(&points(&sizes, &sizes.map(|n: f64| a * n.powf(-alpha) + c))).unwrap();
                assert_near(law.alpha / alpha, 1.0, 1e-6);
                assert_near(law.a / a, 1.0, 1e-6);
                assert_near(law.c, c, 1e-6);
                let interval = law.intervals.unwrap().alpha;
                assert!(interval.high / interval.low < 1.001 && law.verdict == Verdict::Identified, "{law}");
            }
        }
    }

    #[test]
    fn a_law_without_floor_is_recovered_by_the_fit_without_c() {
        let sizes = [1e5, 1e6, 1e7];
        let law = PowerLaw::fit_without_c(&points(&sizes, &sizes.map(|n: f64| 8.0 * n.powf(-0.12)))).unwrap();
        assert_near(law.alpha, 0.12, 1e-8);
        assert_near(law.a, 8.0, 1e-6);
        assert_eq!(law.c, 0.0);
        assert!(law.to_string().starts_with("L(N) = 8·N^-0.12   (3 points, R² = 1)"), "{law}");
    }

    #[test]
    fn counting_parameters_in_millions_changes_a_and_nothing_else() {
        let law = PowerLaw::fit(&b_transformer()).unwrap();
        let millions: Vec<Point> = b_transformer().iter().map(|p| Point::new(p.n_params / 1e6, p.val_loss)).collect();
        let scaled = PowerLaw::fit(&millions).unwrap();
        assert_near(scaled.alpha, law.alpha, 1e-7);
        assert_near(scaled.c, law.c, 1e-7);
        assert_near(scaled.a * 1e6_f64.powf(law.alpha) / law.a, 1.0, 1e-6);
        assert_near(scaled.intervals.unwrap().alpha.low, law.intervals.unwrap().alpha.low, 1e-6);
    }

    #[test]
    fn bits_instead_of_nats_change_a_and_c_by_one_factor() {
        let law = PowerLaw::fit(&a_transformer()).unwrap();
        let bits: Vec<Point> = a_transformer().iter().map(|p| Point::new(p.n_params, p.val_loss / 2f64.ln())).collect();
        let scaled = PowerLaw::fit(&bits).unwrap();
        assert_near(scaled.alpha, law.alpha, 1e-6);
        assert_near(scaled.c * 2f64.ln(), law.c, 1e-6);
    }

    #[test]
    fn the_order_of_the_points_does_not_matter() {
        let mut reversed = b_transformer();
        reversed.reverse();
        assert_near(PowerLaw::fit(&reversed).unwrap().alpha, PowerLaw::fit(&b_transformer()).unwrap().alpha, 1e-8);
    }

    #[test]
    fn repeated_sizes_are_repeats_and_give_the_interval_its_noise() {
        let sizes = [1e5, 1e5, 1e6, 1e6, 1e7, 1e7];
        let law = PowerLaw::fit(&points(&sizes, &[2.01, 1.99, 1.51, 1.49, 1.31, 1.29])).unwrap();
        assert_near(law.predict(1e6), 1.5, 1e-6); // three sizes: the curve passes through their means
        assert!(law.intervals.unwrap().alpha.contains(law.alpha));
        assert_eq!(law.remarks, ["Runs of the same size scatter by 0.01414 (standard deviation)."]);
        assert!(
            matches!(&law.verdict, Verdict::WeaklyIdentified(why) if why.ends_with("whether the law's form is right"))
        );
        let error = PowerLaw::fit(&points(&sizes, &[2.0; 6])[..4]).unwrap_err().to_string();
        assert!(error.contains("3 parameters and the 4 given points have 2 different sizes"), "{error}");
    }

    #[test]
    fn a_rising_loss_gives_a_flat_law_that_says_so() {
        let law = PowerLaw::fit(&points(&[1e5, 1e6, 1e7, 1e8], &[1.0, 1.1, 1.2, 1.3])).unwrap();
        assert_eq!((law.a, law.alpha), (0.0, 0.0));
        assert_near(law.c, 1.15, 1e-12);
        assert!(law.to_string().contains("the loss rises with N, from 1 at N = 100000 to 1.3 at N = 1e8"), "{law}");
        let flat = PowerLaw::fit(&points(&[1e5, 1e6, 1e7, 1e8], &[1.0; 4])).unwrap();
        assert!(flat.to_string().contains("a constant describes it as well as any law"), "{flat}");
        assert_eq!(flat.r_squared, 0.0);
    }

    #[test]
    fn the_band_holds_the_curve_and_widens_away_from_the_points() {
        let law = PowerLaw::fit(&b_transformer()).unwrap();
        let sizes = [2e5, 1e6, 7e6, 1e8, 1e9];
        let band = law.band(&sizes);
        for (n, interval) in sizes.iter().zip(&band) {
            assert!(interval.contains(law.predict(*n)) && interval.low >= 0.0, "{n}: {interval}");
        }
        let width = |index: usize| band[index].high - band[index].low;
        assert!(width(1) < width(3) && width(3) < width(4));
        let run = law.prediction_interval(1e8).unwrap();
        assert!(run.low < band[3].low && run.high > band[3].high);
    }

    #[test]
    fn whatever_the_points_the_fit_is_finite_and_inside_its_interval() {
        let mut random = Pcg64Mcg::seed_from_u64(9);
        for _ in 0..300 {
            let n = random.random_range(3..9);
            let spread = random.random_range(0.01..20.0);
            let wild: Vec<Point> = (0..n)
                .map(|_| Point::new((spread * random.random::<f64>()).exp(), (spread * random.random::<f64>()).exp()))
                .collect();
            let law = PowerLaw::fit(&wild).unwrap();
            assert!(law.a >= 0.0 && law.c >= 0.0 && law.predict(1e6).is_finite() && law.r_squared <= 1.0, "{wild:?}");
            if let Some(found) = law.intervals {
                let held = [(found.a, law.a), (found.alpha, law.alpha), (found.c, law.c)];
                assert!(
                    held.iter().all(|(range, value)| range.low.min(value * 0.999999) == range.low),
                    "{law} {wild:?}"
                );
                assert!(held.iter().all(|(range, value)| *value <= range.high * 1.000001 + 1e-12), "{law} {wild:?}");
            }
        }
    }

    /// The ends of an interval are where the best fit with that parameter held just reaches the limit of the RSS:
    /// checked for c by a brute-force search over (alpha, a) at c = the end.
    #[test]
    fn the_ends_of_cs_interval_cost_exactly_the_allowed_misfit() {
        let (points, law) = (a_transformer(), PowerLaw::fit(&a_transformer()).unwrap());
        let best_with_c = |c: f64| {
            let less: Vec<Point> = points.iter().map(|p| Point::new(p.n_params, p.val_loss - c)).collect();
            PowerLaw::fit_without_c(&less).unwrap().rss
        };
        let limit = law.rss * (1.0 + 18.5128 / 2.0); // F(.95; 1, 2) = 18.5128
        let interval = law.intervals.unwrap().c;
        println!("c {interval}");
        for end in [interval.low, interval.high].into_iter().filter(|end| *end > 0.0 && *end < 0.3556) {
            assert_near(best_with_c(end) / limit, 1.0, 1e-3);
        }
    }

    #[test]
    fn ninety_five_per_cent_intervals_cover_about_95_per_cent() {
        let mut random = Pcg64Mcg::seed_from_u64(5);
        let sizes = [1e5, 2.5e5, 6e5, 1.5e6, 4e6, 1e7];
        let (a, alpha, c) = (60.0, 0.3, 0.9);
        let n_sets = 200;
        let mut covered = [0; 4];
        for set in 0..n_sets {
            let normal = |random: &mut Pcg64Mcg| (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let losses = sizes.map(|n: f64| a * n.powf(-alpha) + c + 0.01 * normal(&mut random));
            let law = PowerLaw::fit(&points(&sizes, &losses)).unwrap();
            let found = law.intervals.unwrap();
            let at_1e8 = law.band(&[1e8])[0];
            let bootstrap = law.bootstrap(200, set).unwrap();
            let hits = [
                found.alpha.contains(alpha),
                found.c.contains(c),
                at_1e8.contains(a * 1e8_f64.powf(-alpha) + c),
                bootstrap.alpha.contains(alpha),
            ];
            covered.iter_mut().zip(hits).for_each(|(count, hit)| *count += usize::from(hit));
        }
        let percent = covered.map(|count| 100.0 * f64::from(count as u32) / n_sets as f64);
        println!("coverage of alpha, c, L(1e8), alpha by bootstrap: {percent:?} %");
        assert!(percent.iter().all(|percent| (90.0..=99.0).contains(percent)), "{percent:?}");
    }
}
