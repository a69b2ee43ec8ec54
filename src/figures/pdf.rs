//! A drawing as PDF: one page of vectors, for LaTeX. Texts are outlines of their glyphs, so no font has to be embedded.
//!
//! The file is short: a header, five objects (catalogue, pages, page, content, what the page is called), a table of where each object
//! begins, and where that table begins (ISO 32000-1, 7.5).

use super::look::Colour;
use super::shapes::{At, Drawing, Ink, Label, Paint, Shape};
use crate::{Error, Result};
use flate2::{Compression, write::ZlibEncoder};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

const POINTS_PER_INCH: f64 = 72.0;
/// A quarter of a circle of radius 1 is nearly a Bézier curve whose handles are so long.
const HANDLE: f64 = 0.5523;

pub(super) fn write(drawing: &Drawing) -> Result<Vec<u8>> {
    let scale = drawing.printed * POINTS_PER_INCH / drawing.size.0.max(1.0);
    let (width, height) = (drawing.size.0 * scale, drawing.size.1 * scale);
    // PDF's y grows upwards; the drawing's downwards.
    let mut content = format!("{scale:.5} 0 0 {:.5} 0 {height:.2} cm 1 j\n", -scale);
    let mut opacities = BTreeSet::new();
    for shape in &drawing.shapes {
        content += &operators(shape, &mut opacities);
    }
    let states: String = opacities.iter().map(|percent| state(*percent)).collect();
    let packed = packed(&content)?;
    let title: String = drawing.title.chars().filter(|c| c.is_ascii() && !"()\\".contains(*c)).collect();
    let objects: [Vec<u8>; 5] = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width:.2} {height:.2}]/Contents 4 0 R/Resources<</ExtGState<<{states}>>>>>>"
        )
        .into_bytes(),
        [format!("<</Length {}/Filter/FlateDecode>>\nstream\n", packed.len()).as_bytes(), &packed, b"\nendstream"]
            .concat(),
        format!("<</Title({title})/Producer(music-scaling)>>").into_bytes(),
    ];
    Ok(file(&objects))
}

fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (i, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", bytes.len());
        bytes.extend([format!("{} 0 obj\n", i + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    let n = objects.len();
    let trailer = format!("trailer\n<</Size {}/Root 1 0 R/Info {n} 0 R>>\nstartxref\n{}\n%%EOF\n", n + 1, bytes.len());
    [bytes.as_slice(), table.as_bytes(), trailer.as_bytes()].concat()
}

fn packed(content: &str) -> Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = packed.write_all(content.as_bytes()).and_then(|()| packed.finish());
    packed.map_err(|error| Error::Figure(format!("the picture could not be packed as PDF: {error}")))
}

/// The graphics state for an opacity in percent.
fn state(percent: u32) -> String {
    let share = f64::from(percent) / 100.0;
    format!("/O{percent}<</ca {share}/CA {share}>>")
}

/// A shape between `q` and `Q`, which keep its paint to itself.
fn operators(shape: &Shape, opacities: &mut BTreeSet<u32>) -> String {
    let (path, paint, ink) = match shape {
        Shape::Path { pieces, paint, ink } => {
            let step = |(i, (x, y)): (usize, &(i32, i32))| format!("{x} {y} {} ", if i == 0 { "m" } else { "l" });
            (pieces.iter().flat_map(|piece| piece.iter().enumerate().map(step)).collect(), paint, *ink)
        }
        Shape::Disc { at, radius, paint } => (circle((at.0.into(), at.1.into()), *radius), paint, Ink::Fill),
        Shape::Text(label) => (outlines(label), &label.paint, Ink::Fill),
    };
    let (set, end) = match ink {
        Ink::Fill => (format!("{} rg", rgb(paint.colour)), "f"),
        Ink::Stroke(width) => (format!("{} RG {width} w", rgb(paint.colour)), "S"),
    };
    format!("q {}{set} {path}{end} Q\n", transparency(*paint, opacities))
}

fn transparency(paint: Paint, opacities: &mut BTreeSet<u32>) -> String {
    let percent = (paint.opacity.clamp(0.0, 1.0) * 100.0).round() as u32;
    if percent == 100 {
        return String::new();
    }
    opacities.insert(percent);
    format!("/O{percent} gs ")
}

fn rgb(Colour(red, green, blue): Colour) -> String {
    [red, green, blue].map(|part| format!("{:.3}", f64::from(part) / 255.0)).join(" ")
}

fn circle((x, y): At, r: f64) -> String {
    let h = r * HANDLE;
    let quarter =
        |[a, b, c]: [At; 3]| [a, b, c].map(|(dx, dy)| format!("{:.2} {:.2} ", x + dx, y + dy)).concat() + "c ";
    let quarters = [
        [(r, h), (h, r), (0.0, r)],
        [(-h, r), (-r, h), (-r, 0.0)],
        [(-r, -h), (-h, -r), (0.0, -r)],
        [(h, -r), (r, -h), (r, 0.0)],
    ];
    format!("{:.2} {y:.2} m ", x + r) + &quarters.map(quarter).concat()
}

/// The glyphs of a text as closed curves.
fn outlines(label: &Label) -> String {
    let mut path = String::new();
    let mut end = None;
    for [from, b, c, to] in label.curves() {
        if end != Some(from) {
            let _ = write!(path, "{:.1} {:.1} m ", from.0, from.1); // a String takes all
        }
        let _ = if (from, c) == (b, to) {
            write!(path, "{:.1} {:.1} l ", to.0, to.1)
        } else {
            write!(path, "{:.1} {:.1} {:.1} {:.1} {:.1} {:.1} c ", b.0, b.1, c.0, c.1, to.0, to.1)
        };
        end = Some(to);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{NamedValue, bars};

    /// Checks the table of objects and returns each object's bytes.
    fn objects(pdf: &[u8]) -> Vec<Vec<u8>> {
        let text = String::from_utf8_lossy(pdf).into_owned();
        let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        let table = String::from_utf8_lossy(&pdf[start..]).into_owned();
        let places =
            table.lines().skip(3).take_while(|line| line.ends_with(" n ")).map(|line| line[..10].parse().unwrap());
        let places: Vec<usize> = places.collect();
        assert!(table.starts_with(&format!("xref\n0 {}\n", places.len() + 1)));
        let object = |(i, at): (usize, &usize)| {
            assert!(pdf[*at..].starts_with(format!("{} 0 obj\n", i + 1).as_bytes()), "object {}", i + 1);
            pdf[*at..places.get(i + 1).copied().unwrap_or(start)].to_vec()
        };
        places.iter().enumerate().map(object).collect()
    }

    #[test]
    fn the_file_is_a_page_of_the_printed_size_whose_table_is_right() {
        let figure = bars([NamedValue::new("a (b)", 1.0)], "Share").title("One (bar)").width_in(3.3);
        let pdf = figure.pdf().unwrap();
        assert!(pdf.starts_with(b"%PDF-1.4\n") && pdf.ends_with(b"%%EOF\n"));
        let objects = objects(&pdf);
        assert_eq!(objects.len(), 5);
        let page = String::from_utf8_lossy(&objects[2]).into_owned();
        assert!(page.contains("/MediaBox[0 0 237.60 "), "{page}");
        assert!(String::from_utf8_lossy(&objects[4]).contains("/Title(One bar)"));
    }

    #[test]
    fn the_page_holds_every_shape() {
        let black = Paint { colour: Colour(0, 0, 0), opacity: 0.5 };
        let mut opacities = BTreeSet::new();
        let line = Shape::Path { pieces: vec![vec![(1, 2), (3, 4)]], paint: black, ink: Ink::Stroke(2.0) };
        assert_eq!(operators(&line, &mut opacities), "q /O50 gs 0.000 0.000 0.000 RG 2 w 1 2 m 3 4 l S Q\n");
        assert_eq!(opacities.into_iter().map(state).collect::<String>(), "/O50<</ca 0.5/CA 0.5>>");
        assert!(circle((5.0, 5.0), 2.0).starts_with("7.00 5.00 m 7.00 6.10 6.10 7.00 5.00 7.00 c "));
    }
}
