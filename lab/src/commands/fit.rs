//! `fit`: a law through a table of sizes and losses.

use super::output::show;
use lab::Result;
use music_scaling::figures::Format;
use music_scaling::files::write_atomic;
use music_scaling::fitting;
use music_scaling::study::findings_figure;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct FitOptions {
    /// power (L = a·N^-alpha + c), power-without-c, log (L = A + B·ln N), or nd (L = E + A/N^alpha + B/D^beta)
    #[arg(long, default_value = "power")]
    law: String,
    /// For the laws power and nd: least-squares, log (squares of ln loss) or huber (the Chinchilla objective)
    #[arg(long, default_value = "least-squares")]
    objective: String,
    /// Bootstrap resamples for the intervals
    #[arg(long, default_value_t = 1000)]
    resamples: usize,
    #[arg(long, default_value_t = 1337)]
    seed: u64,
    /// Published numbers to check against the table, such as a=8.42,alpha=0.152,c=1.45
    #[arg(long)]
    claim: Option<String>,
    /// The R² published with the claim
    #[arg(long, requires = "claim")]
    claim_r2: Option<String>,
    /// The column of N, or of another cost; without it common names are looked for
    #[arg(long)]
    x: Option<String>,
    /// The column of the loss
    #[arg(long)]
    y: Option<String>,
    /// Draw points, law, band and claim into this file: .svg, .png or .pdf
    #[arg(long)]
    figure: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

pub(crate) fn fit(file: &Path, options: FitOptions) -> Result<()> {
    let FitOptions { law, objective, resamples, seed, claim, claim_r2, x, y, figure, json } = options;
    let columns = fitting::Columns { x: x.clone(), y: y.clone() };
    let options = fitting::FitOptions { law, objective, resamples, seed, claim, claim_r2, columns };
    let figure = figure.map(|path| -> Result<(PathBuf, Format)> {
        let format = path.extension().unwrap_or_default().to_string_lossy().parse()?;
        Ok((path, format))
    });
    let figure = figure.transpose()?; // before the work
    let found = fitting::fit_table(file, &options)?;
    show(json, &found)?;
    if let Some((path, format)) = figure {
        let drawn = findings_figure(&found)?;
        let drawn = x.iter().fold(drawn, |drawn, name| drawn.x_label(name));
        let drawn = y.iter().fold(drawn, |drawn, name| drawn.y_label(name));
        write_atomic(&path, drawn.bytes(format)?)?;
    }
    Ok(())
}
