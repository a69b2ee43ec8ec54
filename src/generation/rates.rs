//! How many samples pass, out of how many, and how sure one can be of the rate.
//!
//! Wilson's interval for k of n (1927), z = 1.96 for 95 %:
//! ```text
//! (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n),   p = k/n
//! ```

use super::{Rung, Validity};
use serde::{Deserialize, Serialize};

const Z: f64 = 1.959_963_985; // 97.5 % quantile of the normal distribution

/// Wilson's 95 % interval for a rate of `passed` out of `n`; [0, 1] where nothing was tried.
pub fn wilson(passed: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (n as f64, passed as f64 / n as f64);
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
}

/// A rate with its sample size and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// So many passed,
    pub passed: usize,
    /// of so many.
    pub n: usize,
    /// passed / n; 0 where n is 0
    pub rate: f64,
    /// Lower end of Wilson's interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Rate {
    /// `passed` of `n`.
    pub fn new(passed: usize, n: usize) -> Rate {
        let (low, high) = wilson(passed, n);
        Rate { passed, n, rate: if n == 0 { 0.0 } else { passed as f64 / n as f64 }, low, high }
    }
}

/// What share of some texts passes each rung, each judged by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// From the lowest rung up.
    pub rungs: Vec<(Rung, Rate)>,
    /// Passes all of them.
    pub passes_all: Rate,
    /// Bars that do not add up, of all bars. Bars of one tune depend on each other: the interval is too narrow.
    pub bar_alignment_error: Rate,
    /// Of each rung that is the first to fail, how many texts fail there, and an example of why.
    pub first_failures: Vec<(Rung, usize, String)>,
}

impl Rates {
    /// Counts what passes.
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Validity>) -> Rates {
        let judged: Vec<&Validity> = judged.into_iter().collect();
        let rate = |passes: &dyn Fn(&Validity) -> bool| {
            Rate::new(judged.iter().filter(|validity| passes(validity)).count(), judged.len())
        };
        let first_failures = Rung::ALL.into_iter().filter_map(|rung| {
            let mut firsts = judged.iter().filter_map(|validity| validity.first_failure()).filter(|f| f.rung == rung);
            let example = firsts.next()?.reason.clone();
            Some((rung, 1 + firsts.count(), example))
        });
        let sum = |of: fn(&Validity) -> usize| judged.iter().map(|validity| of(validity)).sum();
        Rates {
            rungs: Rung::ALL.into_iter().map(|rung| (rung, rate(&|validity| validity.passes(rung)))).collect(),
            passes_all: rate(&Validity::passes_all),
            bar_alignment_error: Rate::new(sum(|validity| validity.n_bar_errors), sum(|validity| validity.n_bars)),
            first_failures: first_failures.collect(),
        }
    }

    /// The rate of one rung.
    pub fn of_rung(&self, rung: Rung) -> Rate {
        self.rungs.iter().find(|(found, _)| *found == rung).map_or(Rate::new(0, 0), |(_, rate)| *rate)
    }

    /// Each rate with its name, from the lowest rung up, then that of all rungs together.
    pub fn rows(&self) -> Vec<(String, Rate)> {
        let rungs = self.rungs.iter().map(|(rung, rate)| (rung.to_string(), *rate));
        rungs.chain([("passes all of these".to_string(), self.passes_all)]).collect()
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |share: f64| 100.0 * share;
        let (rate, low, high) = (percent(self.rate), percent(self.low), percent(self.high));
        write!(f, "{} of {}: {rate:.0} % [{low:.1} %, {high:.1} %]", self.passed, self.n)
    }
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tunes, judged as they were written; rate and 95 % Wilson interval", self.passes_all.n)?;
        for (name, rate) in self.rows() {
            write!(f, "\n  {name:<21} {rate}")?;
        }
        write!(f, "\n  {:<21} {}", "bars that do not fit", self.bar_alignment_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_five_may_still_be_57_percent() {
        assert_eq!(Rate::new(5, 5).to_string(), "5 of 5: 100 % [56.6 %, 100.0 %]");
    }

    #[test]
    fn wilsons_interval_matches_published_values() {
        // Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
        for (passed, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (found_low, found_high) = wilson(passed, n);
            assert!((found_low - low).abs() < 5e-5 && (found_high - high).abs() < 5e-5, "{passed}/{n}");
        }
    }

    #[test]
    fn rungs_bars_and_first_failures_are_counted() {
        let good = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|G8|]\n";
        let judged =
            [(good, true), (good, false), ("GABc d2B2|G6|G8|]\n", true)].map(|(text, ended)| Validity::of(text, ended));
        let rates = Rates::of(&judged);
        let passed = |rung| rates.of_rung(rung).passed;
        assert_eq!(Rung::ALL.map(passed), [2, 2, 2, 3, 3, 2]);
        assert_eq!((rates.passes_all, rates.bar_alignment_error), (Rate::new(1, 3), Rate::new(1, 7)));
        let firsts: Vec<_> = rates.first_failures.iter().map(|(rung, n, why)| (*rung, *n, why.as_str())).collect();
        let cut = "it was cut at the longest length allowed";
        assert_eq!(firsts, [(Rung::HasHeaders, 1, "X: K: L: M: missing"), (Rung::EndsByItself, 1, cut)]);
    }

    #[test]
    fn no_samples_say_nothing() {
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(Rates::of(&[]).first_failures, []);
    }
}
