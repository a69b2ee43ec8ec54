//! L-BFGS: a downhill search that learns the curvature from its last steps (Nocedal and Wright 2006, algorithm 7.5).
//!
//! The step length fulfils the weak Wolfe conditions by bisection (Lewis and Overton 2013), which also holds where the
//! second derivative jumps, as a Huber loss's does.

use std::collections::VecDeque;

const N_STEPS_KEPT: usize = 10;
const MOST_STEPS: usize = 500;

/// A place, the value there, and the gradient.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub x: Vec<f64>,
    pub value: f64,
    pub gradient: Vec<f64>,
}

/// The lowest place that is found from `start`; `f` returns the value and the gradient.
pub(crate) fn descend(start: &[f64], f: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Place {
    let at = |x: Vec<f64>| {
        let (value, gradient) = f(&x);
        Place { x, value, gradient }
    };
    let mut here = at(start.to_vec());
    let mut steps: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new(); // (change of x, change of the gradient)
    for _ in 0..MOST_STEPS {
        let mut direction = uphill(&here.gradient, &steps);
        direction.iter_mut().for_each(|d| *d = -*d);
        if dot(&direction, &here.gradient) >= 0.0 {
            break; // the gradient is zero, or rounding has eaten it
        }
        let first = if steps.is_empty() { 0.1 / dot(&direction, &direction).sqrt() } else { 1.0 };
        let Some(next) = line_search(&here, &direction, first, &at) else { break };
        let (moved, turned) = (minus(&next.x, &here.x), minus(&next.gradient, &here.gradient));
        if dot(&moved, &turned) > 0.0 {
            steps.truncate(N_STEPS_KEPT - 1);
            steps.push_front((moved, turned));
        }
        let gained = here.value - next.value;
        here = next;
        if gained <= 1e-16 * here.value.abs() {
            break;
        }
    }
    here
}

/// The gradient multiplied by the inverse curvature that the steps have shown (the two-loop recursion).
fn uphill(gradient: &[f64], steps: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let mut shares = Vec::with_capacity(steps.len());
    for (moved, turned) in steps {
        let share = dot(moved, &q) / dot(moved, turned);
        add(&mut q, -share, turned);
        shares.push(share);
    }
    if let Some((moved, turned)) = steps.front() {
        let scale = dot(moved, turned) / dot(turned, turned);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((moved, turned), share) in steps.iter().zip(shares).rev() {
        let correction = dot(turned, &q) / dot(moved, turned);
        add(&mut q, share - correction, moved);
    }
    q
}

/// A step that goes down enough and flattens the slope enough; None where no step goes down.
fn line_search(here: &Place, direction: &[f64], first: f64, at: &impl Fn(Vec<f64>) -> Place) -> Option<Place> {
    let slope = dot(&here.gradient, direction);
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, first);
    let mut best: Option<Place> = None;
    for _ in 0..60 {
        let mut x = here.x.clone();
        add(&mut x, length, direction);
        let next = at(x);
        let goes_down = next.value <= here.value + 1e-4 * length * slope; // false for NaN
        if goes_down && dot(&next.gradient, direction) >= 0.9 * slope {
            return Some(next);
        }
        if goes_down {
            low = length;
            best = Some(next);
        } else {
            high = length;
        }
        length = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * low };
    }
    best
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn minus(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x - y).collect()
}

fn add(x: &mut [f64], factor: f64, y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += factor * y);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rosenbrocks_valley_is_followed_to_its_end() {
        let valley = |p: &[f64]| {
            let (x, y) = (p[0], p[1]);
            let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            (value, vec![-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)])
        };
        let found = descend(&[-1.2, 1.0], valley);
        assert!((found.x[0] - 1.0).abs() < 1e-9 && (found.x[1] - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_sum_of_absolute_values_ends_at_its_median() {
        let data = [1.0, 2.0, 3.0, 10.0, 100.0];
        let huber = |p: &[f64]| {
            let (mut value, mut slope) = (0.0, 0.0);
            for x in data {
                let r: f64 = p[0] - x;
                value += if r.abs() < 1e-3 { 0.5 * r * r } else { 1e-3 * (r.abs() - 5e-4) };
                slope += r.clamp(-1e-3, 1e-3);
            }
            (value, vec![slope])
        };
        assert!((descend(&[50.0], huber).x[0] - 3.0).abs() < 1e-3);
    }
}
