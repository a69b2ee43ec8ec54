//! A picture of one's own, drawn by plotters: a backend that writes down what plotters asks for as shapes.

use super::canvas::Canvas;
use super::shapes::{Ink, Label, Paint, Shape, UNITS};
use super::{Figure, Kind, Numbers, Options, Picture, look, png};
use crate::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
    FontTransform,
};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

/// Where plotters draws a picture of one's own.
pub type Area<'a> = DrawingArea<Recorder<'a>, Shift>;

/// A picture of one's own: `paint` gets plotters' drawing area of so many pixels and does with it what it likes.
///
/// ```
/// use music_scaling::figures::{self, look};
/// use plotters::prelude::*;
///
/// let squares = figures::draw(640, 360, |area| {
///     let mut builder = ChartBuilder::on(area);
///     let mut chart = builder.margin(10).set_left_and_bottom_label_area_size(40).build_cartesian_2d(0..10, 0..100)?;
///     chart.configure_mesh().draw()?;
///     chart.draw_series(LineSeries::new((0..=10).map(|x| (x, x * x)), &look::category_colour(0).rgb()))?;
///     Ok(())
/// })?;
/// assert!(squares.svg()?.starts_with("<svg") && squares.pdf()?.starts_with(b"%PDF"));
/// # Ok::<(), music_scaling::Error>(())
/// ```
///
/// # Errors
/// What `paint` returns, and what plotters refuses.
pub fn draw(
    width: u32,
    height: u32,
    paint: impl FnOnce(&Area<'_>) -> std::result::Result<(), Box<dyn std::error::Error>>,
) -> Result<Figure> {
    look::register_fonts();
    let size = (width.clamp(1, 20_000), height.clamp(1, 20_000));
    let mut shapes = Vec::new();
    let area = Recorder { shapes: &mut shapes, size }.into_drawing_area();
    paint(&area).map_err(|error| Error::Figure(format!("plotters could not draw the figure: {error}")))?;
    drop(area);
    Ok(Figure::new(Kind::Own(Own { shapes, size })))
}

/// What plotters drew, in its pixels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Own {
    shapes: Vec<Shape>,
    size: (u32, u32),
}

impl Picture for Own {
    fn draw(&self, _: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let scale = canvas.width / f64::from(self.size.0);
        canvas.shapes.extend(self.shapes.iter().map(|shape| shape.moved(scale * UNITS, top * UNITS)));
        Ok(top + scale * f64::from(self.size.1))
    }

    fn numbers(&self, _: &Options) -> Numbers {
        Numbers::default()
    }
}

/// The backend that plotters draws into.
pub struct Recorder<'a> {
    shapes: &'a mut Vec<Shape>,
    size: (u32, u32),
}

/// Nothing can go wrong.
type Recorded = std::result::Result<(), DrawingErrorKind<Infallible>>;

impl Recorder<'_> {
    fn path<S: BackendStyle>(&mut self, path: Vec<BackendCoord>, style: &S, fill: bool) -> Recorded {
        let ink = if fill { Ink::Fill } else { Ink::Stroke(style.stroke_width().into()) };
        self.shapes.push(Shape::Path { pieces: vec![path], paint: paint(style.color()), ink });
        Ok(())
    }
}

fn paint(BackendColor { alpha, rgb: (red, green, blue) }: BackendColor) -> Paint {
    Paint { colour: look::Colour(red, green, blue), opacity: alpha }
}

impl DrawingBackend for Recorder<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Recorded {
        Ok(())
    }

    fn present(&mut self) -> Recorded {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Recorded {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Recorded {
        self.path(vec![from, to], style, false)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Recorded {
        self.path(vec![a, (b.0, a.1), b, (a.0, b.1), a], style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Recorded {
        self.path(path.into_iter().collect(), style, false)
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, fill: bool) -> Recorded {
        if fill {
            self.shapes.push(Shape::Disc { at, radius: radius.into(), paint: paint(style.color()) });
            return Ok(());
        }
        let corners = png::disc((at.0.into(), at.1.into()), radius.into());
        let ring = corners.iter().chain(corners.first()).map(|(x, y)| (x.round() as i32, y.round() as i32));
        self.path(ring.collect(), style, false)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Recorded {
        self.path(path.into_iter().collect(), style, true)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Recorded {
        const LINE_PER_EM: f64 = 1.24; // a font's size is a line's height to plotters
        let size = style.size() / LINE_PER_EM;
        let baseline = match style.anchor().v_pos {
            VPos::Top => 0.76 * size,
            VPos::Center => 0.5 * look::X_HEIGHT * size,
            VPos::Bottom => -0.5 * look::X_HEIGHT * size,
        };
        let turn = match style.transform() {
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
            FontTransform::None => 0,
        };
        let anchor = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => 0.5,
            HPos::Right => 1.0,
        };
        let bold = matches!(style.style(), FontStyle::Bold);
        let mut label = Label { text: text.into(), at, size, bold, anchor, turn, paint: paint(style.color()) };
        let (x, y) = label.turned((0.0, baseline));
        label.at = (x.round() as i32, y.round() as i32);
        self.shapes.push(Shape::Text(label));
        Ok(())
    }
}
