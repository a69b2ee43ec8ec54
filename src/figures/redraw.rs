//! Figures again, from what [`Figure::save_in`] kept of them: at another width, in another format, in the style of another page.

use super::{Figure, Kind, Options, Shape, look, pdf, png, svg};
use crate::{Error, Result, files};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// What a figure is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A page whose caption has the title: no title, labels of 7.5 points.
    Paper,
    /// A wall: with its title, labels of 16 points.
    Slide,
    /// [`Style::Paper`] without colours: dashes and signs tell lines apart.
    Grey,
}

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Vectors, for LaTeX and Typst.
    Pdf,
    /// Vectors, for pages.
    Svg,
    /// Pixels: 300 to an inch, at least 1500 across.
    Png,
}

impl FromStr for Style {
    type Err = Error;

    fn from_str(name: &str) -> Result<Style> {
        match name {
            "paper" => Ok(Style::Paper),
            "slide" => Ok(Style::Slide),
            "grey" => Ok(Style::Grey),
            _ => Err(Error::Figure(format!("\"{name}\" is no style of figures; try paper, slide or grey"))),
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        match name {
            "pdf" => Ok(Format::Pdf),
            "svg" => Ok(Format::Svg),
            "png" => Ok(Format::Png),
            _ => Err(Error::Figure(format!("\"{name}\" is no format of figures; try pdf, svg or png"))),
        }
    }
}

impl Format {
    /// What the file's name ends with.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Pdf => "pdf",
            Format::Svg => "svg",
            Format::Png => "png",
        }
    }
}

impl Style {
    /// How wide a figure of this style is unless it is said, in inches: the text of an A4 page, or a slide.
    fn width_in(self) -> f64 {
        if self == Style::Slide { 10.0 } else { 6.3 }
    }
}

/// `name.json`: what is drawn, and what its caller asked for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<K> {
    picture: K,
    options: Options,
}

/// JSON writes what is no number as null; no line is drawn there.
pub(super) fn null_is_nan<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::NAN))
}

impl Figure {
    /// The figure that [`Figure::save_in`] kept in `name.json`.
    ///
    /// # Errors
    /// The file cannot be read, or is not what this version writes.
    pub fn read(path: &Path) -> Result<Figure> {
        let text = files::read_text(path)?;
        let Content { picture, options }: Content<Kind> = serde_json::from_str(&text).map_err(|error| {
            let path = path.display();
            Error::Figure(format!("{path} is no figure of this version ({error}): let the study draw it again"))
        })?;
        Ok(Figure { picture: Arc::new(picture), options })
    }

    /// The text of `name.json`.
    pub(super) fn content(&self) -> Result<String> {
        let content = Content { picture: &*self.picture, options: self.options.clone() };
        serde_json::to_string(&content)
            .map_err(|error| Error::Figure(format!("the figure could not be written as JSON: {error}")))
    }

    /// The figure for another page, so many inches wide (6.3, a slide 10 unless said otherwise).
    pub fn styled(mut self, style: Style, inches: Option<f64>) -> Figure {
        self.options.style = Some(style);
        self.options.without_title = style != Style::Slide;
        self.width_in(inches.unwrap_or(style.width_in()))
    }

    /// The bytes of a file of this format.
    ///
    /// # Errors
    /// Where the picture cannot be drawn.
    pub fn bytes(&self, format: Format) -> Result<Vec<u8>> {
        let drawing = self.drawing()?;
        match format {
            Format::Pdf => pdf::write(&drawing),
            Format::Svg => Ok(svg::write(&drawing).into_bytes()),
            Format::Png => png::write(&drawing),
        }
    }

    /// Without colours, each as light as it was.
    pub(super) fn greyed(&self, mut shapes: Vec<Shape>) -> Vec<Shape> {
        if self.options.style == Some(Style::Grey) {
            for paint in shapes.iter_mut().map(Shape::paint_mut) {
                paint.colour = paint.colour.grey();
            }
        }
        shapes
    }

    /// How wide the figure is on screen, in CSS pixels, of which an inch has 96.
    pub(super) fn shown(&self) -> f64 {
        let asked = self.options.printed.filter(|_| self.options.style.is_some());
        asked.map_or(look::WIDTH * look::SCREEN_SCALE, |inches| inches * 96.0)
    }
}
