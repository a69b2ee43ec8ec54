//! `report`: the report to hand in.

use lab::report::{Rendering, Report};
use lab::{Lab, Result};
use music_scaling::study::Study;

#[derive(clap::Args)]
pub(crate) struct ReportOptions {
    /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
    #[arg(default_value = "laptop")]
    preset: String,
    /// A4 pages (without any choice, this one)
    #[arg(long)]
    pdf: bool,
    /// One page that needs nothing else
    #[arg(long)]
    html: bool,
    /// report.tex, numbers.tex and figures, for pdflatex
    #[arg(long)]
    latex: bool,
}

pub(crate) fn report(options: &ReportOptions) -> Result<()> {
    let wishes = [(options.pdf, Rendering::Pdf), (options.html, Rendering::Html), (options.latex, Rendering::Latex)];
    let mut renderings: Vec<Rendering> =
        wishes.into_iter().filter_map(|(is_wanted, one)| is_wanted.then_some(one)).collect();
    if renderings.is_empty() {
        renderings.push(Rendering::Pdf);
    }
    let lab = Lab::open()?;
    for path in Report::of(&lab, Study::open(&options.preset)?)?.write(&lab, &renderings)? {
        println!("written  {}", path.display());
    }
    Ok(())
}
