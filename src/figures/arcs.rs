//! A text with an arc from each character to those that a head looks at: attention as one reads it.

use super::canvas::{At, Canvas};
use super::look::{self, AXIS, INK, LABEL_SIZE};
use super::{Figure, Kind, Numbers, Options, Picture};
use crate::models::Family;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Arcs {
    text: Vec<char>,
    weights: Vec<Vec<f64>>,
}

/// `weights[i][j]` is how much character i looks at character j ≤ i, 0 to 1. Only weights of 0.1 and more are drawn, the larger the
/// wider.
pub fn arcs(text: &str, weights: impl AsRef<[Vec<f64>]>) -> Figure {
    Figure::new(Kind::Arcs(Arcs { text: text.chars().collect(), weights: weights.as_ref().to_vec() }))
}

/// What is less is one of many.
pub(super) const LEAST_SHOWN: f64 = 0.1;
pub(crate) const LONGEST_TEXT: usize = 160; // each character has four points then
pub(super) const WIDEST: f64 = 2.2;
/// Points of an arc; straight pieces of half a degree are not seen.
pub(super) const N_POINTS: usize = 48;
const SIZE: f64 = look::TICK_SIZE;

impl Arcs {
    fn check(&self) -> Result<()> {
        let n = self.text.len();
        if n == 0 || n > LONGEST_TEXT || self.weights.len() != n || self.weights.iter().any(|row| row.len() != n) {
            return Err(Error::Figure(format!(
                "arcs over a text need 1 to {LONGEST_TEXT} characters and a weight for each pair of them; these are {n} characters and \
                 {} rows of weights",
                self.weights.len()
            )));
        }
        Ok(())
    }

    /// (from, to, weight) of what is drawn.
    fn shown(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let row =
            |(i, row): (usize, &Vec<f64>)| row.iter().enumerate().map(move |(j, w)| (i, j, *w)).collect::<Vec<_>>();
        self.weights.iter().enumerate().flat_map(row).filter(|(_, _, weight)| *weight >= LEAST_SHOWN)
    }
}

impl Picture for Arcs {
    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        self.check()?;
        let step = ((canvas.width - 12.0) / self.text.len() as f64).min(1.2 * SIZE);
        let place = |i: usize| 6.0 + step * (i as f64 + 0.5);
        let farthest = self.shown().map(|(i, j, _)| i - j.min(i)).max().unwrap_or(1).max(1) as f64;
        let height = options.frame_height.unwrap_or(150.0);
        let line = top + height + 8.0;
        for (i, j, weight) in self.shown() {
            let (middle, radius) = ((place(i) + place(j)) / 2.0, (place(i) - place(j)).abs() / 2.0);
            let rise = height * (i - j.min(i)) as f64 / farthest;
            let point = |k: usize| -> At {
                let angle = std::f64::consts::PI * k as f64 / N_POINTS as f64;
                (middle + radius * angle.cos(), line - 2.0 - rise * angle.sin())
            };
            canvas.line((0..=N_POINTS).map(point).collect(), look::family_colour(Family::Transformer), WIDEST * weight);
        }
        let size = SIZE.min(1.5 * step);
        for (i, character) in self.text.iter().enumerate() {
            let shown = if *character == '\n' { '⏎' } else { *character };
            canvas.text((place(i), line + size), shown.to_string(), look::text(size, INK).middle());
        }
        let label =
            options.x.label.as_deref().unwrap_or("Each character looks back along its arcs; the wider, the more");
        canvas.text((canvas.width / 2.0, line + 2.0 * SIZE + 8.0), label, look::text(LABEL_SIZE, AXIS).middle());
        Ok(line + 2.0 * SIZE + 16.0)
    }

    fn numbers(&self, _options: &Options) -> Numbers {
        let mut numbers = Numbers::new(&["from", "to", "from_character", "to_character", "weight"]);
        let name =
            |i: usize| self.text.get(i).map(|character| character.escape_default().to_string()).unwrap_or_default();
        for (i, j, weight) in self.shown() {
            numbers.row([i.to_string(), j.to_string(), name(i), name(j), weight.to_string()]);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_tenth_and_more_are_drawn_as_arcs_over_their_text() {
        let weights = [vec![1.0, 0.0, 0.0], vec![0.05, 0.95, 0.0], vec![0.6, 0.1, 0.3]];
        let figure = arcs("AB\n", weights);
        assert_eq!(figure.svg().unwrap().matches("<text").count(), 4, "three characters and a label");
        let csv = figure.csv().unwrap();
        assert_eq!(csv.lines().count(), 1 + 5);
        assert!(csv.contains("2,0,\\n,A,0.6"), "{csv}");
        let error = arcs("AB", [vec![1.0]]).svg().unwrap_err().to_string();
        assert!(error.contains("these are 2 characters and 1 rows of weights"), "{error}");
    }
}
