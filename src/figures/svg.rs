//! A drawing as SVG: as wide as every figure on screen, without ids, classes or scripts, so that several figures can stand in one
//! page.

use super::look::Colour;
use super::shapes::{Drawing, Ink, Label, Paint, Place, Shape};

/// Viewers without DejaVu fall back to fonts that are no wider, so labels that were measured apart stay apart.
const FONTS: &str = "DejaVu Sans,Verdana,Helvetica,Arial,sans-serif";

pub(super) fn write(drawing: &Drawing) -> String {
    let (width, height) = drawing.size;
    let shown = drawing.shown;
    let elements: String = drawing.shapes.iter().map(element).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{shown}\" height=\"{:.0}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" font-family=\"{FONTS}\" fill=\"none\" stroke-linejoin=\"round\">\n<title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{elements}</svg>\n",
        shown * height / width,
        escape(&drawing.title),
    )
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Path { pieces, paint, ink } => {
            let (ink, end) = match ink {
                Ink::Fill => (painted("fill", *paint), "z"),
                Ink::Stroke(width) => (format!("{} stroke-width=\"{width:.0}\"", painted("stroke", *paint)), ""),
            };
            let steps: String = pieces.iter().map(|piece| steps(piece) + end).collect();
            format!("<path{ink} d=\"{steps}\"/>\n")
        }
        Shape::Disc { at: (x, y), radius, paint } => {
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius:.0}\"{}/>\n", painted("fill", *paint))
        }
        Shape::Text(label) => text(label),
    }
}

fn text(label: &Label) -> String {
    let (x, y) = label.at;
    let anchor = match label.anchor {
        0.0 => "",
        0.5 => " text-anchor=\"middle\"",
        _ => " text-anchor=\"end\"",
    };
    let bold = if label.bold { " font-weight=\"bold\"" } else { "" };
    let turn = if label.turn == 0 { String::new() } else { format!(" transform=\"rotate({} {x} {y})\"", label.turn) };
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{:.0}\"{anchor}{bold}{}{turn}>{}</text>\n",
        label.size,
        painted("fill", label.paint),
        escape(&label.text)
    )
}

fn painted(what: &str, Paint { colour: Colour(red, green, blue), opacity }: Paint) -> String {
    let opacity = if opacity < 1.0 { format!(" opacity=\"{opacity}\"") } else { String::new() };
    format!(" {what}=\"#{red:02X}{green:02X}{blue:02X}\"{opacity}")
}

/// (1, 2), (4, 6) → `M1 2l3 4`.
fn steps(corners: &[Place]) -> String {
    let mut data = String::new();
    let mut from = (0, 0);
    for (i, (x, y)) in corners.iter().enumerate() {
        let sign = ["M", "l", " "].get(i).copied().unwrap_or(" ");
        data += &format!("{sign}{} {}", x - from.0, y - from.1);
        from = (*x, *y);
    }
    data.replace(" -", "-")
}

/// Text that may stand between tags and in attributes, of SVG and HTML; control characters, which XML forbids, become spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if (c.is_control() && c != '\n') || matches!(c, '\u{FFFE}' | '\u{FFFF}') => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_written_as_steps() {
        assert_eq!(steps(&[(1, 2), (3, 4)]), "M1 2l2 2");
        assert_eq!(steps(&[(5, 5), (1, 2), (3, 1)]), "M5 5l-4-3 2-1");
    }

    #[test]
    fn text_cannot_break_out_of_the_markup() {
        assert_eq!(escape("a<b & \"c\"\u{0}\n"), "a&lt;b &amp; &quot;c&quot; \n");
    }
}
