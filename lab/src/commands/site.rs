//! `site`: a folder of pages to host.

use lab::report::Report;
use lab::{Lab, Result};
use music_scaling::study::Study;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct SiteOptions {
    /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
    #[arg(default_value = "laptop")]
    preset: String,
    /// The folder; what else lies in it stays
    #[arg(long, default_value = "site")]
    out: PathBuf,
}

pub(crate) fn site(options: &SiteOptions) -> Result<()> {
    let lab = Lab::open()?;
    let index = Report::of(&lab, Study::open(&options.preset)?)?.site(&lab, &options.out)?;
    println!("written  {}", index.display());
    Ok(())
}
