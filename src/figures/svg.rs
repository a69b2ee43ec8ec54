//! Plotters' SVG, trimmed for a page: as wide as every figure, without what SVG assumes anyway, and without ids, classes or
//! scripts (so several figures can stand in one page).

use super::canvas::At;
use super::look;

/// Viewers without DejaVu fall back to fonts that are no wider, so labels that were measured apart stay apart.
const FONTS: &str = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif";

/// What plotters writes into every element, and what the root element or SVG itself says once. Quotes inside texts are
/// escaped, so a text never holds any of these.
const ASSUMED: [(&str, &str); 9] = [
    (" opacity=\"1\"", ""),
    (" stroke=\"none\"", ""),
    (" stroke-width=\"1\"", ""),
    (" fill=\"none\"", ""),
    (" text-anchor=\"start\"", ""),
    (" font-family=\"sans-serif\"", ""),
    (" \"/>", "\"/>"),
    (">\n</text>", "></text>"),
    ("\n</text>", "</text>"),
];

/// The whole picture; `title` is for screen readers and tooltips.
pub(super) fn trim(plotted: &str, (width, height): At, title: &str) -> String {
    let shown = look::WIDTH * look::SCREEN_SCALE;
    let elements = plotted.split_once('\n').map_or("", |(_root, elements)| elements);
    let elements = ASSUMED.iter().fold(elements.to_string(), |text, (said, rest)| text.replace(said, rest));
    let elements = joined(&elements);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{shown}\" height=\"{:.0}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"{FONTS}\" fill=\"none\" stroke-linejoin=\"round\">\n<title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{elements}",
        shown * height / width,
        escape(title),
    )
}

/// Lines and polygons as paths with relative steps, neighbouring lines of one style (the dashes of a dashed line) as one.
fn joined(elements: &str) -> String {
    let mut text = String::with_capacity(elements.len());
    let mut open = "";
    for element in elements.lines() {
        let points = element.strip_suffix("\"/>").and_then(|element| element.split_once(" points=\""));
        let line = points.filter(|(style, _)| style.starts_with("<polyline") && !style.contains("opacity"));
        let style = line.map_or("", |(style, _)| style);
        match points {
            Some((_, points)) if style == open && !open.is_empty() => {
                text.insert_str(text.len() - "\"/>\n".len(), &steps(points))
            }
            Some((style, points)) => {
                let close = if style.starts_with("<polygon") { "z" } else { "" };
                let style = style.split_once(' ').map_or("", |(_tag, style)| style);
                text.extend(["<path ", style, " d=\"", &steps(points), close, "\"/>\n"]);
            }
            None => text.extend([element, "\n"]),
        }
        open = style;
    }
    text
}

/// `1,2 4,6` → `M1 2l3 4`.
fn steps(points: &str) -> String {
    let mut data = String::new();
    let mut from = (0, 0);
    let point = |pair: &str| Some((pair.split_once(',')?.0.parse().ok()?, pair.split_once(',')?.1.parse().ok()?));
    for (i, (x, y)) in points.split(' ').filter_map(point).enumerate() {
        let sign = ["M", "l", " "].get(i).copied().unwrap_or(" ");
        let (dx, dy): (i32, i32) = (x - from.0, y - from.1);
        data += &format!("{sign}{dx} {dy}");
        from = (x, y);
    }
    data.replace(" -", "-")
}

/// Text that may stand between tags and in attributes; control characters, which XML forbids, become spaces.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// [`escape`] for text of several lines.
pub(super) fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_lines_of_one_style_are_one_path() {
        let line = |style: &str, points: &str| format!("<polyline stroke=\"{style}\" points=\"{points}\"/>\n");
        let lines = [line("a", "1,2 3,4"), line("a", "5,6 7,8"), line("b", "0,0 1,1"), "<rect/>\n".into()].concat();
        let paths = "<path stroke=\"a\" d=\"M1 2l2 2M5 6l2 2\"/>\n<path stroke=\"b\" d=\"M0 0l1 1\"/>\n<rect/>\n";
        assert_eq!(joined(&lines), paths);
        assert_eq!(joined("<polygon fill=\"a\" points=\"5,5 1,2 3,1\"/>"), "<path fill=\"a\" d=\"M5 5l-4-3 2-1z\"/>\n");
    }

    #[test]
    fn text_cannot_break_out_of_the_markup() {
        assert_eq!(escape("a<b & \"c\"\u{0}"), "a&lt;b &amp; &quot;c&quot; ");
    }
}
