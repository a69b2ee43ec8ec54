//! How many samples pass, out of how many, and how sure one can be of the rate.
//!
//! Wilson's interval for k of n (1927), z = 1.96 for 95 %:
//! ```text
//! (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n),   p = k/n
//! ```

use super::{Sample, Validity};
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

/// What share of the samples passes each rung, each judged by itself, on raw output unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Samples judged.
    pub n_samples: usize,
    /// There is something behind the header.
    pub has_body: Rate,
    /// The lenient reader finds a note.
    pub salvageable: Rate,
    /// Parses strictly.
    pub valid: Rate,
    /// Every bar lasts what the metre asks for.
    pub bars_add_up: Rate,
    /// Parses strictly and becomes MIDI.
    pub convertible: Rate,
    /// The MIDI file read again has the same notes.
    pub survives_round_trip: Rate,
    /// Passes all of the above.
    pub passes_all: Rate,
    /// Of the samples that abc2midi was asked about; `None` where it is not installed.
    pub abc2midi: Option<Rate>,
    /// The model ended the tune itself.
    pub ended: Rate,
    /// X, M, L and K were all there.
    pub header_complete: Rate,
    /// Header lines that were added to all of them.
    pub n_headers_added: usize,
    /// Parses strictly once the missing headers are added.
    pub valid_with_headers: Rate,
}

impl Rates {
    /// Counts what passes.
    pub fn of(samples: &[Sample]) -> Rates {
        let rate = |passes: &dyn Fn(&Sample) -> bool| {
            Rate::new(samples.iter().filter(|sample| passes(sample)).count(), samples.len())
        };
        let rung = |passes: fn(&Validity) -> bool| rate(&|sample| passes(&sample.validity));
        let asked: Vec<bool> = samples.iter().filter_map(|sample| sample.validity.abc2midi).collect();
        let n_agreed = asked.iter().filter(|converts| **converts).count();
        Rates {
            n_samples: samples.len(),
            has_body: rung(|v| v.has_body),
            salvageable: rung(|v| v.salvageable),
            valid: rung(|v| v.parses_strictly),
            bars_add_up: rung(|v| v.bars_add_up),
            convertible: rung(|v| v.converts_to_midi),
            survives_round_trip: rung(|v| v.survives_round_trip),
            passes_all: rung(Validity::passes_all),
            abc2midi: (!asked.is_empty()).then(|| Rate::new(n_agreed, asked.len())),
            ended: rate(&|sample| sample.ended),
            header_complete: rate(&|sample| sample.headers_added.is_empty()),
            n_headers_added: samples.iter().map(|sample| sample.headers_added.len()).sum(),
            valid_with_headers: rate(&|sample| sample.valid_with_headers),
        }
    }

    /// Each rate with its name, from the lowest rung up, then what stands beside the ladder.
    pub fn rows(&self) -> Vec<(String, Rate)> {
        let ours = [
            ("has a body", self.has_body),
            ("can be salvaged", self.salvageable),
            ("parses strictly (valid)", self.valid),
            ("bars add up", self.bars_add_up),
            ("converts to MIDI", self.convertible),
            ("survives the round trip", self.survives_round_trip),
            ("passes all of these", self.passes_all),
            ("ended by the model", self.ended),
            ("header complete", self.header_complete),
            ("valid once headers are added", self.valid_with_headers),
        ];
        let abc2midi = self.abc2midi.map(|rate| ("abc2midi converts it", rate));
        ours.into_iter().chain(abc2midi).map(|(name, rate)| (name.to_string(), rate)).collect()
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
        let n = self.n_samples;
        write!(f, "{n} samples, judged as the model wrote them; rate and 95 % Wilson interval")?;
        for (name, rate) in self.rows() {
            write!(f, "\n  {name:<29} {rate}")?;
        }
        if self.abc2midi.is_none() {
            write!(f, "\n  abc2midi is not installed, so it was not asked")?;
        }
        write!(f, "\n  {} header lines added", self.n_headers_added)
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
    fn no_samples_say_nothing() {
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(Rates::of(&[]).abc2midi, None);
    }
}
