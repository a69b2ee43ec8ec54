//! Scaling laws fitted to points (N, loss), with intervals and a verdict on what the points can and cannot say.
//!
//! L(N) = a·N^-alpha + c, the same without c, and L(N) = A + B·ln N. All are least squares in nats per token unless another
//! [`Objective`] is asked for; the power law is solved by variable projection: for one exponent it is linear in (a, c), so the fit is a bounded search over
//! alpha alone, global, with no starting guess. L(N, D) = E + A/N^alpha + B/D^beta is solved the same way.
//!
//! The crate knows only points. `n_params` may hold any cost (N in either counting, or FLOPs) as long as all points of
//! one fit hold the same.
//!
//! ```
//! use scaling_laws::{Point, PowerLaw, Verdict};
//!
//! let loss = |n: f64| 60.0 * n.powf(-0.3) + 0.9;
//! let points = [1e5, 3e5, 1e6, 3e6, 1e7].map(|n| Point::new(n, loss(n)));
//! let law = PowerLaw::fit(&points)?;
//! assert!((law.alpha - 0.3).abs() < 1e-6 && law.verdict == Verdict::Identified);
//! assert!((law.predict(1e8) - loss(1e8)).abs() < 1e-6);
//! # Ok::<(), scaling_laws::Error>(())
//! ```

#![warn(missing_docs)]
#![warn(clippy::missing_errors_doc)]

pub mod bootstrap;
pub mod claim;
pub mod compare;
mod distributions;
mod error;
mod global;
pub mod isoflop;
pub mod law;
mod lbfgs;
pub mod log_law;
pub mod loss_in_n_and_d;
mod numbers;
pub mod objective;
pub mod points;
pub mod power_law;
mod profile;
mod published;
pub mod repeated;
pub mod report;
pub mod sensitivity;
pub mod table;
pub mod verdict;

pub use bootstrap::{LogBootstrap, PowerBootstrap};
pub use claim::{Claim, ClaimCheck};
pub use compare::{Comparison, Crossing, Difference};
pub use error::{Error, Result};
pub use global::ALPHA_RANGE;
pub use isoflop::{IsoFlop, frontier};
pub use law::{Fitted, Law};
pub use log_law::{LogIntervals, LogLaw};
pub use loss_in_n_and_d::{LossInNAndD, PlaneBootstrap};
pub use objective::{CurveIntervals, Objective, PowerCurve};
pub use points::{Interval, Point, read_points, read_run_points};
pub use power_law::{PowerIntervals, PowerLaw};
pub use published::{PublishedFit, published_fits};
pub use repeated::RepeatedData;
pub use report::{Bootstrap, FitReport, PlaneReport, PlaneVerdicts, report, report_in_n_and_d};
pub use sensitivity::{Jackknife, LawScore, LeftOut, Prediction, jackknife, leave_largest_out, rank_laws};
pub use table::{Findings, FitOptions, fit_table};
pub use verdict::Verdict;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The level of every interval in this module.
pub const LEVEL: f64 = 0.95;
