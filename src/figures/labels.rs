//! Direct labels in the right margin: each beside the end of its line, pushed apart where they would overlap.

use super::canvas::{At, Canvas};
use super::look::{self, Colour, LABEL_SIZE};

/// A label that wants to stand at height `y` (points), for a line that ends at `x`.
#[derive(Debug, Clone)]
pub(super) struct EndLabel {
    pub text: String,
    pub colour: Colour,
    pub at: At,
}

/// From baseline to baseline, in font sizes.
const LINE_HEIGHT: f64 = 1.16;
/// Between the frame and the labels.
const GAP: f64 = 9.0;
/// Labels take at most this much of the figure's width; longer ones are cut short.
const MOST: f64 = 150.0;

/// How much room labels need right of the frame.
pub(super) fn room(texts: impl Iterator<Item = String>) -> f64 {
    let widest = texts.map(|text| look::text_width(&text, LABEL_SIZE, false)).fold(0.0, f64::max);
    if widest > 0.0 { widest.min(MOST) + GAP + 8.0 } else { 0.0 }
}

/// Writes the labels right of `frame_right`, between the heights `top` and `bottom`. A label that had to move away gets a
/// thin line from where its own line ends. If there are more than fit, every second is left out until they do.
pub(super) fn draw(canvas: &mut Canvas, mut labels: Vec<EndLabel>, frame_right: f64, (top, bottom): (f64, f64)) {
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
    fn no_two_labels_are_nearer_than_a_line() {
        let wanted: Vec<f64> = (0..15).map(|i| 100.0 + f64::from(i % 4) + f64::from(i)).collect();
        let mut sorted = wanted;
        sorted.sort_by(f64::total_cmp);
        let placed = spread(&sorted, 12.0, (0.0, 250.0));
        assert!(placed.windows(2).all(|pair| pair[1] - pair[0] > 12.0 - 1e-9), "{placed:?}");
        assert!(placed.iter().all(|y| (0.0..=250.0).contains(y)));
    }
}
