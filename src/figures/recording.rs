//! A figure as plotters drew it: a list of shapes, from which [`super::svg`], [`super::png`] and [`super::pdf`] make files.
//!
//! Plotters knows backends that draw at once. This one only writes down what it is asked for, in plotters' whole numbers.

use super::canvas::{At, BASELINE, LINE_PER_EM};
use super::look::{Colour, X_HEIGHT};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
    FontTransform,
};
use std::convert::Infallible;

/// A colour and how much of what lies below it covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Paint {
    pub colour: Colour,
    pub opacity: f64,
}

/// How the inside or the line of a shape is painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ink {
    Fill(Paint),
    /// With the line's width.
    Stroke(Paint, f64),
}

/// One thing that was drawn; lengths in plotters' units, y downwards.
#[derive(Clone)]
pub(super) enum Shape {
    /// A line from corner to corner, closed where it is filled.
    Path {
        corners: Vec<BackendCoord>,
        ink: Ink,
    },
    Rectangle {
        at: At,
        size: At,
        ink: Ink,
    },
    Disc {
        at: At,
        radius: f64,
        ink: Ink,
    },
    Text(Label),
}

/// A line of text.
#[derive(Clone)]
pub(super) struct Label {
    pub text: String,
    pub at: At,
    /// How far the baseline lies below `at`, before the text is turned about it.
    pub baseline: f64,
    /// The em.
    pub size: f64,
    pub bold: bool,
    pub anchor: HPos,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub turn: u32,
    pub paint: Paint,
}

/// The backend that plotters draws into.
pub struct Recorder<'a> {
    pub(super) shapes: &'a mut Vec<Shape>,
    pub(super) size: (u32, u32),
}

/// Nothing can go wrong.
type Recorded = Result<(), DrawingErrorKind<Infallible>>;

impl Recorder<'_> {
    fn add(&mut self, colour: BackendColor, shape: impl FnOnce(Paint) -> Shape) -> Recorded {
        if colour.alpha > 0.0 {
            self.shapes.push(shape(paint(colour)));
        }
        Ok(())
    }
}

fn paint(BackendColor { alpha, rgb: (red, green, blue) }: BackendColor) -> Paint {
    Paint { colour: Colour(red, green, blue), opacity: alpha }
}

fn ink(style: &impl BackendStyle, fill: bool) -> impl Fn(Paint) -> Ink {
    let width = f64::from(style.stroke_width());
    move |paint| if fill { Ink::Fill(paint) } else { Ink::Stroke(paint, width) }
}

fn place((x, y): BackendCoord) -> At {
    (f64::from(x), f64::from(y))
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
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Recorded {
        let (at, end) = (place(from), place(to));
        let size = (end.0 - at.0, end.1 - at.1);
        self.add(style.color(), |paint| Shape::Rectangle { at, size, ink: ink(style, fill)(paint) })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Recorded {
        let corners = path.into_iter().collect();
        self.add(style.color(), |paint| Shape::Path { corners, ink: ink(style, false)(paint) })
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, fill: bool) -> Recorded {
        let (at, radius) = (place(at), f64::from(radius));
        self.add(style.color(), |paint| Shape::Disc { at, radius, ink: ink(style, fill)(paint) })
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Recorded {
        let corners = path.into_iter().collect();
        self.add(style.color(), |paint| Shape::Path { corners, ink: ink(style, true)(paint) })
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Recorded {
        let size = style.size() / LINE_PER_EM;
        let baseline = match style.anchor().v_pos {
            VPos::Top => BASELINE * size,
            VPos::Center => 0.5 * X_HEIGHT * size,
            VPos::Bottom => -0.5 * X_HEIGHT * size,
        };
        let turn = match style.transform() {
            FontTransform::Rotate90 => 90,
            FontTransform::Rotate180 => 180,
            FontTransform::Rotate270 => 270,
            FontTransform::None => 0,
        };
        let (text, bold, anchor) = (text.to_string(), matches!(style.style(), FontStyle::Bold), style.anchor().h_pos);
        let at = place(at);
        self.add(style.color(), |paint| Shape::Text(Label { text, at, baseline, size, bold, anchor, turn, paint }))
    }
}
