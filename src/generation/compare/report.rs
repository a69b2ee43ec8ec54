//! A comparison as a table and as text.

use super::{Comparison, Measured, ScalarComparison};
use crate::Result;
use polars::prelude::*;
use std::fmt;

impl Comparison {
    /// A row for each scalar feature: means, and the two measures at equal n with their zero lines, as in [`Measured`].
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn table(&self) -> Result<DataFrame> {
        let texts =
            |of: fn(&ScalarComparison) -> &String| self.scalars.iter().map(|row| of(row).clone()).collect::<Vec<_>>();
        let numbers = |of: fn(&ScalarComparison) -> f64| self.scalars.iter().map(of).collect::<Vec<_>>();
        let measured = |measure: fn(&ScalarComparison) -> Option<Measured>, of: fn(Measured) -> f64| {
            self.scalars.iter().map(|row| measure(row).map(of)).collect::<Vec<Option<f64>>>()
        };
        Ok(df!(
            "feature" => texts(|row| &row.name),
            "unit" => texts(|row| &row.unit),
            "mean_ours" => numbers(|row| row.mean.0),
            "mean_people" => numbers(|row| row.mean.1),
            "overlap" => measured(|row| row.overlap, |overlap| overlap.ours),
            "overlap_zero" => measured(|row| row.overlap, |overlap| overlap.zero),
            "wasserstein" => measured(|row| row.wasserstein, |distance| distance.ours),
            "wasserstein_zero" => measured(|row| row.wasserstein, |distance| distance.zero),
        )?)
    }

    /// A row for each histogram and transition matrix.
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn matrix_table(&self) -> Result<DataFrame> {
        let numbers = |of: fn(&super::MatrixComparison) -> f64| self.matrices.iter().map(of).collect::<Vec<_>>();
        Ok(df!(
            "feature" => self.matrices.iter().map(|row| row.name.clone()).collect::<Vec<_>>(),
            "within_ours" => numbers(|row| row.within_ours),
            "within_people" => numbers(|row| row.within_people),
            "between" => numbers(|row| row.between),
            "between_zero" => numbers(|row| row.between_zero),
            "overlap" => numbers(|row| row.overlap),
            "overlap_zero" => numbers(|row| row.overlap_zero),
        )?)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n_ours, n_people) = self.n;
        write!(f, "{n_ours} of our tunes beside {n_people} of people's; in brackets two halves of people's tunes")?;
        write!(f, "\n{:<24} {:>18} {:>18}  {:>13}  {:>13}", "", "ours", "people", "overlap", "Wasserstein")?;
        let beside = |measured: Option<Measured>| {
            measured.map_or("-".to_string(), |measured| format!("{:.2} ({:.2})", measured.ours, measured.zero))
        };
        for row in &self.scalars {
            let spread = |mean: f64, sd: f64| format!("{mean:.2} ± {sd:.2}");
            let (ours, people) = (spread(row.mean.0, row.sd.0), spread(row.mean.1, row.sd.1));
            let (overlap, distance) = (beside(row.overlap), beside(row.wasserstein));
            write!(f, "\n{:<24} {ours:>18} {people:>18}  {overlap:>13}  {distance:>13}", row.name)?;
        }
        for row in &self.matrices {
            let distance = format!("{:.2} ({:.2})", row.between, row.between_zero);
            let overlap = format!("{:.2} ({:.2})", row.overlap, row.overlap_zero);
            let (ours, people) = (format!("{:.2}", row.within_ours), format!("{:.2}", row.within_people));
            write!(f, "\n{:<24} {ours:>18} {people:>18}  {overlap:>13}  {distance:>13}", row.name)?;
        }
        if let Some(frechet) = &self.frechet {
            let (at_n, zero) = (frechet.distance.ours, frechet.distance.zero);
            write!(f, "\nFréchet distance over {} features: {at_n:.2} ({zero:.2})", frechet.n_features)?;
        }
        Ok(())
    }
}
