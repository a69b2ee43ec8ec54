//! Figures: one function for each kind, one look for all, and a way into a notebook.
//!
//! A kind's function takes plain data and returns a [`Figure`]; nothing is drawn yet. [`Figure::save`] draws it into
//! SVG, PNG and PDF files and writes the plotted numbers beside them; as the last expression of a notebook cell the
//! figure is shown. The title should be the finding:
//!
//! ```
//! use music_scaling::figures::{self, Line, Reference};
//! use music_scaling::models::Family;
//!
//! let runs = [Line::new("Transformer", [(1e5, 1.75), (1e6, 1.55)]).dots().family(Family::Transformer)];
//! let figure = figures::scaling(&runs, [Reference::new("6-gram", 1.43)]).title("Ten times the parameters buy 0.2 nats");
//! assert!(figure.csv()?.contains("1.55"));
//! # Ok::<(), music_scaling::Error>(())
//! ```

mod arcs;
mod axes;
mod bars;
mod canvas;
mod chart;
mod engraving;
mod heatmap;
mod histogram;
mod labels;
mod lines;
pub mod live;
pub mod look;
mod note_groups;
mod ornaments;
mod own;
mod pdf;
mod piano_roll;
mod png;
mod redraw;
mod reference;
mod scaling;
mod shapes;
pub mod show;
mod show_table;
mod staff;
pub(crate) mod svg;
mod tex;

pub(crate) use arcs::LONGEST_TEXT;
pub use arcs::arcs;
pub use axes::human;
pub use bars::{NamedValue, bars};
pub use heatmap::heatmap;
pub use histogram::histogram;
pub use lines::{Line, lines};
pub use own::{Area, Recorder, draw};
pub use piano_roll::{piano_roll, piano_roll_with_arcs};
pub use redraw::{Format, Style};
pub use reference::Reference;
pub use scaling::{loss_curves, scaling};
pub use show_table::number;
pub use staff::staff;
pub use tex::{as_shown, named_values, save_numbers};

use crate::{Error, Result, files};
use base64::{Engine, engine::general_purpose::STANDARD};
use canvas::Canvas;
use serde::{Deserialize, Serialize};
use shapes::{Drawing, Shape, UNITS};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A picture that knows its numbers. Cheap to clone; drawn when it is saved or shown.
#[derive(Clone)]
pub struct Figure {
    picture: Arc<Kind>,
    options: Options,
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        show::debug(f, &format!("the figure \"{}\"", self.options.title), || show::figure(self).ok())
    }
}

/// Where [`Figure::save`] writes.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Says where [`Figure::save`] writes; opening a study does.
pub fn save_into(folder: PathBuf) {
    *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
}

/// The folder that [`save_into`] named.
fn folder() -> Result<PathBuf> {
    FOLDER.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
        Error::Figure(
            "no study is open, so there is no folder for figures: open one, or name the folder with save_in".into(),
        )
    })
}

/// What a kind of figure must be able to do.
trait Picture {
    /// Draws itself below the height `top` and returns the height where it ends.
    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64>;
    /// What its marks mean, in a sentence for the caption; empty where they speak for themselves.
    fn legend(&self) -> String {
        String::new()
    }
    /// The numbers that are drawn.
    fn numbers(&self, options: &Options) -> Numbers;
}

/// Every kind of figure: what [`Figure::save_in`] keeps of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Arcs(arcs::Arcs),
    Bars(bars::Bars),
    Chart(chart::Chart),
    Heatmap(heatmap::Heatmap),
    Histogram(histogram::Histogram),
    Own(own::Own),
    PianoRoll(piano_roll::PianoRoll),
    Staff(staff::Staff),
}

impl Kind {
    fn picture(&self) -> &dyn Picture {
        match self {
            Kind::Arcs(arcs) => arcs,
            Kind::Bars(bars) => bars,
            Kind::Chart(chart) => chart,
            Kind::Heatmap(heatmap) => heatmap,
            Kind::Histogram(histogram) => histogram,
            Kind::Own(own) => own,
            Kind::PianoRoll(roll) => roll,
            Kind::Staff(staff) => staff,
        }
    }
}

/// What a caller asked for in place of a kind's own choice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Options {
    title: String,
    x: AxisWish,
    y: AxisWish,
    frame_height: Option<f64>,
    /// In print, in inches.
    printed: Option<f64>,
    without_title: bool,
    #[serde(skip)]
    style: Option<Style>,
}

impl Options {
    /// Width in points: a figure for a narrow column has fewer, so that its labels are as large in print as in a wide one.
    fn width(&self) -> f64 {
        const SHRUNK: f64 = 0.6; // 12.5-point labels are printed 7.5 points high
        const ENLARGED: f64 = 1.3; // … and 16 points
        let shrunk = if self.style == Some(Style::Slide) { ENLARGED } else { SHRUNK };
        self.printed.map_or(look::WIDTH, |inches| inches * 72.0 / shrunk)
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct AxisWish {
    label: Option<String>,
    log: bool,
    range: Option<(f64, f64)>,
}

impl Figure {
    fn new(picture: Kind) -> Self {
        Figure { picture: Arc::new(picture), options: Options::default() }
    }

    /// The finding, in one sentence; long ones are wrapped.
    pub fn title(mut self, title: &str) -> Self {
        self.options.title = title.to_string();
        self
    }

    /// The quantity on the x axis, with its unit in brackets.
    pub fn x_label(mut self, label: &str) -> Self {
        self.options.x.label = Some(label.to_string());
        self
    }

    /// The quantity on the y axis, with its unit in brackets.
    pub fn y_label(mut self, label: &str) -> Self {
        self.options.y.label = Some(label.to_string());
        self
    }

    /// Makes the x axis logarithmic.
    pub fn log_x(mut self) -> Self {
        self.options.x.log = true;
        self
    }

    /// Makes the y axis logarithmic.
    pub fn log_y(mut self) -> Self {
        self.options.y.log = true;
        self
    }

    /// Shows this part of the x axis; what lies outside is cut off.
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.options.x.range = Some((low, high));
        self
    }

    /// Shows this part of the y axis; what lies outside is cut off.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.options.y.range = Some((low, high));
        self
    }

    /// Height of the part inside the axes, in points (the figure is 500 wide; 250 unless said otherwise).
    pub fn height(mut self, points: f64) -> Self {
        self.options.frame_height = points.is_finite().then_some(points);
        self
    }

    /// Prints the figure so many inches wide (1 to 20), with labels of 7.5 points: 3.25 for a column, 6.5 for a page.
    pub fn width_in(mut self, inches: f64) -> Self {
        self.options.printed = inches.is_finite().then_some(inches.clamp(1.0, 20.0));
        self
    }

    /// Leaves the title out of the picture: for a page whose caption says it. The caption file still has it.
    pub fn without_title(mut self) -> Self {
        self.options.without_title = true;
        self
    }

    /// Shows the figure in a notebook: evcxr calls this when a figure is the last expression of a cell.
    pub fn evcxr_display(&self) {
        // A PNG, since JupyterLab shows no SVG of a notebook that it does not trust, such as a fresh clone's.
        match self.png() {
            Ok(png) => show::print_block("image/png", &STANDARD.encode(png)),
            Err(error) => println!("{error}"),
        }
    }

    /// Writes the files of [`Figure::save_in`] into the figures' folder of the study that was opened last.
    ///
    /// # Errors
    /// Before a study was opened ([`Figure::save_in`] needs none), and where the picture cannot be drawn or written.
    pub fn save(self, name: &str) -> Result<Figure> {
        self.save_in(&folder()?, name)
    }

    /// Writes into `dir`, each file whole or not at all: `name.svg` and `name.png` for a page or a screen; `name.csv`, the plotted
    /// numbers; `name.txt`, a caption; `name.json`, from which [`Figure::read`] makes the figure again; and for LaTeX `name.pdf`, as wide as a column (3.25 inches unless [`Figure::width_in`] says
    /// otherwise) and without the title, which is in the caption of `name.tex`.
    ///
    /// # Errors
    /// Where the picture cannot be drawn or written.
    pub fn save_in(self, dir: &Path, name: &str) -> Result<Figure> {
        let (drawing, csv, caption) = (self.drawing()?, self.csv()?, self.caption());
        let (png, pdf) = (png::write(&drawing)?, self.in_print().pdf()?);
        let write = |kind: &str, bytes: &[u8]| files::write_atomic(dir.join(format!("{name}.{kind}")), bytes);
        if !csv.is_empty() {
            write("csv", csv.as_bytes())?;
        }
        write("txt", format!("{caption} {}\n", self.where_numbers_are(name)).trim_start().as_bytes())?;
        write("tex", tex::figure(name, &caption).as_bytes())?;
        write("png", &png)?;
        write("pdf", &pdf)?;
        write("svg", svg::write(&drawing).as_bytes())?;
        write("json", self.content()?.as_bytes())?;
        Ok(self)
    }

    fn in_print(&self) -> Figure {
        let mut figure = self.clone().without_title();
        figure.options.printed = figure.options.printed.or(Some(look::COLUMN));
        figure
    }

    /// The picture as SVG text.
    ///
    /// # Errors
    /// Where the picture cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        Ok(svg::write(&self.drawing()?))
    }

    /// The picture as a PNG file's bytes.
    ///
    /// # Errors
    /// Where the picture cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>> {
        png::write(&self.drawing()?)
    }

    /// The picture as a PDF file's bytes.
    ///
    /// # Errors
    /// As [`Figure::svg`].
    pub fn pdf(&self) -> Result<Vec<u8>> {
        pdf::write(&self.drawing()?)
    }

    /// The plotted numbers as CSV text.
    ///
    /// # Errors
    /// Where the CSV writer refuses them.
    pub fn csv(&self) -> Result<String> {
        self.picture.picture().numbers(&self.options).csv()
    }

    /// The title as a sentence, what the marks mean, and where the numbers lie.
    fn caption(&self) -> String {
        let title = self.options.title.trim_end_matches('.');
        let finding = if title.is_empty() { String::new() } else { format!("{title}. ") };
        format!("{finding}{}", self.picture.picture().legend()).trim_end().to_owned()
    }

    fn where_numbers_are(&self, name: &str) -> String {
        match self.picture.picture().numbers(&self.options).header.join(", ") {
            none if none.is_empty() => none,
            columns => format!("The numbers are in {name}.csv (columns: {columns})."),
        }
    }

    fn drawing(&self) -> Result<Drawing> {
        const MOST_HEIGHT: f64 = 6000.0;
        let mut canvas = Canvas { shapes: Vec::new(), width: self.options.width() };
        let top = self.draw_title(&mut canvas);
        let bottom = self.picture.picture().draw(&self.options, &mut canvas, top)?;
        let size = ((canvas.width * UNITS).round(), (bottom.clamp(1.0, MOST_HEIGHT) * UNITS).round());
        let printed = self.options.printed.unwrap_or(look::PRINTED);
        let (shapes, shown) = (self.greyed(canvas.shapes), self.shown());
        Ok(Drawing { shapes, size, title: self.options.title.clone(), printed, shown })
    }

    /// Returns the height where the title ends.
    fn draw_title(&self, canvas: &mut Canvas) -> f64 {
        const LINE_HEIGHT: f64 = 1.27 * look::TITLE_SIZE;
        let mut top = 5.0;
        if self.options.without_title {
            return top;
        }
        for line in look::wrap(&self.options.title, look::TITLE_SIZE, true, canvas.width - 6.0) {
            top += LINE_HEIGHT;
            canvas.text((2.0, top - 4.0), line, look::text(look::TITLE_SIZE, look::INK).bold());
        }
        top + 4.0
    }
}

/// A table of what a figure shows.
#[derive(Debug, Clone, Default)]
struct Numbers {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Numbers {
    fn new(header: &[&str]) -> Self {
        Numbers { header: header.iter().map(|name| name.to_string()).collect(), rows: Vec::new() }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Leaves out those of the named columns that hold nothing.
    fn without_empty_columns(self, names: &[&str]) -> Self {
        let holds_something = |i: usize| self.rows.iter().any(|row| row.get(i).is_some_and(|cell| !cell.is_empty()));
        let kept: Vec<bool> = self
            .header
            .iter()
            .enumerate()
            .map(|(i, name)| !names.contains(&name.as_str()) || holds_something(i))
            .collect();
        let filter =
            |cells: Vec<String>| cells.into_iter().zip(&kept).filter_map(|(cell, kept)| kept.then_some(cell)).collect();
        Numbers { header: filter(self.header), rows: self.rows.into_iter().map(filter).collect() }
    }

    fn csv(&self) -> Result<String> {
        let failed =
            |error: String| crate::Error::Figure(format!("the figure's numbers could not be written as CSV: {error}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        for cells in std::iter::once(&self.header).chain(&self.rows).filter(|cells| !cells.is_empty()) {
            writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
