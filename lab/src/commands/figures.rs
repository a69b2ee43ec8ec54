//! `figures`: a study's figures again, from what was saved of them.

use lab::report::figures_of;
use lab::{Error, Lab, Result};
use music_scaling::figures::{Figure, Format, Style};
use music_scaling::files::write_atomic;
use music_scaling::study::Study;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct FiguresOptions {
    /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
    preset: String,
    /// Which figures, such as 06_scaling; without a name, all
    names: Vec<String>,
    /// In inches, 1 to 20: 3.25 for a column, 6.5 for a page, 10 for a slide
    #[arg(long)]
    width: Option<f64>,
    /// pdf, svg or png
    #[arg(long, default_value = "pdf")]
    format: Format,
    /// paper (no title, labels of 7.5 points), slide (title, labels of 16 points) or grey (paper without colours)
    #[arg(long, default_value = "paper")]
    style: Style,
    /// The folder; without it, redrawn/ in the current one
    #[arg(long, default_value = "redrawn")]
    out: PathBuf,
}

pub(crate) fn figures(options: &FiguresOptions) -> Result<()> {
    if let Some(width) = options.width.filter(|width| !(1.0..=20.0).contains(width)) {
        return Err(Error::Config(format!("a figure is not drawn {width} inches wide: give --width 1 to 20")));
    }
    let folder = figures_of(&Study::open(&options.preset)?, &Lab::open()?.root);
    let known = saved(&folder);
    if known.is_empty() {
        let (folder, preset) = (folder.display(), &options.preset);
        let message = format!("{folder} holds no figure as .json: run cargo run -- study --preset {preset} first");
        return Err(Error::Config(message));
    }
    let names = if options.names.is_empty() { &known } else { &options.names };
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        let (folder, known) = (folder.display(), known.join(", "));
        return Err(Error::Config(format!("{folder} holds no figure {unknown}; it holds {known}")));
    }
    for name in names {
        let figure = Figure::read(&folder.join(format!("{name}.json")))?.styled(options.style, options.width);
        let path = options.out.join(format!("{name}.{}", options.format.ending()));
        write_atomic(&path, figure.bytes(options.format)?)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Names of the figures that can be drawn again, sorted.
fn saved(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let figures = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut names: Vec<String> =
        figures.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}
