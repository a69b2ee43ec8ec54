//! Direct labels: each beside the end of its line, in the right margin or, where a line ends before, near its end.

use super::canvas::{At, Canvas};
use super::look::{self, Colour, LABEL_SIZE};

/// A label for a line that ends at `at` (points).
#[derive(Debug, Clone)]
pub(super) struct EndLabel {
    pub text: String,
    pub colour: Colour,
    pub at: At,
}

/// Left, right, top and bottom in points.
pub(super) type Edges = [f64; 4];

/// From baseline to baseline, in font sizes.
const LINE_HEIGHT: f64 = 1.16;
/// Between the frame and the labels.
const GAP: f64 = 9.0;
/// Labels take at most this much of the figure's width; longer ones are cut short.
const MOST: f64 = 150.0;
/// A line that ends so far left of the frame's right edge is labelled where it ends, unless three or more end together.
const FAR: f64 = 45.0;
const TOGETHER: f64 = 12.0;

/// How much room labels need right of the frame.
pub(super) fn room(texts: impl Iterator<Item = String>) -> f64 {
    let widest = texts.map(|text| look::text_width(&text, LABEL_SIZE, false)).fold(0.0, f64::max);
    if widest > 0.0 { widest.min(MOST) + GAP + 8.0 } else { 0.0 }
}

/// Writes the labels of lines that end far inside the frame near their ends, where they cross the fewest of `lines`; the others
/// right of the frame.
pub(super) fn draw(canvas: &mut Canvas, labels: Vec<EndLabel>, frame: Edges, mut lines: Vec<[At; 2]>) {
    let ends: Vec<f64> = labels.iter().map(|label| label.at.0).collect();
    let is_alone = |end: f64| ends.iter().filter(|other| (**other - end).abs() < TOGETHER).count() < 3;
    let (inside, beside): (Vec<_>, Vec<_>) =
        labels.into_iter().partition(|label| frame[1] - label.at.0 > FAR && is_alone(label.at.0));
    for label in inside {
        let text = look::shorten(&label.text, LABEL_SIZE, MOST);
        let width = look::text_width(&text, LABEL_SIZE, false);
        let (left, right) = (label.at.0 - width - 4.0, label.at.0 + 7.0);
        let (over, level, under) = (label.at.1 - 7.0, label.at.1 + 0.36 * LABEL_SIZE, label.at.1 + LABEL_SIZE + 5.0);
        let middle = label.at.0 - width / 2.0;
        let (away, higher, lower) = (label.at.0 + 45.0, level - 24.0, level + 24.0);
        let places = [
            (right, level),
            (middle, over),
            (middle, under),
            (left, under),
            (left, over),
            (right, under),
            (right, over),
            (away, higher),
            (away, lower),
        ];
        let box_at =
            |(x, baseline): At| [x - 2.0, x + width + 2.0, baseline - 0.8 * LABEL_SIZE, baseline + 0.25 * LABEL_SIZE];
        let faults = |place: &At| {
            let [left, right, top, bottom] = box_at(*place);
            let outside = left < frame[0] || right > frame[1] || top < frame[2] || bottom > frame[3];
            let crossed =
                lines.iter().filter(|[a, b]| shares_inside([left, right, top, bottom], *a, *b).is_some()).count();
            crossed + if outside { 1000 } else { 0 }
        };
        let Some(at) = places.into_iter().min_by_key(faults) else { continue };
        let [left, right, top, bottom] = box_at(at);
        lines.extend([[(left, top), (right, bottom)], [(left, bottom), (right, top)]]); // the next label stays off this one
        if at.0 == away {
            canvas.line(vec![label.at, (away - 2.0, at.1 - 0.36 * LABEL_SIZE)], label.colour, 0.6);
        }
        canvas.text(at, text, look::text(LABEL_SIZE, label.colour.legible()));
    }
    draw_beside(canvas, beside, frame);
}

/// Writes labels right of the frame. One that had to move away gets a thin line from where its own line ends. If there are more
/// than fit, every second is left out until they do.
fn draw_beside(canvas: &mut Canvas, mut labels: Vec<EndLabel>, [_, frame_right, top, bottom]: Edges) {
    labels.sort_by(|a, b| a.at.1.total_cmp(&b.at.1));
    let apart = LINE_HEIGHT * LABEL_SIZE;
    let most = ((bottom - top) / apart).max(1.0) as usize + 1;
    while labels.len() > most {
        labels = labels.into_iter().step_by(2).collect();
    }
    let wanted: Vec<f64> = labels.iter().map(|label| label.at.1).collect();
    for (label, y) in labels.iter().zip(spread(&wanted, apart, (top, bottom))) {
        let left = frame_right + GAP;
        if (y - label.at.1).abs() > 3.0 {
            let start = (label.at.0 + 3.0).min(frame_right + 1.0);
            canvas.line(vec![(start, label.at.1), (left - 2.0, y)], label.colour, 0.6);
        }
        let text = look::shorten(&label.text, LABEL_SIZE, MOST);
        canvas.text((left, y + 0.36 * LABEL_SIZE), text, look::text(LABEL_SIZE, label.colour.legible()));
    }
}

/// Where a segment enters a rectangle and where it leaves it, 0 at `a` and 1 at `b` (Liang and Barsky), if it does.
pub(super) fn shares_inside([left, right, top, bottom]: Edges, a: At, b: At) -> Option<(f64, f64)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let edges = [(-dx, a.0 - left), (dx, right - a.0), (-dy, a.1 - top), (dy, bottom - a.1)];
    let (from, to) = edges.into_iter().fold((0.0_f64, 1.0_f64), |(from, to), (outwards, room)| match outwards {
        step if step < 0.0 => (from.max(room / step), to),
        step if step > 0.0 => (from, to.min(room / step)),
        _ if room < -1e-6 => (1.0, 0.0),
        _ => (from, to),
    });
    (from <= to).then_some((from, to))
}

/// Heights as near to `wanted` (sorted) as possible that are `apart` from each other and between the two ends: groups that
/// touch are merged and centred on the mean of what they want (the pool-adjacent-violators solution, least squares).
fn spread(wanted: &[f64], apart: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    let mut groups: Vec<(f64, usize)> = Vec::new(); // (mean of wanted − offset within the group, members)
    let span = |members: usize| apart * members as f64;
    let clamp = |first: f64, members: usize| first.min(bottom - span(members.saturating_sub(1))).max(top);
    for y in wanted {
        let mut group = (*y, 1);
        while let Some(above) = groups.last().copied() {
            if clamp(above.0, above.1) + span(above.1) <= clamp(group.0, group.1) {
                break;
            }
            groups.pop();
            let members = above.1 + group.1;
            let first = (above.0 * above.1 as f64 + (group.0 - span(above.1)) * group.1 as f64) / members as f64;
            group = (first, members);
        }
        groups.push(group);
    }
    groups.iter().flat_map(|(first, members)| (0..*members).map(move |i| clamp(*first, *members) + span(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_overlap_are_pushed_apart_around_their_mean() {
        assert_eq!(spread(&[50.0, 50.0, 90.0], 10.0, (0.0, 100.0)), [45.0, 55.0, 90.0]);
        assert_eq!(spread(&[98.0, 99.0, 100.0], 10.0, (0.0, 100.0)), [80.0, 90.0, 100.0]);
        assert_eq!(spread(&[0.0, 1.0], 10.0, (0.0, 100.0)), [0.0, 10.0]);
        assert!(spread(&[], 10.0, (0.0, 100.0)).is_empty());
    }

    #[test]
    fn a_line_that_ends_early_is_labelled_near_its_end_where_no_other_line_runs() {
        let mut canvas = Canvas { shapes: Vec::new(), width: 500.0 };
        let label = EndLabel { text: "early".into(), colour: look::INK, at: (200.0, 100.0) };
        let above = [(150.0, 90.0), (400.0, 90.0)];
        let beside = [(205.0, 102.0), (400.0, 102.0)];
        draw(&mut canvas, vec![label], [0.0, 400.0, 0.0, 200.0], vec![above, beside]);
        let [super::super::shapes::Shape::Text(text)] = canvas.shapes.as_slice() else { panic!("one text") };
        assert!(text.at.1 > 1100 && (1700..2100).contains(&text.at.0), "{:?}", text.at);
    }

    #[test]
    fn no_two_labels_are_nearer_than_a_line() {
        let wanted: Vec<f64> = (0..15).map(|i| 100.0 + f64::from(i % 4) + f64::from(i)).collect();
        let mut sorted = wanted;
        sorted.sort_by(f64::total_cmp);
        let placed = spread(&sorted, 12.0, (0.0, 250.0));
        assert!(placed.windows(2).all(|pair| pair[1] - pair[0] > 12.0 - 1e-9), "{placed:?}");
        assert!(placed.iter().all(|y| (0.0..=250.0).contains(y)));
    }
}
