//! What plotters drew. Plotters writes SVG; [`super::svg`] trims that text for a page, [`super::png`] fills pixels from it,
//! so that both files show the same picture.

use super::canvas::At;
use super::{look, png, show, svg};
use crate::{Error, Result, files};
use base64::{Engine, engine::general_purpose::STANDARD};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, SVGBackend};
use std::path::Path;

/// Where plotters draws a figure.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A picture drawn by plotters. Shown when it is the last expression of a notebook cell.
#[derive(Clone)]
pub struct Drawing {
    /// Plotters' SVG text.
    plotted: String,
    /// Width and height in plotters' units.
    size: At,
    /// For screen readers and tooltips.
    title: String,
}

impl std::fmt::Debug for Drawing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the picture \"{}\": end a cell with it to see it", self.title)
    }
}

/// A picture of one's own: `paint` gets plotters' drawing area of so many pixels and does with it what it likes.
///
/// ```no_run
/// # fn main() -> music_scaling::Result<()> {
/// use music_scaling::figures::{self, look};
/// use plotters::prelude::*;
/// figures::draw(640, 360, |area| {
///     let mut builder = ChartBuilder::on(area);
///     let mut chart = builder.margin(10).set_left_and_bottom_label_area_size(40).build_cartesian_2d(0..10, 0..100)?;
///     chart.configure_mesh().draw()?;
///     chart.draw_series(LineSeries::new((0..=10).map(|x| (x, x * x)), &look::category_colour(0).rgb()))?;
///     Ok(())
/// })?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Where `paint` or plotters refuses.
pub fn draw(
    width: u32,
    height: u32,
    paint: impl FnOnce(&Area<'_>) -> std::result::Result<(), Box<dyn std::error::Error>>,
) -> Result<Drawing> {
    Ok(Drawing::new((width, height), |area| paint(area).map_err(failed))?.0)
}

/// What is said when plotters refuses.
pub(super) fn failed(error: impl std::fmt::Display) -> Error {
    Error::Figure(format!("plotters could not draw the figure: {error}"))
}

impl Drawing {
    /// What `paint` drew, and what it returned.
    pub(super) fn new<T>(
        (width, height): (u32, u32),
        paint: impl FnOnce(&Area<'_>) -> Result<T>,
    ) -> Result<(Drawing, T)> {
        look::register_fonts();
        let size = (width.clamp(1, 20_000), height.clamp(1, 100_000));
        let mut plotted = String::new();
        let returned = {
            let area = SVGBackend::with_string(&mut plotted, size).into_drawing_area();
            let returned = paint(&area)?;
            area.present().map_err(failed)?;
            returned
        };
        Ok((Drawing { plotted, size: (size.0.into(), size.1.into()), title: String::new() }, returned))
    }

    /// The same with an end at another height (plotters' units), and with a title.
    pub(super) fn cut(self, height: f64, title: &str) -> Drawing {
        Drawing { size: (self.size.0, height.round()), title: title.to_string(), ..self }
    }

    /// As SVG text.
    pub fn svg(&self) -> String {
        svg::trim(&self.plotted, self.size, &self.title)
    }

    /// As a PNG file's bytes.
    ///
    /// # Errors
    /// Where the picture cannot be packed.
    pub fn png(&self) -> Result<Vec<u8>> {
        png::write(&self.plotted, self.size)
    }

    /// Writes `name.svg` and `name.png` into `dir`; each appears whole or not at all.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn save(self, dir: &Path, name: &str) -> Result<Drawing> {
        files::write_atomic(dir.join(format!("{name}.png")), self.png()?)?;
        files::write_atomic(dir.join(format!("{name}.svg")), self.svg())?;
        Ok(self)
    }

    /// Shows the picture in a notebook: evcxr calls this when it is the last expression of a cell.
    pub fn evcxr_display(&self) {
        // A PNG, since JupyterLab shows no SVG of a notebook that it does not trust, such as a fresh clone's.
        match self.png() {
            Ok(png) => show::print_block("image/png", &STANDARD.encode(png)),
            Err(error) => println!("{error}"),
        }
    }
}
