//! Points as the search sees them. For given exponents every law is linear: loss = c + h·f + k·g + m·f·g with c, h, k, m ≥ 0.
//!
//! Written at the smallest N0 and D0, f = (N/N0)^-alpha and g = (D/D0)^-beta lie in (0, 1], and h, k and m are shares of the loss
//! there. Least squares over shares ≥ 0 is solved exactly: each set of them that may be zero is a *face* with a solution of its own.

use crate::law::Role;
use crate::{Law, Point};
use std::collections::BTreeMap;

const MOST_ROWS: usize = 500; // rows that are fitted one by one

const TERMS: usize = 3; // f, g and f·g; a law has the first one, two or three of them

/// c, h, k, m; or what each counts in a sum over them.
pub(crate) type Shares = [f64; TERMS + 1];

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
    pub shares: Shares,
    pub rss: f64,
}

impl Curve {
    /// A flat law, one that no power has a share in, has exponents of zero.
    pub fn or_flat(mut self) -> Curve {
        if self.shares[1..] == [0.0; TERMS] {
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

    /// Of a long table and its curve: with the misfit of its points themselves, for the law slopes inside a cell, too.
    pub fn measured(mut self, points: &Sample, curve: &mut Curve) -> Sample {
        let residuals = points.rows.iter().zip(&points.losses).map(|(row, loss)| loss - points.loss_of(curve, row));
        let rss: f64 = residuals.map(|residual| residual * residual).sum();
        self.within += rss - curve.rss;
        curve.rss = rss;
        self
    }

    pub fn has_floor(&self) -> bool {
        self.law != Law::PowerWithoutC
    }

    /// Whether shares may be less than zero.
    fn is_signed(&self) -> bool {
        self.law == Law::Log
    }

    /// Powers in the law, and their product.
    pub fn n_terms(&self) -> usize {
        match self.law {
            law if law.is_of_n() => 1,
            Law::Mupt => TERMS,
            _ => 2,
        }
    }

    /// The features less what they are at the smallest size: f - 1, exact for small exponents. Of a straight line, ln(N/N0).
    fn drops(&self, exponents: &[f64], row: &Row) -> [f64; TERMS] {
        match exponents {
            [alpha] => [(-alpha * row.t).exp_m1(), 0.0, 0.0],
            [alpha, beta, rest @ ..] => {
                let (ln_f, ln_g) = (-alpha * row.t, -beta * row.ln_tokens(rest.first().copied()));
                [ln_f.exp_m1(), ln_g.exp_m1(), (ln_f + ln_g).exp_m1()]
            }
            [] => [row.t, 0.0, 0.0],
        }
    }

    /// The features at the smallest size.
    fn offset(&self) -> f64 {
        if self.law == Law::Log { 0.0 } else { 1.0 }
    }

    /// The quantity as a sum over the shares at these exponents.
    pub fn weights(&self, quantity: &Quantity, exponents: &[f64]) -> Shares {
        let floor = if self.has_floor() { 1.0 } else { 0.0 };
        let scale = |axis: usize| (exponents[axis] * self.ln_least[axis]).exp(); // a = h·N0^alpha
        match quantity {
            Quantity::Parameter(Role::Floor) => [1.0, 0.0, 0.0, 0.0],
            Quantity::Parameter(Role::Level) => [1.0, -self.ln_least[0], 0.0, 0.0],
            Quantity::Parameter(Role::Slope) => [0.0, 1.0, 0.0, 0.0],
            Quantity::Parameter(Role::Factor(0)) => [0.0, scale(0), 0.0, 0.0],
            Quantity::Parameter(Role::Factor(1)) => [0.0, 0.0, scale(1), 0.0],
            Quantity::Parameter(Role::Factor(_)) => [0.0, 0.0, 0.0, scale(0) * scale(1)],
            Quantity::Parameter(Role::Exponent(_)) => [0.0; TERMS + 1],
            Quantity::Loss(row) => {
                let drops = self.drops(exponents, row);
                let term = |i: usize| if i < self.n_terms() { self.offset() + drops[i] } else { 0.0 };
                [floor, term(0), term(1), term(2)]
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
        let (mut shares, mut rss) = ([0.0; TERMS + 1], f64::INFINITY);
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
        Section { drops: self.rows.iter().map(|row| self.drops(exponents, row)).collect(), sample: self }
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
    drops: Vec<[f64; TERMS]>, // features less `offset`
    sample: &'a Sample,
}

/// Least squares where some of the shares are zero, and how the sum of squares grows around it: by
/// n·(change of the mean)² + Δ·G·Δ over Δ = (Δh, Δk, Δm), with G the inverse of `inverse`.
pub(crate) struct Face {
    pub shares: Shares,
    pub rss: f64,
    is_whole: bool, // none of them is zero
    n: f64,         // zero without a floor
    means: [f64; TERMS],
    inverse: [[f64; TERMS]; TERMS],
}

impl Section<'_> {
    /// The faces that have a solution; the one where nothing is zero comes first, and alone where shares may be less than zero.
    pub fn faces(&self) -> impl Iterator<Item = Face> {
        let n_masks = 1usize << self.sample.n_terms(); // each names the terms that are not zero
        let is_signed = self.sample.is_signed();
        let least_mask = if is_signed { n_masks - 1 } else { 0 };
        let floors: &[bool] = match (self.sample.has_floor(), is_signed) {
            (false, _) => &[false],
            (true, true) => &[true],
            (true, false) => &[true, false],
        };
        floors.iter().flat_map(move |floor| {
            let sums = self.sums(*floor);
            (least_mask..n_masks).rev().filter_map(move |mask| sums.face(self, mask))
        })
    }

    /// Whether no share is less than zero, but for `tolerance`; a straight line may do what it likes.
    pub fn allows(&self, shares: &Shares, tolerance: f64) -> bool {
        self.sample.is_signed() || shares.iter().all(|share| *share >= -tolerance)
    }

    /// Sums over the points, around their means where there is a floor.
    fn sums(&self, floor: bool) -> Sums {
        let Sample { losses, weights, .. } = self.sample;
        let (n, n_terms, shift) = (weights.iter().sum::<f64>(), self.sample.n_terms(), [-self.sample.offset(); TERMS]);
        let mut sums = Sums { floor, n, shift, loss: 0.0, gram: [[0.0; TERMS]; TERMS], pull: [0.0; TERMS] };
        if floor {
            let mean = |index: usize| self.drops.iter().zip(weights).map(|(drop, w)| w * drop[index]).sum::<f64>() / n;
            sums.shift = std::array::from_fn(mean);
            sums.loss = losses.iter().zip(weights).map(|(loss, w)| w * loss).sum::<f64>() / n;
        }
        for ((drop, loss), w) in self.drops.iter().zip(losses).zip(weights) {
            for i in 0..n_terms {
                let f = w * (drop[i] - sums.shift[i]);
                sums.pull[i] += f * (loss - sums.loss);
                for (gram, (drop, shift)) in sums.gram[i].iter_mut().zip(drop.iter().zip(&sums.shift)).take(n_terms) {
                    *gram += f * (drop - shift);
                }
            }
        }
        sums
    }
}

struct Sums {
    floor: bool,
    n: f64,
    shift: [f64; TERMS],
    loss: f64,
    gram: [[f64; TERMS]; TERMS],
    pull: [f64; TERMS],
}

impl Sums {
    /// None where the points do not tell the terms apart.
    fn face(&self, section: &Section, mask: usize) -> Option<Face> {
        let inverse = inverse(self.gram, mask);
        let [h, k, m] = inverse.map(|row| product(&row, &self.pull));
        let Sample { losses, weights, within, .. } = section.sample;
        let residual = |((drop, loss), w): ((&[f64; TERMS], &f64), &f64)| {
            let [f, g, fg]: [f64; TERMS] = std::array::from_fn(|i| drop[i] - self.shift[i]);
            w * (loss - self.loss - h * f - k * g - m * fg).powi(2)
        };
        let rss = within + section.drops.iter().zip(losses).zip(weights).map(residual).sum::<f64>();
        let means = self.shift.map(|shift| if self.floor { section.sample.offset() + shift } else { 0.0 });
        let n = if self.floor { self.n } else { 0.0 };
        let is_whole = self.floor == section.sample.has_floor() && mask + 1 == 1 << section.sample.n_terms();
        let shares = [self.loss - product(&[h, k, m], &means), h, k, m];
        (h + k + m).is_finite().then_some(Face { shares, rss, is_whole, n, means, inverse })
    }
}

/// The inverse over the terms of the mask by sweeps (Goodnight 1979), zero elsewhere; not finite where it does not exist.
fn inverse(mut gram: [[f64; TERMS]; TERMS], mask: usize) -> [[f64; TERMS]; TERMS] {
    let is_in = |i: usize| mask >> i & 1 == 1;
    for p in (0..TERMS).filter(|p| is_in(*p)) {
        let (row, pivot) = (gram[p], gram[p][p]);
        for i in (0..TERMS).filter(|i| *i != p) {
            let factor = gram[i][p] / pivot;
            (0..TERMS).for_each(|j| gram[i][j] -= factor * row[j]);
            gram[i][p] = -factor;
        }
        gram[p] = row.map(|value| value / pivot);
        gram[p][p] = 1.0 / pivot;
    }
    std::array::from_fn(|i| std::array::from_fn(|j| if is_in(i) && is_in(j) { gram[i][j] } else { 0.0 }))
}

impl Face {
    /// The quantity's value here, the square of how far it moves for each unit of the root of the sum of squares, and along which
    /// shares.
    fn slope(&self, weights: &Shares) -> (f64, f64, Shares) {
        let p: [f64; TERMS] = std::array::from_fn(|i| weights[i + 1] - weights[0] * self.means[i]);
        let moves = self.inverse.map(|row| product(&row, &p));
        let mean = if self.n > 0.0 { weights[0] / self.n } else { 0.0 };
        let length = weights[0] * mean + product(&p, &moves);
        let [h, k, m] = moves;
        (dot(weights, &self.shares), length, [mean - product(&moves, &self.means), h, k, m])
    }

    fn moved(&self, along: &Shares, by: f64) -> Shares {
        std::array::from_fn(|i| self.shares[i] + by * along[i])
    }
}

impl Section<'_> {
    /// Least and greatest value of a quantity among all laws with at most this sum of squares; (∞, -∞) where there are none.
    pub fn extremes(&self, weights: &Shares, rss_limit: f64) -> (f64, f64) {
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        let mut add = |shares: Shares| {
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
    pub fn held(&self, weights: &Shares, value: f64) -> f64 {
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

pub(crate) fn dot(weights: &Shares, shares: &Shares) -> f64 {
    product(weights, shares)
}

fn product<const N: usize>(p: &[f64; N], q: &[f64; N]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * q).sum()
}
