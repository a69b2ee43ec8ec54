//! Scaling laws fitted to points (N, loss), with intervals and a verdict on what the points can and cannot say.
//!
//! Every [`Law`] is linear, with shares of the loss that are at least zero, once its exponents are fixed (variable projection): one
//! bounded search over the exponents, global, with no starting guess. All are least squares in nats per token unless another
//! [`Objective`] is asked for. A [`Fit`] gives predictions, intervals, bands, resamples and verdicts, whatever the law.
//!
//! The crate knows only points. `n_params` may hold any cost (N in either counting, or FLOPs) as long as all points of
//! one fit hold the same.
//!
//! ```
//! use scaling_laws::{Law, Point, Verdict};
//!
//! let loss = |n: f64| 60.0 * n.powf(-0.3) + 0.9;
//! let points = [1e5, 3e5, 1e6, 3e6, 1e7].map(|n| Point::new(n, loss(n)));
//! let law = Law::Power.fit(&points)?;
//! assert!((law["alpha"].value - 0.3).abs() < 1e-6 && *law.verdict() == Verdict::Identified);
//! assert!((law.predict(1e8) - loss(1e8)).abs() < 1e-6);
//! # Ok::<(), scaling_laws::Error>(())
//! ```

mod bootstrap;
mod claim;
pub mod compare;
mod distributions;
mod error;
mod fit;
#[cfg(test)]
mod fit_tests;
mod grid;
pub mod isoflop;
mod law;
mod lbfgs;
mod numbers;
mod objective;
#[cfg(test)]
mod plane_tests;
mod points;
mod profile;
mod published;
mod quantity;
mod reading;
#[cfg(test)]
mod reading_tests;
mod sample;
mod search;
mod sensitivity;
mod table;
mod verdict;

pub use bootstrap::Bootstrap;
pub use claim::{Claim, ClaimCheck, Miss, Printed};
pub use compare::{Comparison, Crossing, Difference};
pub use error::{Error, Result};
pub use fit::{Fit, Parameter};
pub use isoflop::{IsoFlop, frontier};
pub use law::{ALPHA_RANGE, Law, R_STAR_RANGE, effective_tokens};
pub use objective::Objective;
pub use points::{Interval, Point};
pub use published::{PublishedFit, published_fits};
pub use reading::{Columns, read_points};
pub use sensitivity::{Jackknife, LawScore, LeftOut, Prediction, jackknife, leave_largest_out, rank_laws};
pub use table::{Findings, FitOptions, FitReport, fit_table, report};
pub use verdict::Verdict;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The level of every interval in this module.
pub const LEVEL: f64 = 0.95;
