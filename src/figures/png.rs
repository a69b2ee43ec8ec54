//! A drawing as PNG: shapes filled with exact pixel coverage (the font rasteriser's own method), then the file format,
//! which is short: signature, IHDR, pHYs, IDAT (zlib), IEND; each chunk is length, name, data, CRC-32.

use super::look::{Colour, PIXELS_ACROSS};
use super::shapes::{At, Drawing, Ink, Paint, Place, Shape};
use crate::{Error, Result};
use ab_glyph_rasterizer::{Rasterizer, point};
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// In print.
const DOTS_PER_INCH: f64 = 300.0;

/// The whole picture, [`PIXELS_ACROSS`] pixels wide or more.
pub(super) fn write(drawing: &Drawing) -> Result<Vec<u8>> {
    let mut image = Image::new(drawing.size, PIXELS_ACROSS.max(drawing.printed * DOTS_PER_INCH));
    for shape in &drawing.shapes {
        image.draw(shape);
    }
    image.encode(drawing.printed)
}

struct Image {
    width: usize,
    height: usize,
    /// Pixels to a unit.
    scale: f64,
    /// Red, green, blue; row by row.
    pixels: Vec<u8>,
}

impl Image {
    fn new((width, height): At, across: f64) -> Image {
        let scale = across / width.max(1.0);
        let pixels = |units: f64| ((units * scale).round().min(20_000.0) as usize).max(1); // at least one, whatever `units` is
        let (width, height) = (pixels(width), pixels(height));
        Image { width, height, scale, pixels: vec![255; width * height * 3] }
    }

    fn draw(&mut self, shape: &Shape) {
        let scale = self.scale;
        let pixel = |(x, y): &Place| (f64::from(*x) * scale, f64::from(*y) * scale);
        let lines = |pieces: &[Vec<Place>]| -> Vec<Vec<At>> {
            pieces.iter().map(|piece| piece.iter().map(pixel).collect()).collect()
        };
        let (edges, paint) = match shape {
            Shape::Path { pieces, paint, ink: Ink::Fill } => (edges(&lines(pieces)), paint),
            Shape::Path { pieces, paint, ink: Ink::Stroke(width) } => {
                let stroked = lines(pieces).iter().flat_map(|line| stroke(line, width * scale)).collect::<Vec<_>>();
                (edges(&stroked), paint)
            }
            Shape::Disc { at, radius, paint } => (edges(&[disc(pixel(at), radius * scale)]), paint),
            Shape::Text(label) => {
                let curves = label.curves();
                (
                    curves.iter().flat_map(|curve| flat(curve.map(|(x, y)| (x * scale, y * scale)))).collect(),
                    &label.paint,
                )
            }
        };
        self.fill(&edges, *paint);
    }

    /// Fills what edges enclose; polygons that overlap must turn the same way round.
    fn fill(&mut self, edges: &[[At; 2]], paint: Paint) {
        let limits = (self.width as f64, self.height as f64);
        let corner = |at: At| (at.0.clamp(0.0, limits.0) as f32, at.1.clamp(0.0, limits.1) as f32);
        let edges: Vec<[(f32, f32); 2]> = edges.iter().map(|edge| edge.map(corner)).collect();
        let corners = || edges.iter().flatten();
        let least = |of: fn(&(f32, f32)) -> f32| corners().map(of).fold(f32::INFINITY, f32::min);
        let most = |of: fn(&(f32, f32)) -> f32| corners().map(of).fold(f32::NEG_INFINITY, f32::max);
        let (left, top) = (least(|c| c.0).floor(), least(|c| c.1).floor());
        let (right, bottom) = (most(|c| c.0).ceil(), most(|c| c.1).ceil());
        if !(left <= right && top <= bottom) {
            return; // nothing to fill, or not a number
        }
        let mut coverage = Rasterizer::new((right - left) as usize + 2, (bottom - top) as usize + 1);
        for [a, b] in edges {
            coverage.draw_line(point(a.0 - left, a.1 - top), point(b.0 - left, b.1 - top));
        }
        coverage.for_each_pixel_2d(|x, y, share| {
            let share = paint.opacity * f64::from(share.min(1.0));
            self.blend(left as usize + x as usize, top as usize + y as usize, paint.colour, share);
        });
    }

    /// Lays `colour` over one pixel; outside the image nothing happens.
    fn blend(&mut self, x: usize, y: usize, colour: Colour, share: f64) {
        if share <= 0.0 || x >= self.width || y >= self.height {
            return;
        }
        let start = (y * self.width + x) * 3;
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

/// The edges of polygons.
fn edges(polygons: &[Vec<At>]) -> Vec<[At; 2]> {
    polygons
        .iter()
        .flat_map(|corners| corners.iter().zip(corners.iter().cycle().skip(1)).map(|(a, b)| [*a, *b]))
        .collect()
}

/// A Bézier curve as eight straight edges, at print size nobody sees the difference.
fn flat([a, b, c, d]: [At; 4]) -> impl Iterator<Item = [At; 2]> {
    const STEPS: u32 = 8;
    let at = move |step: u32| {
        let t = f64::from(step) / f64::from(STEPS);
        let s = 1.0 - t;
        let mix = |a: f64, b: f64, c: f64, d: f64| s * s * s * a + 3.0 * s * t * (s * b + t * c) + t * t * t * d;
        (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1))
    };
    (0..STEPS).map(move |step| [at(step), at(step + 1)])
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
pub(super) fn disc(at: At, radius: f64) -> Vec<At> {
    let corners = (8.0 + radius * 4.0).min(64.0) as u32;
    let angle = |i: u32| f64::from(i) * std::f64::consts::TAU / f64::from(corners);
    (0..corners).map(|i| (at.0 + radius * angle(i).cos(), at.1 + radius * angle(i).sin())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::figures::shapes::Label;

    const BLACK: Paint = Paint { colour: Colour(0, 0, 0), opacity: 1.0 };

    /// A picture of 100 × 100 units.
    fn drawn(shape: Shape) -> Image {
        let mut image = Image::new((100.0, 100.0), PIXELS_ACROSS);
        image.draw(&shape);
        image
    }

    /// In square units.
    fn ink(image: &Image) -> f64 {
        image.pixels.chunks(3).map(|pixel| 1.0 - f64::from(pixel[0]) / 255.0).sum::<f64>() / image.scale.powi(2)
    }

    #[test]
    fn the_ink_of_a_shape_is_its_area() {
        let filled = |corners: &[Place], paint| Shape::Path { pieces: vec![corners.to_vec()], paint, ink: Ink::Fill };
        let square = filled(&[(11, 12), (54, 12), (54, 43), (11, 43)], BLACK);
        assert!((ink(&drawn(square)) - 43.0 * 31.0).abs() < 1.0);
        let half = filled(&[(10, 10), (90, 10), (90, 50)], Paint { opacity: 0.5, ..BLACK });
        assert!((ink(&drawn(half)) - 800.0).abs() < 4.0);
        assert!((ink(&drawn(line(&[(10, 10), (80, 50)], 12.0))) - 12.0 * 70f64.hypot(40.0)).abs() < 1.0);
        let disc = drawn(Shape::Disc { at: (50, 50), radius: 30.0, paint: BLACK });
        assert!((ink(&disc) - 900.0 * std::f64::consts::PI).abs() < 6.0, "{}", ink(&disc));
    }

    fn line(corners: &[Place], width: f64) -> Shape {
        Shape::Path { pieces: vec![corners.to_vec()], paint: BLACK, ink: Ink::Stroke(width) }
    }

    #[test]
    fn a_line_that_turns_back_on_itself_does_not_cancel() {
        let expected = 80.0 * 20.0 + 0.5 * std::f64::consts::PI * 100.0; // half a disc at the turn
        let ink = ink(&drawn(line(&[(10, 50), (90, 50), (10, 50)], 20.0)));
        assert!((ink - expected).abs() < 3.0, "{ink}");
    }

    #[test]
    fn a_turned_text_has_as_much_ink_and_is_as_high_as_it_was_wide() {
        let text = |turn| {
            let (text, at, anchor) = ("WWW".to_string(), (50, 50), 0.5);
            let label = Label { text, at, size: 20.0, bold: false, anchor, turn, paint: BLACK };
            let image = drawn(Shape::Text(label));
            let rows = image.pixels.chunks(image.width * 3).filter(|row| row.iter().any(|value| *value < 128)).count();
            (ink(&image), rows as f64 / image.scale)
        };
        let (level, upright) = (text(0), text(270));
        assert!((level.0 - upright.0).abs() < 1.0 && level.1 < 16.0 && upright.1 > 50.0, "{level:?} {upright:?}");
    }

    #[test]
    fn the_file_starts_as_png_and_says_its_size_in_pixels_and_in_print() {
        let png = Image::new((500.0, 10.0), PIXELS_ACROSS).encode(5.0).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[16..24], [0, 0, 0x05, 0xDC, 0, 0, 0, 30]);
        assert_eq!(&png[37..45], [b'p', b'H', b'Y', b's', 0, 0, 0x2E, 0x23]); // 11,811 dots a metre: 300 an inch
        assert_eq!(&png[png.len() - 4..], [0xAE, 0x42, 0x60, 0x82]); // the CRC of every IEND chunk
    }
}
