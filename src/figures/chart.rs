//! A chart: marks on two axes. Scaling figures, loss curves, histograms and plain lines are all charts.

use super::axes::{Axis, AxisPlan, Tick};
use super::canvas::{At, Canvas};
use super::labels::{self, Edges, EndLabel};
use super::look::{self, AXIS, Colour, GRID, INK, LABEL_SIZE, TICK_SIZE};
use super::reference::Reference;
use super::{Numbers, Options, Picture};
use crate::models::Family;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Chart {
    pub x: AxisPlan,
    pub y: AxisPlan,
    pub marks: Vec<Mark>,
    pub references: Vec<Reference>,
}

/// One set of numbers and how it is drawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mark {
    /// What the numbers are, for the CSV file: `run`, `fit`, `interval`, `curve`, `count`.
    pub role: Cow<'static, str>,
    pub series: String,
    pub family: Option<Family>,
    pub colour: Colour,
    pub shape: MarkShape,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum MarkShape {
    /// With its width and, as in [`Canvas::dashed`], its dashes.
    Line(Vec<At>, f64, Cow<'static, [f64]>),
    /// With their radius and the number of their sign, as in [`Canvas::mark`].
    Dots(Vec<At>, f64, usize),
    /// (x, low, high), and the dashes of its edges
    Band(Vec<(f64, f64, f64)>, Cow<'static, [f64]>),
    /// (left edge, right edge, height), standing on zero
    Columns(Vec<(f64, f64, f64)>),
}

/// The rectangle inside the axes, in points.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Axis,
    y: Axis,
}

impl Frame {
    fn at(&self, (x, y): At) -> At {
        (
            self.left + (self.right - self.left) * self.x.place(x),
            self.bottom - (self.bottom - self.top) * self.y.place(y),
        )
    }

    fn holds(&self, (x, y): At) -> bool {
        const HAIR: f64 = 0.01;
        (self.left - HAIR..=self.right + HAIR).contains(&x) && (self.top - HAIR..=self.bottom + HAIR).contains(&y)
    }

    fn nearest(&self, (x, y): At) -> At {
        (x.min(self.right).max(self.left), y.min(self.bottom).max(self.top))
    }

    fn edges(&self) -> Edges {
        [self.left, self.right, self.top, self.bottom]
    }

    /// The parts of a line that lie inside.
    fn clip(&self, points: &[At]) -> Vec<Vec<At>> {
        let mut pieces: Vec<Vec<At>> = Vec::new();
        let mut goes_on = false;
        for (a, b) in points.iter().zip(points.iter().skip(1)) {
            let shares = labels::shares_inside(self.edges(), *a, *b);
            if let Some((from, to)) = shares {
                let at = |share: f64| (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
                match pieces.last_mut().filter(|_| goes_on && from == 0.0) {
                    Some(piece) => piece.push(at(to)),
                    None => pieces.push(vec![at(from), at(to)]),
                }
            }
            goes_on = shares.is_some_and(|(_, to)| to == 1.0);
        }
        pieces
    }
}

impl Picture for Chart {
    fn legend(&self) -> String {
        let has = |wanted: fn(&MarkShape) -> bool| {
            self.marks.iter().any(|mark| wanted(&mark.shape) && mark.places().next().is_some())
        };
        let parts = [
            (has(|shape| matches!(shape, MarkShape::Dots { .. })), "Dots are measured. "),
            (has(|shape| matches!(shape, MarkShape::Band(..))), "Bands are 95 % intervals. "),
            (!self.references.is_empty(), "Grey lines that are named are there for comparison. "),
        ];
        parts.into_iter().filter_map(|(is_there, part)| is_there.then_some(part)).collect()
    }

    fn draw(&self, options: &Options, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let chart = self.with(options);
        chart.check()?;
        let frame = chart.frame(options, top)?;
        let bottom = draw_axes(canvas, &frame);
        let layer = |wanted: u8| chart.marks.iter().filter(move |mark| mark.layer() == wanted);
        layer(0).for_each(|mark| draw_mark(canvas, &frame, mark));
        let mut ends = chart.draw_references(canvas, &frame);
        layer(1).chain(layer(2)).for_each(|mark| draw_mark(canvas, &frame, mark));
        ends.extend(chart.named().filter_map(|mark| mark.end_label(&frame)));
        labels::draw(canvas, ends, frame.edges(), chart.lines_in(&frame));
        Ok(bottom + 8.5)
    }

    fn numbers(&self, options: &Options) -> Numbers {
        let chart = self.with(options);
        let header = ["role", "series", "family", &chart.x.column, &chart.y.column, "low", "high"];
        let mut numbers = Numbers::new(&header);
        for mark in chart.marks.iter().filter(|mark| !mark.role.is_empty()) {
            let family = mark.family.map(|family| family.to_string()).unwrap_or_default();
            for [x, y, low, high] in mark.rows() {
                numbers.row([mark.role.to_string(), mark.series.clone(), family.clone(), x, y, low, high]);
            }
        }
        for line in &chart.references {
            let (x, y) = if line.horizontal {
                (String::new(), line.value.to_string())
            } else {
                (line.value.to_string(), String::new())
            };
            numbers.row(["reference".into(), line.label.clone(), String::new(), x, y, String::new(), String::new()]);
        }
        numbers.without_empty_columns(&["family", "low", "high"])
    }
}

impl Chart {
    /// This chart with what the caller asked for in place of the kind's own choices.
    fn with(&self, options: &Options) -> Chart {
        let mut chart = self.clone();
        for (plan, wish) in [(&mut chart.x, &options.x), (&mut chart.y, &options.y)] {
            if let Some(label) = &wish.label {
                plan.label.clone_from(label);
            }
            plan.log |= wish.log;
            plan.range = wish.range.or(plan.range);
        }
        chart
    }

    /// What a label should not lie on.
    fn lines_in(&self, frame: &Frame) -> Vec<[At; 2]> {
        let level = |line: &Reference| [frame.at((frame.x.low, line.value)), frame.at((frame.x.high, line.value))];
        let lines = self.marks.iter().filter(|mark| mark.layer() > 0).flat_map(|mark| {
            let places: Vec<At> = mark.places().map(|place| frame.at(place)).collect();
            places.windows(2).map(|ends| [ends[0], ends[1]]).collect::<Vec<_>>()
        });
        lines.chain(self.references.iter().filter(|line| line.horizontal).map(level)).collect()
    }

    /// The marks beside whose last point their series' name stands: of a law and its runs, the law.
    fn named(&self) -> impl Iterator<Item = &Mark> {
        let is_first = |i: usize, mark: &Mark| !self.marks[..i].iter().any(|other| other.names(&mark.series));
        self.marks
            .iter()
            .enumerate()
            .filter(move |(i, mark)| mark.names(&mark.series) && is_first(*i, mark))
            .map(|(_, mark)| mark)
    }

    /// Refuses what has no place in any figure, naming the series.
    fn check(&self) -> Result<()> {
        if self.marks.iter().all(|mark| mark.places().next().is_none()) {
            return Err(Error::Figure("there is nothing to draw: the figure was given no points".into()));
        }
        for mark in &self.marks {
            if let Some((i, (x, y))) = mark.places().enumerate().find(|(_, (x, y))| !(x.is_finite() && y.is_finite())) {
                let (series, role) = (&mark.series, &mark.role);
                let message =
                    format!("{role} point {} of '{series}' is ({x}, {y}), which cannot be drawn: leave it out", i + 1);
                return Err(Error::Figure(message));
            }
        }
        Ok(())
    }

    fn frame(&self, options: &Options, top: f64) -> Result<Frame> {
        let horizontal = |line: &&Reference| line.horizontal;
        let ys = || self.marks.iter().flat_map(Mark::fixing_places).map(|(_, y)| y);
        let own = self.y.fit(ys(), 6)?;
        let near = self.references.iter().filter(horizontal).map(|line| line.value);
        let mut y = self.y.fit(ys().chain(near.filter(|value| Reference::is_near(own.place(*value)))), 6)?;
        if self.y.range.is_none() && !y.log && self.references.iter().any(|line| !line.horizontal) {
            y.high += 0.09 * (y.high - y.low); // the upright lines' labels stand above the numbers
        }
        let named = self.named().map(|mark| mark.series.clone());
        let room = labels::room(named.chain(self.references.iter().filter(horizontal).map(|line| line.label_on(&y))));
        let tick_room = y.ticks.iter().map(Tick::width).fold(0.0, f64::max);
        let (left, most_right) = (tick_room + 14.0, options.width() - room.max(8.0));
        let upright = self.references.iter().filter(|line| !line.horizontal).map(|line| line.value);
        let xs: Vec<f64> = self.marks.iter().flat_map(Mark::places).map(|(x, _)| x).chain(upright).collect();
        let x = self.x.fit_into(&xs, most_right - left)?;
        let right = most_right.min(options.width() - 2.0 - x.ticks.last().map_or(0.0, |tick| tick.width() / 2.0));
        let top = top + 24.0; // the y axis's label stands above the frame
        let height = options.frame_height.unwrap_or(look::FRAME_HEIGHT).clamp(60.0, 2000.0);
        Ok(Frame { left, right, top, bottom: top + height, x, y })
    }

    /// Dashed grey lines; the horizontal ones are labelled in the margin, the vertical ones at their upper end.
    fn draw_references(&self, canvas: &mut Canvas, frame: &Frame) -> Vec<EndLabel> {
        let mut ends = Vec::new();
        let mut last_label_end = f64::NEG_INFINITY;
        let mut row = 0.0;
        for line in self.references.iter().filter(|line| line.value.is_finite()) {
            if line.horizontal {
                let at = frame.at((frame.x.high, line.value));
                if frame.holds(at) {
                    canvas.dashed(vec![(frame.left, at.1), at], line.colour, 1.1, look::DASH);
                }
                ends.push(EndLabel { text: line.label_on(&frame.y), colour: line.colour, at: frame.nearest(at) });
                continue;
            }
            let at = frame.at((line.value, frame.y.high));
            if frame.holds(at) {
                canvas.dashed(vec![(at.0, frame.bottom), at], line.colour, 1.1, look::DASH);
                let width = look::text_width(&line.label, LABEL_SIZE, false);
                let fits_right = at.0 + 5.0 + width < frame.right;
                let left = if fits_right { at.0 + 5.0 } else { at.0 - 5.0 - width };
                row = if left < last_label_end { row + 15.0 } else { 0.0 };
                last_label_end = left + width;
                canvas.text((left, frame.top + 12.0 + row), line.label.as_str(), look::text(LABEL_SIZE, line.colour));
            }
        }
        ends
    }
}

impl Mark {
    /// Whether a series' name may stand beside this mark.
    fn names(&self, series: &str) -> bool {
        self.layer() > 0 && !self.role.is_empty() && !series.is_empty() && self.series == series
    }

    /// What lies over what: bands and columns, then reference lines and lines, then dots.
    pub fn layer(&self) -> u8 {
        match self.shape {
            MarkShape::Band(..) | MarkShape::Columns(_) => 0,
            MarkShape::Line(..) => 1,
            MarkShape::Dots(..) => 2,
        }
    }

    /// Every place that the mark covers.
    fn places(&self) -> Box<dyn Iterator<Item = At> + '_> {
        match &self.shape {
            MarkShape::Line(points, ..) | MarkShape::Dots(points, ..) => Box::new(points.iter().copied()),
            MarkShape::Band(band, _) => Box::new(band.iter().flat_map(|(x, low, high)| [(*x, *low), (*x, *high)])),
            MarkShape::Columns(columns) => {
                Box::new(columns.iter().flat_map(|(left, right, y)| [(*left, *y), (*right, *y)]))
            }
        }
    }

    /// The places that the y axis must show: a band may be far wider than its curve, and is cut off at the frame.
    fn fixing_places(&self) -> Box<dyn Iterator<Item = At> + '_> {
        if matches!(self.shape, MarkShape::Band(..)) { Box::new(std::iter::empty()) } else { self.places() }
    }

    /// x, y, low, high, as written into the CSV file.
    fn rows(&self) -> Vec<[String; 4]> {
        let of =
            |values: [Option<f64>; 4]| values.map(|value| value.map(|value| value.to_string()).unwrap_or_default());
        match &self.shape {
            MarkShape::Line(points, ..) | MarkShape::Dots(points, ..) => {
                points.iter().map(|(x, y)| of([Some(*x), Some(*y), None, None])).collect()
            }
            MarkShape::Band(band, _) => {
                band.iter().map(|(x, low, high)| of([Some(*x), None, Some(*low), Some(*high)])).collect()
            }
            MarkShape::Columns(columns) => columns
                .iter()
                .map(|(left, right, y)| of([Some((left + right) / 2.0), Some(*y), Some(*left), Some(*right)]))
                .collect(),
        }
    }

    fn end_label(&self, frame: &Frame) -> Option<EndLabel> {
        let last =
            self.places().map(|place| frame.at(place)).filter(|at| frame.holds(*at)).max_by(|a, b| a.0.total_cmp(&b.0));
        last.map(|at| EndLabel { text: self.series.clone(), colour: self.colour, at })
    }
}

fn draw_mark(canvas: &mut Canvas, frame: &Frame, mark: &Mark) {
    match &mark.shape {
        MarkShape::Line(points, width, dash) => {
            let places: Vec<At> = points.iter().map(|point| frame.at(*point)).collect();
            for piece in frame.clip(&places) {
                canvas.dashed(piece, mark.colour, *width, dash);
            }
        }
        MarkShape::Dots(points, radius, sign) => {
            for at in points.iter().map(|point| frame.at(*point)).filter(|at| frame.holds(*at)) {
                canvas.mark(at, *radius, mark.colour, *sign);
            }
        }
        MarkShape::Band(band, dash) => {
            let upper: Vec<At> = band.iter().map(|(x, _, high)| frame.at((*x, *high))).collect();
            let lower: Vec<At> = band.iter().rev().map(|(x, low, _)| frame.at((*x, *low))).collect();
            let inside = upper.iter().chain(&lower).map(|at| frame.nearest(*at));
            canvas.area(inside.collect(), mark.colour, 0.14);
            for piece in [upper, lower].iter().flat_map(|edge| frame.clip(edge)) {
                canvas.dashed(piece, mark.colour, 0.5, dash);
            }
        }
        MarkShape::Columns(columns) => {
            for (left, right, height) in columns {
                let (upper, lower) =
                    (frame.nearest(frame.at((*left, *height))), frame.nearest(frame.at((*right, 0.0))));
                let gap = if lower.0 - upper.0 > 4.0 { 0.5 } else { 0.0 };
                let size = (lower.0 - upper.0 - 2.0 * gap, lower.1 - upper.1);
                if size.1 > 0.0 {
                    canvas.rectangle((upper.0 + gap, upper.1), size, mark.colour);
                }
            }
        }
    }
}

/// The grid and the axes with their labels. Returns the height of the last label.
fn draw_axes(canvas: &mut Canvas, frame: &Frame) -> f64 {
    let Frame { left, right, top, bottom, x, y } = frame;
    let numbers = look::text(TICK_SIZE, AXIS);
    for tick in &y.ticks {
        let (_, height) = frame.at((x.low, tick.value));
        canvas.line(vec![(*left, height), (*right, height)], GRID, 0.7);
        canvas.text((left - 5.0, height + 0.36 * TICK_SIZE), tick.label.as_str(), numbers.end());
    }
    for value in &x.minor {
        let (along, _) = frame.at((*value, y.low));
        canvas.line(vec![(along, *bottom), (along, bottom + 2.5)], AXIS, 0.6);
    }
    for tick in &x.ticks {
        let (along, _) = frame.at((tick.value, y.low));
        if !x.log {
            canvas.line(vec![(along, *top), (along, *bottom)], GRID, 0.7);
        }
        canvas.line(vec![(along, *bottom), (along, bottom + 4.0)], AXIS, 1.0);
        canvas.text((along, bottom + 16.5), tick.label.as_str(), numbers.middle());
    }
    canvas.line(vec![(*left, *bottom), (*right, *bottom)], AXIS, 1.0);
    canvas.text((2.0, top - 11.0), y.label.as_str(), look::text(LABEL_SIZE, INK));
    canvas.label_below(&x.label, ((left + right) / 2.0, bottom + 33.0))
}
