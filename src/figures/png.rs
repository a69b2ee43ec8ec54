//! A drawing as PNG: shapes filled with exact pixel coverage (the font rasteriser's own method), then the file format,
//! which is short: signature, IHDR, pHYs, IDAT (zlib), IEND; each chunk is length, name, data, CRC-32.
//!
//! Plotters' own bitmaps are not used: their texts are unevenly spaced.

use super::canvas::At;
use super::drawing::Drawing;
use super::look::{self, Colour, PIXELS_ACROSS};
use super::recording::{Ink, Label, Shape};
use crate::{Error, Result};
use ab_glyph::{Font, Glyph};
use ab_glyph_rasterizer::{Rasterizer, point};
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// The whole picture, [`PIXELS_ACROSS`] pixels wide.
pub(super) fn write(drawing: &Drawing) -> Result<Vec<u8>> {
    let mut image = Image::new(drawing.size);
    for shape in &drawing.shapes {
        image.draw(shape);
    }
    image.encode(drawing.printed)
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

    fn draw(&mut self, shape: &Shape) {
        let scaled = |(x, y): At| (x * self.scale, y * self.scale);
        let (outline, ink) = match shape {
            Shape::Text(label) => return self.text(label),
            Shape::Path { corners, ink } => {
                (corners.iter().map(|(x, y)| scaled((f64::from(*x), f64::from(*y)))).collect(), ink)
            }
            Shape::Rectangle { at, size, ink } => {
                let ((left, top), (right, bottom)) = (scaled(*at), scaled((at.0 + size.0, at.1 + size.1)));
                (vec![(left, top), (right, top), (right, bottom), (left, bottom)], ink)
            }
            Shape::Disc { at, radius, ink } => (disc(scaled(*at), radius * self.scale), ink),
        };
        let closed = !matches!(shape, Shape::Path { .. });
        self.paint(outline, closed, *ink);
    }

    fn paint(&mut self, mut outline: Vec<At>, closed: bool, ink: Ink) {
        match ink {
            Ink::Fill(paint) => self.fill(&[outline], paint.colour, paint.opacity),
            Ink::Stroke(paint, width) => {
                outline.extend(outline.first().copied().filter(|_| closed));
                self.fill(&stroke(&outline, width * self.scale), paint.colour, paint.opacity);
            }
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

    fn text(&mut self, label: &Label) {
        let size = label.size * self.scale;
        let Some(font) = look::font(label.bold) else { return };
        let (glyphs, left) = look::anchored(&label.text, size, label.bold, label.anchor);
        let (x, y) = (label.at.0 * self.scale, label.at.1 * self.scale);
        let (whole, part) = ((x.floor() as i64, y.floor() as i64), (x.fract(), y.fract()));
        for (id, along) in glyphs {
            let position = point((part.0 + left + along) as f32, (part.1 + label.baseline * self.scale) as f32);
            let glyph = Glyph { id, scale: look::glyph_scale(font, size), position };
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, share| {
                let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                let (x, y) = match label.turn {
                    90 => (-y, x),
                    180 => (-x, -y),
                    270 => (y, -x),
                    _ => (x, y),
                };
                let share = label.paint.opacity * f64::from(share.min(1.0));
                self.blend(whole.0 + x, whole.1 + y, label.paint.colour, share);
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

    /// `printed`: how wide the picture is in print, in inches, which the file says in dots a metre.
    fn encode(&self, printed: f64) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| Error::Figure(format!("the picture could not be packed as PNG: {error}"));
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.pixels.chunks(self.width * 3) {
            packed.write_all(&[0]).and_then(|()| packed.write_all(row)).map_err(failed)?; // filter 0: bytes as they are
        }
        let packed = packed.finish().map_err(failed)?;
        let mut header = Vec::from((self.width as u32).to_be_bytes());
        header.extend((self.height as u32).to_be_bytes());
        header.extend([8, 2, 0, 0, 0]); // 8 bits a channel, RGB, the only compression and filter method, not interlaced
        let per_metre = ((self.width as f64 / printed / 0.0254).round() as u32).to_be_bytes();
        let physical = [per_metre.as_slice(), &per_metre, &[1]].concat();
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in [(b"IHDR", &header), (b"pHYs", &physical), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
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

    use crate::figures::recording::Paint;
    use plotters_backend::text_anchor::HPos;

    const BLACK: Paint = Paint { colour: Colour(0, 0, 0), opacity: 1.0 };

    /// A picture of 100 × 100 units.
    fn drawn(shape: Shape) -> Image {
        let mut image = Image::new((100.0, 100.0));
        image.draw(&shape);
        image
    }

    /// In square units.
    fn ink(image: &Image) -> f64 {
        image.pixels.chunks(3).map(|pixel| 1.0 - f64::from(pixel[0]) / 255.0).sum::<f64>() / image.scale.powi(2)
    }

    #[test]
    fn the_ink_of_a_shape_is_its_area() {
        let square = Shape::Rectangle { at: (11.0, 12.0), size: (43.0, 31.0), ink: Ink::Fill(BLACK) };
        assert!((ink(&drawn(square)) - 43.0 * 31.0).abs() < 1.0);
        let grey = Ink::Fill(Paint { opacity: 0.5, ..BLACK });
        let half = Shape::Path { corners: vec![(10, 10), (90, 10), (90, 50)], ink: grey };
        assert!((ink(&drawn(half)) - 800.0).abs() < 4.0);
        let line = Shape::Path { corners: vec![(10, 10), (80, 50)], ink: Ink::Stroke(BLACK, 12.0) };
        assert!((ink(&drawn(line)) - 12.0 * 70f64.hypot(40.0)).abs() < 1.0);
        let ring = drawn(Shape::Disc { at: (50.0, 50.0), radius: 30.0, ink: Ink::Stroke(BLACK, 2.0) });
        assert!((ink(&ring) - 120.0 * std::f64::consts::PI).abs() < 4.0, "{}", ink(&ring));
    }

    #[test]
    fn a_line_that_turns_back_on_itself_does_not_cancel() {
        let line = Shape::Path { corners: vec![(10, 50), (90, 50), (10, 50)], ink: Ink::Stroke(BLACK, 20.0) };
        let expected = 80.0 * 20.0 + 0.5 * std::f64::consts::PI * 100.0; // half a disc at the turn
        let ink = ink(&drawn(line));
        assert!((ink - expected).abs() < 3.0, "{ink}");
    }

    #[test]
    fn a_turned_text_has_as_much_ink_and_is_as_high_as_it_was_wide() {
        let text = |turn| {
            let (text, at, anchor) = ("WWW".to_string(), (50.0, 50.0), HPos::Center);
            let label = Label { text, at, baseline: 5.0, size: 20.0, bold: false, anchor, turn, paint: BLACK };
            let image = drawn(Shape::Text(label));
            let rows = image.pixels.chunks(image.width * 3).filter(|row| row.iter().any(|value| *value < 128)).count();
            (ink(&image), rows as f64 / image.scale)
        };
        let (level, upright) = (text(0), text(270));
        assert!((level.0 - upright.0).abs() < 1.0 && level.1 < 16.0 && upright.1 > 50.0, "{level:?} {upright:?}");
    }

    #[test]
    fn the_file_starts_as_png_and_says_its_size_in_pixels_and_in_print() {
        let png = Image::new((500.0, 10.0)).encode(5.0).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[16..24], [0, 0, 0x05, 0xDC, 0, 0, 0, 30]);
        assert_eq!(&png[37..45], [b'p', b'H', b'Y', b's', 0, 0, 0x2E, 0x23]); // 11,811 dots a metre: 300 an inch
        assert_eq!(&png[png.len() - 4..], [0xAE, 0x42, 0x60, 0x82]); // the CRC of every IEND chunk
    }
}
