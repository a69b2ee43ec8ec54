//! One file for each sub-command: a few calls into the library, and what is printed.

mod check;
mod evaluate;
mod figures;
mod fit;
mod game;
mod generate;
mod output;
mod prepare;
mod report;
mod runs;
mod site;
mod study;
mod sweep;
mod train;

pub(crate) use check::check;
pub(crate) use evaluate::score;
pub(crate) use figures::{FiguresOptions, figures};
pub(crate) use fit::{FitOptions, fit};
pub(crate) use game::{GameOptions, game};
pub(crate) use generate::{GenerateOptions, generate};
pub(crate) use output::{keep_stdout_for, show};
pub(crate) use prepare::prepare;
pub(crate) use report::{ReportOptions, report};
pub(crate) use runs::{RunsOptions, runs};
pub(crate) use site::{SiteOptions, site};
pub(crate) use study::{lab, plan, share_kernel, study};
pub(crate) use sweep::{SweepOptions, sweep};
pub(crate) use train::{TrainOptions, train};
