//! The search over exponents: every valley of a logarithmic grid, then a simplex. No starting guess.

/// Where `f` is least over the box, searched in logarithms: the lowest place of a grid and every other valley of it are refined.
pub(crate) fn minimise(ranges: &[(f64, f64)], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let side: usize = match ranges.len() {
        0 => return Vec::new(),
        1 => 300, // steps of 2.9 %: far narrower than any valley of a projected sum of squares
        2 => 60,
        _ => 24,
    };
    let grids: Vec<Vec<f64>> = ranges.iter().map(|(low, high)| log_grid(*low, *high, side)).collect();
    let strides: Vec<usize> = (0..ranges.len()).map(|axis| side.pow(axis as u32)).collect();
    let place = |cell: usize, axis: usize| cell / strides[axis] % side;
    let at = |cell: usize| -> Vec<f64> { (0..ranges.len()).map(|axis| grids[axis][place(cell, axis)]).collect() };
    let values: Vec<f64> = (0..side.pow(ranges.len() as u32)).map(|cell| f(&at(cell))).collect();
    let is_valley = |cell: &usize| {
        (0..ranges.len()).all(|axis| {
            let (before, after) = (place(*cell, axis) > 0, place(*cell, axis) + 1 < side);
            (!before || values[*cell] < values[cell - strides[axis]])
                && (!after || values[*cell] < values[cell + strides[axis]])
        })
    };
    let lowest = (0..values.len()).min_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut best = (f64::INFINITY, Vec::new());
    for cell in lowest.into_iter().chain((0..values.len()).filter(is_valley)) {
        let refined = simplex(ranges, &at(cell), 1e-13, &f);
        best = if refined.0 < best.0 { refined } else { best };
    }
    if best.1.is_empty() { at(0) } else { best.1 }
}

/// Nelder and Mead (1965) in logarithms within the box, from a place that is close: (value, place).
pub(crate) fn simplex(
    ranges: &[(f64, f64)],
    start: &[f64],
    tolerance: f64,
    f: impl Fn(&[f64]) -> f64,
) -> (f64, Vec<f64>) {
    let n = ranges.len();
    let place = |p: &[f64]| -> Vec<f64> { p.iter().zip(ranges).map(|(x, r)| x.exp().clamp(r.0, r.1)).collect() };
    let value = |p: Vec<f64>| (f(&place(&p)), p);
    let start: Vec<f64> = start.iter().map(|x| x.ln()).collect();
    let stepped = |axis: usize| start.iter().enumerate().map(|(i, x)| if i == axis { x + 0.1 } else { *x }).collect();
    let mut corners = vec![value(start.clone())];
    corners.extend((0..n).map(|axis| value(stepped(axis))));
    for _ in 0..200 * n {
        corners.sort_by(|p, q| p.0.total_cmp(&q.0));
        let size = |i: usize| corners.iter().map(|corner| (corner.1[i] - corners[0].1[i]).abs()).sum::<f64>();
        if (0..n).map(size).sum::<f64>() < tolerance {
            break;
        }
        let (worst, next_to_worst) = (corners[n].clone(), corners[n - 1].0);
        let towards = |step: f64| -> Vec<f64> {
            let centre = |i: usize| corners[..n].iter().map(|corner| corner.1[i]).sum::<f64>() / n as f64;
            (0..n).map(|i| centre(i) + step * (centre(i) - worst.1[i])).collect()
        };
        let reflected = value(towards(1.0));
        let replacement = if reflected.0 < corners[0].0 {
            let expanded = value(towards(2.0));
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < next_to_worst {
            reflected
        } else {
            let contracted = value(towards(if reflected.0 < worst.0 { 0.5 } else { -0.5 }));
            if contracted.0 < worst.0.min(reflected.0) {
                contracted
            } else {
                let best = corners[0].1.clone();
                let halfway = |p: &[f64]| p.iter().zip(&best).map(|(x, b)| 0.5 * (x + b)).collect();
                corners = corners.iter().map(|corner| value(halfway(&corner.1))).collect();
                continue;
            }
        };
        corners[n] = replacement;
    }
    corners.sort_by(|p, q| p.0.total_cmp(&q.0));
    (corners[0].0, place(&corners[0].1))
}

/// `n` values from `low` to `high`, both included exactly, evenly spaced in ln x.
pub(crate) fn log_grid(low: f64, high: f64, n: usize) -> Vec<f64> {
    let last = n.max(2) - 1;
    let inner = |index: usize| (low.ln() + (high / low).ln() * index as f64 / last as f64).exp();
    let at = |index: usize| match index {
        0 => low,
        index if index == last => high,
        index => inner(index),
    };
    (0..=last).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_of_several_valleys_is_found() {
        let f = |x: f64| ((x.ln() * 3.0).sin() + 0.05 * (x.ln() - 1.0).powi(2)).min(1e9);
        let brute = log_grid(1e-3, 5.0, 200_001).into_iter().map(f).fold(f64::INFINITY, f64::min);
        assert!((f(minimise(&[(1e-3, 5.0)], |x| f(x[0]))[0]) - brute).abs() < 1e-8);
    }

    #[test]
    fn a_minimum_at_the_end_of_the_range_is_returned_as_that_end() {
        assert_eq!(minimise(&[(1e-3, 5.0)], |x| x[0]), [1e-3]);
        assert_eq!(minimise(&[(1e-3, 5.0)], |x| -x[0]), [5.0]);
    }

    #[test]
    fn a_bowl_in_three_dimensions_is_found_at_its_bottom() {
        let bowl = |x: &[f64]| (x[0].ln() - 0.3).powi(2) + (x[1].ln() + 0.2).powi(2) + (x[2] * x[0]).ln().powi(2);
        let found = minimise(&[(1e-2, 9.0); 3], bowl);
        let bottom = [0.3f64.exp(), (-0.2f64).exp(), (-0.3f64).exp()];
        assert!(found.iter().zip(bottom).all(|(x, y)| (x / y - 1.0).abs() < 1e-6), "{found:?}");
    }
}
