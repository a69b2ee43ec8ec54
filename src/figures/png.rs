//! A canvas as PNG: shapes filled with exact pixel coverage (the font rasteriser's own method), then the file format,
//! which is short: signature, IHDR, IDAT (zlib), IEND; each chunk is length, name, data, CRC-32.

use super::canvas::{Anchor, At, Canvas, Shape, TextLook};
use super::look::{self, Colour, PIXELS_PER_POINT};
use crate::{Error, Result};
use ab_glyph::{Font, Glyph};
use ab_glyph_rasterizer::{Rasterizer, point};
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// The whole picture, [`PIXELS_PER_POINT`] pixels to the point.
pub(super) fn write(canvas: &Canvas) -> Result<Vec<u8>> {
    let mut image = Image::new(canvas.width, canvas.height);
    for shape in &canvas.shapes {
        image.shape(shape);
    }
    image.encode()
}

struct Image {
    width: usize,
    height: usize,
    /// Red, green, blue; row by row.
    pixels: Vec<u8>,
}

impl Image {
    fn new(width: f64, height: f64) -> Image {
        let pixels = |points: f64| (points * PIXELS_PER_POINT).round().clamp(1.0, 20_000.0) as usize;
        let (width, height) = (pixels(width), pixels(height));
        Image { width, height, pixels: vec![255; width * height * 3] }
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Line { points, colour, width, dashed } => {
                let pieces = if *dashed { dashes(points) } else { vec![points.clone()] };
                let outlines: Vec<Vec<At>> = pieces.iter().flat_map(|piece| stroke(piece, *width)).collect();
                self.fill(&outlines, *colour, 1.0);
            }
            Shape::Area { points, colour, opacity } => self.fill(std::slice::from_ref(points), *colour, *opacity),
            Shape::Box { at, size, colour } => {
                let (right, bottom) = (at.0 + size.0, at.1 + size.1);
                self.fill(&[vec![*at, (right, at.1), (right, bottom), (at.0, bottom)]], *colour, 1.0);
            }
            Shape::Dot { at, radius, colour } => {
                self.fill(&[disc(*at, radius + 0.4)], look::PAPER, 1.0);
                self.fill(&[disc(*at, radius - 0.4)], *colour, 1.0);
            }
            Shape::Text { at, text, look } => self.text(*at, text, *look),
        }
    }

    /// Fills the union of polygons that all turn the same way round.
    fn fill(&mut self, polygons: &[Vec<At>], colour: Colour, opacity: f64) {
        let limits = (self.width as f64, self.height as f64);
        let pixel = |at: &At| {
            let scaled = (at.0 * PIXELS_PER_POINT, at.1 * PIXELS_PER_POINT);
            (scaled.0.clamp(0.0, limits.0) as f32, scaled.1.clamp(0.0, limits.1) as f32)
        };
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

    fn text(&mut self, at: At, text: &str, look: TextLook) {
        let size = look.size * PIXELS_PER_POINT;
        let (glyphs, width) = look::layout(text, size, look.bold);
        let Some(font) = look::font(look.bold) else { return };
        let shift = match look.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let (left, baseline) = (at.0 * PIXELS_PER_POINT - shift, at.1 * PIXELS_PER_POINT);
        for (id, x) in glyphs {
            let position = point((left + x) as f32, baseline as f32);
            let glyph = Glyph { id, scale: look::glyph_scale(font, size), position };
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|x, y, share| {
                    let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                    self.blend(x, y, look.colour, f64::from(share.min(1.0)));
                });
            }
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
        for (name, data) in [(b"IHDR", &header), (b"IDAT", &packed), (b"IEND", &Vec::new())] {
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

/// Cuts a line into pieces of 4 points with gaps of 3, as the SVG's `stroke-dasharray="4 3"` does.
fn dashes(points: &[At]) -> Vec<Vec<At>> {
    const PERIOD: f64 = 7.0;
    const ON: f64 = 4.0;
    let mut pieces = Vec::new();
    let mut walked = 0.0;
    for (a, b) in points.iter().zip(points.iter().skip(1)) {
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let place = |along: f64| (a.0 + (b.0 - a.0) * along / length, a.1 + (b.1 - a.1) * along / length);
        let mut along = 0.0;
        while along < length && pieces.len() < 10_000 {
            let phase = (walked + along) % PERIOD;
            let rest = if phase < ON { ON - phase } else { PERIOD - phase };
            let end = (along + rest.max(1e-6)).min(length);
            if phase < ON {
                pieces.push(vec![place(along), place(end)]);
            }
            along = end;
        }
        walked += length;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(shape: &Shape) -> Image {
        let mut image = Image::new(10.0, 10.0);
        image.shape(shape);
        image
    }

    fn ink(image: &Image) -> f64 {
        image.pixels.chunks(3).map(|pixel| 1.0 - f64::from(pixel[0]) / 255.0).sum::<f64>() / PIXELS_PER_POINT.powi(2)
    }

    const BLACK: Colour = Colour(0, 0, 0);

    #[test]
    fn the_ink_of_a_shape_is_its_area() {
        let square = Shape::Box { at: (1.1, 1.2), size: (4.3, 3.1), colour: BLACK };
        assert!((ink(&drawn(&square)) - 4.3 * 3.1).abs() < 0.05);
        let line = Shape::Line { points: vec![(1.0, 1.0), (8.0, 5.0)], colour: BLACK, width: 1.2, dashed: false };
        assert!((ink(&drawn(&line)) - 1.2 * 7f64.hypot(4.0)).abs() < 0.1);
    }

    #[test]
    fn a_line_that_turns_back_on_itself_does_not_cancel() {
        let there_and_back = vec![(1.0, 5.0), (9.0, 5.0), (1.0, 5.0)];
        let line = Shape::Line { points: there_and_back, colour: BLACK, width: 2.0, dashed: false };
        assert!((ink(&drawn(&line)) - 17.6).abs() < 0.5, "{}", ink(&drawn(&line))); // 8 × 2 and half a disc at the turn
    }

    #[test]
    fn shapes_outside_the_canvas_do_no_harm() {
        for at in [(-1e9, 5.0), (1e9, -1e9), (f64::NAN, 2.0), (f64::INFINITY, 2.0)] {
            drawn(&Shape::Dot { at, radius: 3.0, colour: BLACK });
            drawn(&Shape::Line { points: vec![(0.0, 0.0), at], colour: BLACK, width: 1.0, dashed: false });
        }
    }

    #[test]
    fn four_sevenths_of_a_dashed_line_are_drawn() {
        let length: f64 =
            dashes(&[(0.0, 0.0), (3.0, 0.0), (70.0, 0.0)]).iter().map(|piece| piece[1].0 - piece[0].0).sum();
        assert!((length - 40.0).abs() < 1e-3, "{length}");
    }

    #[test]
    fn the_file_starts_as_png_and_says_its_size() {
        let png = write(&Canvas::new(10.0, 20.0)).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[16..24], [0, 0, 0, 30, 0, 0, 0, 60]);
        assert_eq!(&png[png.len() - 4..], [0xAE, 0x42, 0x60, 0x82]); // the CRC of every IEND chunk
    }
}
