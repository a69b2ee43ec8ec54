//! A plateau and the jump after it: where attention first finds the token that helps, the loss falls again, and steeply.
//!
//! ```text
//! L(s)  training loss around step s;  falls per doubling of steps:
//!   before(s) = (L(s/2) − L(s)) / 1        after(s) = (L(s) − L(s′)) / log₂(s′/s),   s′ = 5/4·s or the last step
//! a jump begins at s where  after ≥ 3·before  and  L(s) − L(s′) ≥ 5 % of L(s)  and  ≥ 3 times the lines' scatter
//! ```
//! A power law falls ever less per doubling, so that it has none. A run that ends soon after its jump is measured by luck: with
//! another seed it may end before. A fall in a cool-down counts as well, where it is that steep.

use super::Metric;

/// Where the training loss left a plateau.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// The step after which half of the fall was done.
    pub step: usize,
    /// What the loss fell by within a quarter more steps, nats per token.
    pub drop: f64,
}

const FEWEST_LINES: usize = 40; // fewer show no plateau
const STEEPER: f64 = 3.0; // chosen on 40 whole runs, where small Transformers with learned positions reached it; no independent test
const SHARE: f64 = 0.05; // a step in size buys as much
const SCATTERS: f64 = 3.0; // a mean over several lines scatters less than one

/// The steepest jump of a run's training loss, `None` where there is none; a plateau counts only after the warm-up.
pub fn jump(metrics: &[Metric]) -> Option<Jump> {
    if metrics.len() < FEWEST_LINES {
        return None;
    }
    let half = metrics.len() / 50;
    let around = |i: usize| metrics.get(i.saturating_sub(half)..metrics.len().min(i + half + 1)).unwrap_or_default();
    let mean = |lines: &[Metric]| lines.iter().map(|line| line.train_loss).sum::<f64>() / lines.len() as f64;
    let curve: Vec<(f64, f64)> =
        metrics.iter().enumerate().map(|(i, line)| (line.step as f64, mean(around(i)))).collect();
    let late = metrics.iter().zip(&curve).skip(metrics.len() / 4); // the first fall is steep, not scattered
    let squares: Vec<f64> = late.map(|(line, (_, loss))| (line.train_loss - loss).powi(2)).collect();
    let scatter = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    let peak = metrics.iter().map(|line| line.lr).fold(0.0, f64::max);
    let warm = metrics.iter().find(|line| line.lr >= peak)?.step as f64;

    let mut best: Option<(f64, Jump)> = None;
    for (i, &(step, loss)) in curve.iter().enumerate() {
        let (earlier, later) = curve.split_at(i);
        let half_as_far = earlier.iter().find(|(s, _)| 2.0 * s >= step).filter(|(s, _)| *s >= warm);
        let a_quarter_further = later.iter().find(|(s, _)| *s >= 1.25 * step).or(later.last());
        let (Some(&(s0, l0)), Some(&(s1, l1))) = (half_as_far, a_quarter_further) else { continue };
        let before = ((l0 - loss) / (step / s0).log2()).max(0.0);
        let (drop, doublings) = (loss - l1, (s1 / step).log2());
        let is_jump = drop >= STEEPER * before * doublings && drop >= SHARE * loss && drop >= SCATTERS * scatter;
        let excess = drop - before * doublings;
        let middle = later.iter().find(|(_, l)| *l <= (loss + l1) / 2.0);
        if let (true, Some((at, _))) = (is_jump && best.is_none_or(|(most, _)| excess > most), middle) {
            best = Some((excess, Jump { step: *at as usize, drop }));
        }
    }
    best.map(|(_, jump)| jump)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 lines over 4,000 steps with 5 % of warm-up; each line strays a little, the same each time.
    fn lines(loss: impl Fn(f64) -> f64, scatter: f64) -> Vec<Metric> {
        let line = |i: usize| Metric {
            step: 20 * i,
            train_loss: loss(20.0 * i as f64) + scatter * ((i * i * 7919 % 101) as f64 / 50.0 - 1.0),
            lr: (i as f64 / 10.0).min(1.0),
            ..Metric::default()
        };
        (1..=200).map(line).collect()
    }

    #[test]
    fn a_power_law_has_no_jump() {
        for (c, a, b) in [(1.4, 8.0, 0.35), (0.0, 9.0, 0.2), (1.9, 8.0, 0.6)] {
            for scatter in [0.0, 0.02, 0.05] {
                assert_eq!(jump(&lines(|s| c + a * s.powf(-b), scatter)), None, "{c} + {a} s^-{b}, {scatter}");
            }
        }
        assert_eq!(jump(&[]), None);
    }

    #[test]
    fn a_planted_jump_is_found_within_five_percent_of_the_steps_with_its_drop() {
        for (at, width, scatter) in [1000.0, 2000.0, 3000.0, 3700.0]
            .into_iter()
            .flat_map(|at| [(at, 20.0, 0.0), (at, 60.0, 0.0), (at, 60.0, 0.04)])
        {
            let curve = |s: f64| 1.9 + 8.0 * s.powf(-0.6) - 0.5 / (1.0 + (-(s - at) / width).exp());
            let found = jump(&lines(curve, scatter)).unwrap();
            assert!((found.step as f64 - at).abs() <= 0.05 * 4000.0, "{at}: {found:?}");
            assert!((0.3..0.65).contains(&found.drop), "{at}: {found:?}");
        }
    }
}
