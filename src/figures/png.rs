//! Plotters' SVG as PNG: shapes filled with exact pixel coverage (the font rasteriser's own method), then the file format,
//! which is short: signature, IHDR, IDAT (zlib), IEND; each chunk is length, name, data, CRC-32.
//!
//! Plotters' own bitmaps are not used: their texts are unevenly spaced.

use super::canvas::{At, BASELINE};
use super::look::{self, Colour, PIXELS_ACROSS};
use crate::{Error, Result};
use ab_glyph::{Font, Glyph};
use ab_glyph_rasterizer::{Rasterizer, point};
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// The whole picture, [`PIXELS_ACROSS`] pixels wide. `plotted` is what plotters' `SVGBackend` writes: each element a line,
/// except texts, which are lines between two tags.
pub(super) fn write(plotted: &str, size: At) -> Result<Vec<u8>> {
    let mut image = Image::new(size);
    let mut lines = plotted.lines();
    while let Some(line) = lines.next() {
        let element = Element { line, scale: image.scale };
        if element.tag() == "text" {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "</text>").collect();
            image.text(&element, &unescape(&text.join(" ")));
        } else {
            image.shape(&element);
        }
    }
    image.encode()
}

/// One element of plotters' SVG, read in pixels.
struct Element<'a> {
    line: &'a str,
    /// Pixels to plotters' unit.
    scale: f64,
}

impl<'a> Element<'a> {
    fn tag(&self) -> &'a str {
        self.line.trim_start_matches('<').split([' ', '>']).next().unwrap_or_default()
    }

    fn attribute(&self, name: &str) -> Option<&'a str> {
        let (_, rest) = self.line.split_once(&format!(" {name}=\""))?;
        rest.split('"').next()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.attribute(name)?.parse().ok()
    }

    fn length(&self, name: &str) -> f64 {
        self.number(name).unwrap_or(0.0) * self.scale
    }

    /// `None` where nothing is painted.
    fn colour(&self, name: &str) -> Option<Colour> {
        let rgb = u32::from_str_radix(self.attribute(name)?.strip_prefix('#')?, 16).ok()?;
        let [_, red, green, blue] = rgb.to_be_bytes();
        Some(Colour(red, green, blue))
    }

    fn opacity(&self) -> f64 {
        self.number("opacity").unwrap_or(1.0)
    }

    /// The corners, and whether the last is joined to the first.
    fn outline(&self) -> (Vec<At>, bool) {
        let place = |x, y| (self.length(x), self.length(y));
        match self.tag() {
            "line" => (vec![place("x1", "y1"), place("x2", "y2")], false),
            "rect" => {
                let ((x, y), (width, height)) = (place("x", "y"), place("width", "height"));
                (vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)], true)
            }
            "circle" => (disc(place("cx", "cy"), self.length("r")), true),
            tag => {
                let point = |pair: &str| {
                    let (x, y) = pair.split_once(',')?;
                    Some((x.parse::<f64>().ok()? * self.scale, y.parse::<f64>().ok()? * self.scale))
                };
                let points = self.attribute("points").unwrap_or_default();
                (points.split_whitespace().filter_map(point).collect(), tag == "polygon")
            }
        }
    }
}

fn unescape(text: &str) -> String {
    const ESCAPED: [(&str, &str); 5] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]; // & last: "&amp;lt;" is "&lt;"
    ESCAPED.iter().fold(text.to_string(), |text, (escaped, plain)| text.replace(escaped, plain))
}

struct Image {
    width: usize,
    height: usize,
    /// Pixels to plotters' unit.
    scale: f64,
    /// Red, green, blue; row by row.
    pixels: Vec<u8>,
}

impl Image {
    fn new((width, height): At) -> Image {
        let scale = PIXELS_ACROSS / width.max(1.0);
        let pixels = |units: f64| ((units * scale).round().min(20_000.0) as usize).max(1); // at least one, whatever `units` is
        let (width, height) = (pixels(width), pixels(height));
        Image { width, height, scale, pixels: vec![255; width * height * 3] }
    }

    fn shape(&mut self, element: &Element<'_>) {
        let (mut outline, closed) = element.outline();
        if let Some(colour) = element.colour("fill") {
            self.fill(std::slice::from_ref(&outline), colour, element.opacity());
        }
        if let Some(colour) = element.colour("stroke") {
            outline.extend(outline.first().copied().filter(|_| closed));
            let width = element.number("stroke-width").unwrap_or(1.0) * self.scale;
            self.fill(&stroke(&outline, width), colour, element.opacity());
        }
    }

    /// Fills the union of polygons that all turn the same way round.
    fn fill(&mut self, polygons: &[Vec<At>], colour: Colour, opacity: f64) {
        let limits = (self.width as f64, self.height as f64);
        let pixel = |at: &At| (at.0.clamp(0.0, limits.0) as f32, at.1.clamp(0.0, limits.1) as f32);
        let polygons: Vec<Vec<(f32, f32)>> =
            polygons.iter().map(|polygon| polygon.iter().map(pixel).collect()).collect();
        let corners = || polygons.iter().flatten();
        let least = |of: fn(&(f32, f32)) -> f32| corners().map(of).fold(f32::INFINITY, f32::min);
        let most = |of: fn(&(f32, f32)) -> f32| corners().map(of).fold(f32::NEG_INFINITY, f32::max);
        let (left, top) = (least(|c| c.0).floor(), least(|c| c.1).floor());
        let (right, bottom) = (most(|c| c.0).ceil(), most(|c| c.1).ceil());
        if !(left <= right && top <= bottom) {
            return; // nothing to fill, or not a number
        }
        let mut coverage = Rasterizer::new((right - left) as usize + 2, (bottom - top) as usize + 1);
        for polygon in &polygons {
            for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
                coverage.draw_line(point(a.0 - left, a.1 - top), point(b.0 - left, b.1 - top));
            }
        }
        coverage.for_each_pixel_2d(|x, y, share| {
            self.blend(
                left as i64 + i64::from(x),
                top as i64 + i64::from(y),
                colour,
                opacity * f64::from(share.min(1.0)),
            );
        });
    }

    /// Plotters asks SVG to put the top of a text 0.76 em above its baseline, the middle half an x-height, and the bottom
    /// half an x-height below; turned texts turn about their place.
    fn text(&mut self, element: &Element<'_>, text: &str) {
        let bold = element.attribute("font-weight").is_some();
        let size = element.length("font-size");
        let (glyphs, width) = look::layout(text, size, bold);
        let (Some(font), Some(colour)) = (look::font(bold), element.colour("fill")) else { return };
        let left = match element.attribute("text-anchor") {
            Some("middle") => -width / 2.0,
            Some("end") => -width,
            _ => 0.0,
        };
        let baseline = match element.attribute("dy") {
            Some("0.5ex") => 0.5 * look::X_HEIGHT * size,
            Some("-0.5ex") => -0.5 * look::X_HEIGHT * size,
            _ => BASELINE * size,
        };
        let turn = element.attribute("transform").and_then(|turn| turn.strip_prefix("rotate(")?.split(',').next());
        let (x, y) = (element.length("x"), element.length("y"));
        let (whole, part) = ((x.floor() as i64, y.floor() as i64), (x.fract(), y.fract()));
        for (id, along) in glyphs {
            let position = point((part.0 + left + along) as f32, (part.1 + baseline) as f32);
            let glyph = Glyph { id, scale: look::glyph_scale(font, size), position };
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, share| {
                let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                let (x, y) = match turn {
                    Some("90") => (-y, x),
                    Some("180") => (-x, -y),
                    Some("270") => (y, -x),
                    _ => (x, y),
                };
                self.blend(whole.0 + x, whole.1 + y, colour, element.opacity() * f64::from(share.min(1.0)));
            });
        }
    }

    /// Lays `colour` over one pixel; outside the image nothing happens.
    fn blend(&mut self, x: i64, y: i64, colour: Colour, share: f64) {
        if share <= 0.0 || x < 0 || y < 0 || x >= self.width as i64 || y >= self.height as i64 {
            return;
        }
        let start = (y as usize * self.width + x as usize) * 3;
        if let Some([red, green, blue]) = self.pixels.get_mut(start..start + 3) {
            let mixed = Colour(*red, *green, *blue).towards(colour, share);
            (*red, *green, *blue) = (mixed.0, mixed.1, mixed.2);
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| Error::Figure(format!("the picture could not be packed as PNG: {error}"));
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.pixels.chunks(self.width * 3) {
            packed.write_all(&[0]).and_then(|()| packed.write_all(row)).map_err(failed)?; // filter 0: bytes as they are
        }
        let packed = packed.finish().map_err(failed)?;
        let mut header = Vec::from((self.width as u32).to_be_bytes());
        header.extend((self.height as u32).to_be_bytes());
        header.extend([8, 2, 0, 0, 0]); // 8 bits a channel, RGB, the only compression and filter method, not interlaced
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        let across = (PIXELS_ACROSS / look::INCHES_ACROSS / 0.0254).round() as u32; // pixels a metre
        let resolution = [&across.to_be_bytes()[..], &across.to_be_bytes(), &[1]].concat();
        for (name, data) in [(b"IHDR", &header), (b"pHYs", &resolution), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
            let mut crc = Crc::new();
            crc.update(name);
            crc.update(data);
            png.extend((data.len() as u32).to_be_bytes());
            png.extend(name);
            png.extend(data);
            png.extend(crc.sum().to_be_bytes());
        }
        Ok(png)
    }
}

/// A line as polygons that all turn the same way: a rectangle for each segment, a disc for each joint.
fn stroke(points: &[At], width: f64) -> Vec<Vec<At>> {
    let half = width / 2.0;
    let mut polygons: Vec<Vec<At>> = Vec::new();
    for (a, b) in points.iter().zip(points.iter().skip(1)) {
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        if length > 0.0 {
            let (nx, ny) = (-(b.1 - a.1) / length * half, (b.0 - a.0) / length * half);
            polygons.push(vec![(a.0 - nx, a.1 - ny), (b.0 - nx, b.1 - ny), (b.0 + nx, b.1 + ny), (a.0 + nx, a.1 + ny)]);
        }
    }
    let joints = points.get(1..points.len().saturating_sub(1)).unwrap_or_default();
    polygons.extend(joints.iter().map(|joint| disc(*joint, half)));
    polygons
}

/// A circle as a polygon that turns like the rectangles of [`stroke`].
fn disc(at: At, radius: f64) -> Vec<At> {
    let corners = (8.0 + radius * 4.0).min(64.0) as u32;
    let angle = |i: u32| f64::from(i) * std::f64::consts::TAU / f64::from(corners);
    (0..corners).map(|i| (at.0 + radius * angle(i).cos(), at.1 + radius * angle(i).sin())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 100 × 100 units as plotters would have written it.
    fn drawn(element: &str) -> Image {
        let mut image = Image::new((100.0, 100.0));
        image.shape(&Element { line: element, scale: image.scale });
        image
    }

    /// In square units.
    fn ink(image: &Image) -> f64 {
        image.pixels.chunks(3).map(|pixel| 1.0 - f64::from(pixel[0]) / 255.0).sum::<f64>() / image.scale.powi(2)
    }

    #[test]
    fn the_ink_of_a_shape_is_its_area() {
        let square = r##"<rect x="11" y="12" width="43" height="31" opacity="1" fill="#000000" stroke="none"/>"##;
        assert!((ink(&drawn(square)) - 43.0 * 31.0).abs() < 1.0);
        let half = r##"<polygon opacity="0.5" fill="#000000" points="10,10 90,10 90,50 "/>"##;
        assert!((ink(&drawn(half)) - 800.0).abs() < 4.0);
        let line = r##"<polyline fill="none" opacity="1" stroke="#000000" stroke-width="12" points="10,10 80,50 "/>"##;
        assert!((ink(&drawn(line)) - 12.0 * 70f64.hypot(40.0)).abs() < 1.0);
        let ring = r##"<circle cx="50" cy="50" r="30" opacity="1" fill="none" stroke="#000000" stroke-width="2"/>"##;
        assert!((ink(&drawn(ring)) - 120.0 * std::f64::consts::PI).abs() < 4.0, "{}", ink(&drawn(ring)));
    }

    #[test]
    fn a_line_that_turns_back_on_itself_does_not_cancel() {
        let line =
            r##"<polyline fill="none" opacity="1" stroke="#000000" stroke-width="20" points="10,50 90,50 10,50 "/>"##;
        let expected = 80.0 * 20.0 + 0.5 * std::f64::consts::PI * 100.0; // half a disc at the turn
        assert!((ink(&drawn(line)) - expected).abs() < 3.0, "{}", ink(&drawn(line)));
    }

    #[test]
    fn elements_that_plotters_never_writes_are_passed_over() {
        for line in [
            "",
            "<",
            "<rect",
            "<polygon fill=\"#00000é\" points=\"1,x ,2 é\"/>",
            "<text x=\"",
            "</svg>",
            "<rect fill=\"#1\" x=\"NaN\" y=\"inf\"/>",
        ] {
            drawn(line);
            assert!(write(line, (f64::NAN, 0.0)).is_ok());
        }
    }

    #[test]
    fn a_turned_text_has_as_much_ink_and_is_as_high_as_it_was_wide() {
        let text = |turn: &str| {
            let mut image = Image::new((100.0, 100.0));
            let line = format!(
                "<text x=\"50\" y=\"50\" dy=\"0.5ex\" text-anchor=\"middle\" font-size=\"20\" fill=\"#000000\"{turn}>"
            );
            image.text(&Element { line: &line, scale: image.scale }, "WWW");
            let rows = image.pixels.chunks(image.width * 3).filter(|row| row.iter().any(|value| *value < 128)).count();
            (ink(&image), rows as f64 / image.scale)
        };
        let (level, upright) = (text(""), text(" transform=\"rotate(270, 50, 50)\""));
        assert!((level.0 - upright.0).abs() < 1.0 && level.1 < 16.0 && upright.1 > 50.0, "{level:?} {upright:?}");
    }

    #[test]
    fn the_file_starts_as_png_and_says_its_size() {
        let png = write("", (500.0, 10.0)).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[16..24], [0, 0, 0x05, 0xDC, 0, 0, 0, 30]);
        assert_eq!(&png[37..50], [b'p', b'H', b'Y', b's', 0, 0, 0x2E, 0x23, 0, 0, 0x2E, 0x23, 1]); // 11,811 pixels a metre: 300 dpi
        assert_eq!(&png[png.len() - 4..], [0xAE, 0x42, 0x60, 0x82]); // the CRC of every IEND chunk
    }
}
