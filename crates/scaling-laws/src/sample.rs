//! Points as the search sees them. For given exponents every law is linear: loss = c + h·f + k·g with c, h, k ≥ 0.
//!
//! Written at the smallest N0 and D0, f = (N/N0)^-alpha and g = (D/D0)^-beta lie in (0, 1], and h and k are shares of the loss
//! there. Least squares over c, h, k ≥ 0 is solved exactly: each set of them that may be zero is a *face* with a solution of its own.

use crate::law::Role;
use crate::{Law, Point};
use std::collections::BTreeMap;

const MOST_ROWS: usize = 500; // rows that are fitted one by one

/// The place of one point, in logarithms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub t: f64, // ln(N / N0)
    base: f64,  // ln of the tokens that were new, over D0
    repetitions: f64,
}

/// The points of one fit.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub law: Law,
    pub rows: Vec<Row>,
    pub losses: Vec<f64>,
    pub weights: Vec<f64>,  // points that a row stands for
    within: f64,            // sum of squares of those around their row's loss
    pub ln_least: [f64; 2], // ln N0, ln D0
}

/// A law in the sample's own terms.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub exponents: Vec<f64>,
    pub shares: [f64; 3], // c, h, k
    pub rss: f64,
}

impl Curve {
    /// A flat law, one that no power has a share in, has exponents of zero.
    pub fn or_flat(mut self) -> Curve {
        if self.shares[1..] == [0.0; 2] {
            self.exponents.fill(0.0);
        }
        self
    }
}

/// What an interval is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantity {
    Parameter(Role),
    /// The loss of the law at a place, which is not the loss of one more run: that one scatters too.
    Loss(Row),
}

impl Sample {
    pub fn new(law: Law, points: &[Point]) -> Sample {
        let least = |value: fn(&Point) -> f64| points.iter().map(value).fold(f64::INFINITY, f64::min).ln();
        let ln_least = [least(|point| point.n_params), least(Point::tokens)];
        let losses = points.iter().map(|point| point.val_loss).collect();
        let mut sample =
            Sample { law, rows: Vec::new(), losses, weights: vec![1.0; points.len()], within: 0.0, ln_least };
        sample.rows = points.iter().map(|point| sample.row(point)).collect();
        sample
    }

    pub fn row(&self, point: &Point) -> Row {
        let unique = if self.law == Law::Repeated { point.unique_tokens() } else { f64::INFINITY };
        let new = point.tokens().min(unique);
        Row {
            t: point.n_params.ln() - self.ln_least[0],
            base: new.ln() - self.ln_least[1],
            repetitions: point.tokens() / new - 1.0,
        }
    }

    /// The same places with other losses.
    pub fn with(&self, losses: impl Iterator<Item = f64>) -> Sample {
        Sample { losses: losses.collect(), ..self.clone() }
    }

    /// Points minus parameters: what is left to measure the noise with.
    pub fn degrees_of_freedom(&self) -> usize {
        (self.weights.iter().sum::<f64>() as usize).saturating_sub(self.law.roles().len())
    }

    /// Whether rows stand for several points.
    pub fn is_grouped(&self) -> bool {
        self.weights.iter().any(|weight| *weight > 1.0)
    }

    /// A long table (over [`MOST_ROWS`]) as means over narrow cells of ln N and ln D, so that a million points cost what a few hundred
    /// do. Points at one place lose nothing; the others are taken to lie at their cell's mean place.
    pub fn grouped(&self) -> Sample {
        if self.rows.len() <= MOST_ROWS {
            return self.clone();
        }
        let steps = if self.n_terms() == 1 { 250.0 } else { 30.0 };
        let widest = |value: fn(&Row) -> f64| self.rows.iter().map(value).fold(1e-9, f64::max) / steps;
        let (t_step, base_step) = (widest(|row| row.t), widest(|row| row.base));
        let mut cells: BTreeMap<[i64; 3], [f64; 6]> = BTreeMap::new();
        for (row, loss) in self.rows.iter().zip(&self.losses) {
            let base = if self.n_terms() == 1 { 0.0 } else { row.base };
            let key = [row.t / t_step, base / base_step, 4.0 * row.repetitions.ln_1p()].map(|step| step.round() as i64);
            let sums = cells.entry(key).or_default();
            let values = [1.0, row.t, base, row.repetitions, *loss, loss * loss];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        let mut grouped = Sample { rows: Vec::new(), losses: Vec::new(), weights: Vec::new(), ..self.clone() };
        for [weight, t, base, repetitions, loss, square] in cells.into_values() {
            grouped.rows.push(Row { t: t / weight, base: base / weight, repetitions: repetitions / weight });
            grouped.losses.push(loss / weight);
            grouped.weights.push(weight);
            grouped.within += (square - loss * loss / weight).max(0.0);
        }
        grouped
    }

    pub fn has_floor(&self) -> bool {
        self.law != Law::PowerWithoutC
    }

    /// Powers in the law, at most two.
    pub fn n_terms(&self) -> usize {
        if self.law.is_of_n() { 1 } else { 2 }
    }

    /// The features less what they are at the smallest size: f - 1, exact for small exponents. Of a straight line, ln(N/N0).
    fn drops(&self, exponents: &[f64], row: &Row) -> [f64; 2] {
        match exponents {
            [alpha] => [(-alpha * row.t).exp_m1(), 0.0],
            [alpha, beta, rest @ ..] => {
                [(-alpha * row.t).exp_m1(), (-beta * row.ln_tokens(rest.first().copied())).exp_m1()]
            }
            [] => [row.t, 0.0],
        }
    }

    /// The features at the smallest size.
    fn offset(&self) -> f64 {
        if self.law == Law::Log { 0.0 } else { 1.0 }
    }

    /// The quantity as a sum over (c, h, k) at these exponents.
    pub fn weights(&self, quantity: &Quantity, exponents: &[f64]) -> [f64; 3] {
        let floor = if self.has_floor() { 1.0 } else { 0.0 };
        match quantity {
            Quantity::Parameter(Role::Floor) => [1.0, 0.0, 0.0],
            Quantity::Parameter(Role::Level) => [1.0, -self.ln_least[0], 0.0],
            Quantity::Parameter(Role::Slope) => [0.0, 1.0, 0.0],
            Quantity::Parameter(Role::Factor(0)) => [0.0, (exponents[0] * self.ln_least[0]).exp(), 0.0], // a = h·N0^alpha
            Quantity::Parameter(Role::Factor(_)) => [0.0, 0.0, (exponents[1] * self.ln_least[1]).exp()],
            Quantity::Parameter(Role::Exponent(_)) => [0.0; 3],
            Quantity::Loss(row) => {
                let drops = self.drops(exponents, row);
                let second = if self.n_terms() == 2 { self.offset() + drops[1] } else { 0.0 };
                [floor, self.offset() + drops[0], second]
            }
        }
    }

    /// The loss of a curve there, in nats per token.
    pub fn loss_of(&self, curve: &Curve, row: &Row) -> f64 {
        dot(&self.weights(&Quantity::Loss(*row), &curve.exponents), &curve.shares)
    }

    /// The curve's parameters, as [`Law::parameters`] names them.
    pub fn values(&self, curve: &Curve) -> Vec<f64> {
        let value = |role: &Role| match role {
            Role::Exponent(index) => curve.exponents[*index],
            role => dot(&self.weights(&Quantity::Parameter(*role), &curve.exponents), &curve.shares),
        };
        self.law.roles().iter().map(|(_, role)| value(role)).collect()
    }

    /// Least squares at these exponents.
    pub fn solve(&self, exponents: &[f64]) -> Curve {
        let section = self.section(exponents);
        let (mut shares, mut rss) = ([0.0; 3], f64::INFINITY);
        for face in section.faces().filter(|face| section.allows(&face.shares, 0.0)) {
            if face.rss < rss {
                (shares, rss) = (face.shares, face.rss);
            }
            if face.is_whole {
                break; // nothing can be better than least squares without conditions
            }
        }
        Curve { exponents: exponents.to_vec(), shares, rss }
    }

    pub fn section(&self, exponents: &[f64]) -> Section<'_> {
        let is_signed = self.law == Law::Log;
        let (floor, n_terms, offset) = (self.has_floor(), self.n_terms(), self.offset());
        let drops = self.rows.iter().map(|row| self.drops(exponents, row)).collect();
        Section { drops, sample: self, floor, n_terms, offset, is_signed }
    }
}

impl Row {
    /// ln(D' / D0)
    pub fn ln_tokens(&self, r_star: Option<f64>) -> f64 {
        let worth = |r_star: f64| (-r_star * (-self.repetitions / r_star).exp_m1()).ln_1p();
        self.base + r_star.map_or(0.0, worth)
    }
}

/// The linear problem at given exponents.
pub(crate) struct Section<'a> {
    drops: Vec<[f64; 2]>, // features less `offset`
    sample: &'a Sample,
    offset: f64,
    floor: bool,
    n_terms: usize,
    is_signed: bool, // shares may be less than zero
}

/// Least squares where some of c, h, k are zero, and how the sum of squares grows around it: by
/// n·(change of the mean)² + (Δh, Δk)·G·(Δh, Δk), with G the inverse of `inverse`.
pub(crate) struct Face {
    pub shares: [f64; 3],
    pub rss: f64,
    is_whole: bool, // none of them is zero
    n: f64,         // zero without a floor
    means: [f64; 2],
    inverse: [[f64; 2]; 2],
}

impl Section<'_> {
    /// The faces that have a solution; the one where nothing is zero comes first, and alone where shares may be less than zero.
    pub fn faces(&self) -> impl Iterator<Item = Face> {
        const TERMS: [[bool; 2]; 4] = [[true, true], [false, true], [true, false], [false, false]];
        let terms: &[[bool; 2]] = match (self.is_signed, self.n_terms) {
            (true, 1) => &TERMS[2..3],
            (true, _) => &TERMS[..1],
            (_, 1) => &TERMS[2..],
            _ => &TERMS,
        };
        let floors: &[bool] = if !self.floor {
            &[false]
        } else if self.is_signed {
            &[true]
        } else {
            &[true, false]
        };
        floors.iter().flat_map(move |floor| {
            let sums = self.sums(*floor);
            terms.iter().filter_map(move |terms| sums.face(self, *terms))
        })
    }

    /// Whether no share is less than zero, but for `tolerance`; a straight line may do what it likes.
    pub fn allows(&self, shares: &[f64; 3], tolerance: f64) -> bool {
        self.is_signed || shares.iter().all(|share| *share >= -tolerance)
    }

    /// Sums over the points, around their means where there is a floor.
    fn sums(&self, floor: bool) -> Sums {
        let Sample { losses, weights, .. } = self.sample;
        let n = weights.iter().sum::<f64>();
        let mut sums = Sums { floor, n, shift: [-self.offset; 2], loss: 0.0, gram: [0.0; 3], pull: [0.0; 2] };
        if floor {
            let mean = |index: usize| self.drops.iter().zip(weights).map(|(drop, w)| w * drop[index]).sum::<f64>() / n;
            sums.shift = [mean(0), mean(1)];
            sums.loss = losses.iter().zip(weights).map(|(loss, w)| w * loss).sum::<f64>() / n;
        }
        for ((drop, loss), w) in self.drops.iter().zip(losses).zip(weights) {
            let (f, g, y) = (drop[0] - sums.shift[0], drop[1] - sums.shift[1], loss - sums.loss);
            sums.gram = [sums.gram[0] + w * f * f, sums.gram[1] + w * f * g, sums.gram[2] + w * g * g];
            sums.pull = [sums.pull[0] + w * f * y, sums.pull[1] + w * g * y];
        }
        sums
    }
}

struct Sums {
    floor: bool,
    n: f64,
    shift: [f64; 2],
    loss: f64,
    gram: [f64; 3],
    pull: [f64; 2],
}

impl Sums {
    /// None where the points do not tell the terms apart.
    fn face(&self, section: &Section, terms: [bool; 2]) -> Option<Face> {
        let [ff, fg, gg] = self.gram;
        let inverse = match terms {
            [true, true] => {
                let determinant = ff * gg - fg * fg;
                [[gg / determinant, -fg / determinant], [-fg / determinant, ff / determinant]]
            }
            [true, false] => [[1.0 / ff, 0.0], [0.0; 2]],
            [false, true] => [[0.0; 2], [0.0, 1.0 / gg]],
            [false, false] => [[0.0; 2]; 2],
        };
        let [h, k] = inverse.map(|row| row[0] * self.pull[0] + row[1] * self.pull[1]);
        let Sample { losses, weights, within, .. } = section.sample;
        let residual = |((drop, loss), w): ((&[f64; 2], &f64), &f64)| {
            w * (loss - self.loss - h * (drop[0] - self.shift[0]) - k * (drop[1] - self.shift[1])).powi(2)
        };
        let rss = within + section.drops.iter().zip(losses).zip(weights).map(residual).sum::<f64>();
        let means = self.shift.map(|shift| if self.floor { section.offset + shift } else { 0.0 });
        let n = if self.floor { self.n } else { 0.0 };
        let is_whole = self.floor == section.floor && terms == [true, section.n_terms == 2];
        let shares = [self.loss - h * means[0] - k * means[1], h, k];
        (h + k).is_finite().then_some(Face { shares, rss, is_whole, n, means, inverse })
    }
}

impl Face {
    /// The quantity's value here, the square of how far it moves for each unit of the root of the sum of squares, and along which
    /// shares.
    fn slope(&self, weights: &[f64; 3]) -> (f64, f64, [f64; 3]) {
        let p = [weights[1] - weights[0] * self.means[0], weights[2] - weights[0] * self.means[1]];
        let [h, k] = self.inverse.map(|row| row[0] * p[0] + row[1] * p[1]);
        let mean = if self.n > 0.0 { weights[0] / self.n } else { 0.0 };
        let length = weights[0] * mean + p[0] * h + p[1] * k;
        (dot(weights, &self.shares), length, [mean - h * self.means[0] - k * self.means[1], h, k])
    }

    fn moved(&self, along: &[f64; 3], by: f64) -> [f64; 3] {
        [0, 1, 2].map(|i| self.shares[i] + by * along[i])
    }
}

impl Section<'_> {
    /// Least and greatest value of a quantity among all laws with at most this sum of squares; (∞, -∞) where there are none.
    pub fn extremes(&self, weights: &[f64; 3], rss_limit: f64) -> (f64, f64) {
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        let mut add = |shares: [f64; 3]| {
            if self.allows(&shares, 0.0) {
                let value = dot(weights, &shares);
                range = (range.0.min(value), range.1.max(value));
            }
        };
        for face in self.faces().filter(|face| face.rss <= rss_limit * (1.0 + 1e-12)) {
            add(face.shares);
            let (_, length, along) = face.slope(weights);
            let reach = ((rss_limit - face.rss).max(0.0) / length).sqrt();
            if length > 0.0 {
                add(face.moved(&along, -reach));
                add(face.moved(&along, reach));
            }
        }
        range
    }

    /// The least sum of squares among the laws that give the quantity this value.
    pub fn held(&self, weights: &[f64; 3], value: f64) -> f64 {
        let cost = |face: Face| {
            let (here, length, along) = face.slope(weights);
            if length <= 0.0 {
                return if here == value && self.allows(&face.shares, 0.0) { face.rss } else { f64::INFINITY };
            }
            let by = (value - here) / length;
            let tolerance = 1e-12 * face.shares.iter().fold(value.abs(), |most, share| most.max(share.abs()));
            if !self.allows(&face.moved(&along, by), tolerance) {
                return f64::INFINITY;
            }
            face.rss + by * by * length
        };
        self.faces().map(cost).fold(f64::INFINITY, f64::min)
    }
}

pub(crate) fn dot(weights: &[f64; 3], shares: &[f64; 3]) -> f64 {
    weights.iter().zip(shares).map(|(weight, share)| weight * share).sum()
}
