//! A canvas as SVG: compact text with one decimal, neighbours of one style in one group, no ids, classes or scripts (so
//! several figures can stand in one page).

use super::canvas::{Anchor, At, Canvas, Shape};
use super::look;
use std::fmt::Write;

/// Viewers without DejaVu fall back to fonts that are no wider, so labels that were measured apart stay apart.
const FONTS: &str = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif";

/// The whole picture; `title` is for screen readers and tooltips.
pub(super) fn write(canvas: &Canvas, title: &str) -> String {
    let (width, height) = (number(canvas.width), number(canvas.height));
    let (shown_width, shown_height) = (canvas.width * look::SCREEN_SCALE, canvas.height * look::SCREEN_SCALE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"{FONTS}\" stroke-linejoin=\"round\">\n<title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        number(shown_width),
        number(shown_height),
        escape(title),
    );
    let mut open = String::new();
    for shape in &canvas.shapes {
        let (style, element) = styled(shape);
        if style != open {
            if !open.is_empty() {
                svg.push_str("</g>\n");
            }
            let _ = writeln!(svg, "<g {style}>"); // writing to a String cannot fail
            open = style;
        }
        svg.push_str(&element);
        svg.push('\n');
    }
    if !open.is_empty() {
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// The attributes that a shape can share with its neighbours, and the shape itself.
fn styled(shape: &Shape) -> (String, String) {
    match shape {
        Shape::Line { points, colour, width, dashed } => {
            let dash = if *dashed { " stroke-dasharray=\"4 3\"" } else { "" };
            let style = format!("fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{dash}", colour.hex(), number(*width));
            (style, format!("<path d=\"{}\"/>", path(points)))
        }
        Shape::Area { points, colour, opacity } => {
            let translucent = if *opacity < 1.0 { format!(" fill-opacity=\"{opacity}\"") } else { String::new() };
            let style = format!("fill=\"{}\"{translucent}", colour.hex());
            (style, format!("<path d=\"{}z\"/>", path(points)))
        }
        Shape::Box { at, size, colour } => {
            let (x, y, w, h) = (number(at.0), number(at.1), number(size.0), number(size.1));
            (format!("fill=\"{}\"", colour.hex()), format!("<path d=\"M{x} {y}h{w}v{h}h-{w}z\"/>"))
        }
        Shape::Dot { at, radius, colour } => {
            let style = format!("fill=\"{}\" stroke=\"#fff\" stroke-width=\".8\"", colour.hex());
            (style, format!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>", number(at.0), number(at.1), number(*radius)))
        }
        Shape::Text { at, text, look } => {
            let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
            let anchor = match look.anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let style = format!("fill=\"{}\" font-size=\"{}\"{weight}{anchor}", look.colour.hex(), number(look.size));
            (style, format!("<text x=\"{}\" y=\"{}\">{}</text>", number(at.0), number(at.1), escape(text)))
        }
    }
}

/// Path data in relative steps. Rounding is done on absolute places, so that errors do not add up.
fn path(points: &[At]) -> String {
    let tenths = |v: f64| (v * 10.0).round() as i64;
    let mut data = String::new();
    let mut from = (0, 0);
    for (i, (x, y)) in points.iter().map(|(x, y)| (tenths(*x), tenths(*y))).enumerate() {
        if i < 2 {
            data.push(if i == 0 { 'M' } else { 'l' });
        }
        for step in [x - from.0, y - from.1] {
            let text = number(step as f64 / 10.0);
            let needs_space = data.ends_with(|c: char| c.is_ascii_digit()) && !text.starts_with('-');
            data.push_str(if needs_space { " " } else { "" });
            data.push_str(&text);
        }
        from = (x, y);
    }
    data
}

/// A number with at most one decimal, without the zero that may be left out.
fn number(v: f64) -> String {
    let text = format!("{v:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    match text {
        "-0" => "0".to_string(),
        _ if text.starts_with("0.") || text.starts_with("-0.") => text.replacen("0.", ".", 1),
        _ => text.to_string(),
    }
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
    fn relative_steps_add_up_to_the_absolute_place() {
        assert_eq!(path(&[(1.04, 2.0), (1.08, 2.0), (1.12, 2.5), (0.0, 0.0)]), "M1 2l.1 0 0 .5-1.1-2.5");
    }

    #[test]
    fn text_cannot_break_out_of_the_markup() {
        assert_eq!(escape("a<b & \"c\"\u{0}"), "a&lt;b &amp; &quot;c&quot; ");
    }
}
