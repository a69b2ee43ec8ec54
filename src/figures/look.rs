//! The one look of all figures: sizes, fonts, a palette, dashes and signs.
//!
//! Colour is the family (Transformer blue, LSTM orange), shade is the size (the larger the darker), grey is everything
//! that is there for comparison. The categorical colours are near those of Okabe and Ito (2008); since no seven colours stay apart
//! for all readers and in grey print, each series has dashes or a sign of its own, too.

use super::canvas::TextLook;
use crate::models::Family;
use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont};
use plotters::style::{FontStyle, RGBColor, register_font};
use serde::{Deserialize, Serialize};
use std::sync::{Once, OnceLock};

/// Width of a figure in points, unless it is said how wide it is printed.
pub const WIDTH: f64 = 500.0;
/// Height of a figure's frame (the part inside the axes) unless its kind says otherwise.
pub(super) const FRAME_HEIGHT: f64 = 250.0;
/// On screen a figure is a little larger than its points.
pub(super) const SCREEN_SCALE: f64 = 1.3;
/// Width of every PNG in pixels: 300 dots per inch.
pub(super) const PIXELS_ACROSS: f64 = 1500.0;

/// How wide a figure is printed unless it is said otherwise, in inches.
pub(super) const PRINTED: f64 = 5.0;

/// Width of a column of a page in two columns, in inches.
pub(super) const COLUMN: f64 = 3.25;

pub(super) const TITLE_SIZE: f64 = 15.0;
pub(super) const LABEL_SIZE: f64 = 12.5;
pub(super) const TICK_SIZE: f64 = 12.0;

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour(pub u8, pub u8, pub u8);

pub(super) const INK: Colour = Colour(0x22, 0x22, 0x22);
pub(super) const AXIS: Colour = Colour(0x55, 0x55, 0x55);
pub(super) const REFERENCE: Colour = Colour(0x70, 0x70, 0x70);
pub(super) const GRID: Colour = Colour(0xE4, 0xE4, 0xE4);
pub(super) const PAPER: Colour = Colour(0xFF, 0xFF, 0xFF);

/// Columns and bars that stand for no family.
pub(super) const NEUTRAL: Colour = Colour(0x7A, 0x96, 0xAE);

/// For things that are neither Transformer nor LSTM: the families' two colours come last.
const CATEGORIES: [Colour; 7] = [
    Colour(0x00, 0x9E, 0x73), // green
    Colour(0x96, 0x44, 0x78), // purple
    Colour(0x3F, 0xA3, 0xDD), // sky
    Colour(0x9C, 0x72, 0x00), // amber
    Colour(0x4A, 0x4A, 0x4A), // grey
    Colour(0x00, 0x72, 0xB2), // blue
    Colour(0xD5, 0x5E, 0x00), // vermilion
];

/// The colour of the `index`-th thing.
pub fn category_colour(index: usize) -> Colour {
    CATEGORIES.get(index % CATEGORIES.len()).copied().unwrap_or(INK)
}

/// The dashes of lines to compare with, in points.
pub(super) const DASH: &[f64] = &[4.0, 3.0];

/// On and off in points, for the `index`-th line: solid, long, dotted, long and dot, …; each differs from all others.
pub(super) fn dash(index: usize) -> &'static [f64] {
    const DASHES: [&[f64]; CATEGORIES.len()] = [
        &[],
        &[8.0, 3.0],
        &[2.0, 2.5],
        &[9.0, 2.5, 2.0, 2.5],
        &[4.5, 2.5],
        &[9.0, 2.5, 2.0, 2.5, 2.0, 2.5],
        &[14.0, 4.0],
    ];
    DASHES[index % CATEGORIES.len()]
}

/// Which of the dashes and signs a family has.
pub(super) fn number_of(family: Family) -> usize {
    match family {
        Family::Transformer => 0,
        Family::Lstm => 1,
    }
}

/// The colour of a family.
pub fn family_colour(family: Family) -> Colour {
    shade(family, SHADE)
}

/// The shade of a model that has no larger and smaller ones beside it.
pub(super) const SHADE: f64 = 0.6;

/// The colour of a family's member: `size` runs from 0 (the smallest, light) to 1 (the largest, dark).
pub fn shade(family: Family, size: f64) -> Colour {
    let stops = match family {
        Family::Transformer => [Colour(0x7F, 0xB8, 0xDF), Colour(0x00, 0x72, 0xB2), Colour(0x04, 0x2C, 0x58)],
        Family::Lstm => [Colour(0xF5, 0xAB, 0x6B), Colour(0xD5, 0x5E, 0x00), Colour(0x75, 0x2B, 0x00)],
    };
    let size = if size.is_finite() { size.clamp(0.0, 1.0) } else { 0.5 };
    let [light, middle, dark] = stops;
    if size < 0.6 { light.towards(middle, size / 0.6) } else { middle.towards(dark, (size - 0.6) / 0.4) }
}

impl Colour {
    /// This colour at `share` 0, `other` at 1.
    pub(super) fn towards(self, other: Colour, share: f64) -> Colour {
        let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        Colour(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// This colour, darkened as far as text on white needs (contrast 3 : 1 and more).
    pub(super) fn legible(self) -> Colour {
        let dark_enough = |colour: &Colour| colour.lightness() < 140.0;
        let darker = |i: u32| self.towards(INK, f64::from(i) / 20.0);
        (0..20).map(darker).find(dark_enough).unwrap_or(INK)
    }

    /// As light, without colour.
    pub(super) fn grey(self) -> Colour {
        let light = self.lightness().round() as u8;
        Colour(light, light, light)
    }

    /// 0 (black) to 255 (white).
    fn lightness(self) -> f64 {
        0.2126 * f64::from(self.0) + 0.7152 * f64::from(self.1) + 0.0722 * f64::from(self.2)
    }

    /// As plotters wants it.
    pub fn rgb(self) -> RGBColor {
        RGBColor(self.0, self.1, self.2)
    }
}

/// Plain text of a size, anchored at its start.
pub(super) fn text(size: f64, colour: Colour) -> TextLook {
    TextLook { size, bold: false, colour, anchor: 0.0 }
}

impl TextLook {
    pub(super) fn bold(self) -> Self {
        TextLook { bold: true, ..self }
    }
    pub(super) fn middle(self) -> Self {
        TextLook { anchor: 0.5, ..self }
    }
    pub(super) fn end(self) -> Self {
        TextLook { anchor: 1.0, ..self }
    }
}

/// DejaVu Sans, regular or bold; compiled in, so that pictures are the same on every machine.
pub(super) fn font(bold: bool) -> Option<&'static FontRef<'static>> {
    static FONTS: OnceLock<[Option<FontRef<'static>>; 2]> = OnceLock::new();
    let read = |bytes| FontRef::try_from_slice(bytes).ok();
    let [regular, heavy] = FONTS.get_or_init(|| [read(dejavu::sans::regular()), read(dejavu::sans::bold())]);
    if bold { heavy.as_ref() } else { regular.as_ref() }
}

/// Height of an x in DejaVu Sans, in font sizes.
pub(super) const X_HEIGHT: f64 = 0.547;

/// Tells plotters about the fonts: it measures legends and captions with them.
pub(super) fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())] {
            let _ = register_font("sans-serif", style, bytes); // fails for files that are no fonts only
        }
    });
}

/// The glyphs of a text with their x offsets, and the text's whole width. Kerning included.
pub(super) fn layout(text: &str, size: f64, bold: bool) -> (Vec<(GlyphId, f64)>, f64) {
    let Some(font) = font(bold) else { return (Vec::new(), 0.6 * size * text.chars().count() as f64) };
    let per_em = font.units_per_em().map_or(1.0, |units| font.height_unscaled() / units); // ab_glyph scales lines, CSS the em
    let scaled = font.as_scaled(PxScale::from(size as f32 * per_em));
    let (mut x, mut previous, mut glyphs) = (0.0, None, Vec::new());
    for glyph in text.chars().map(|c| scaled.glyph_id(c)) {
        x += previous.map_or(0.0, |previous| f64::from(scaled.kern(previous, glyph)));
        glyphs.push((glyph, x));
        x += f64::from(scaled.h_advance(glyph));
        previous = Some(glyph);
    }
    (glyphs, x)
}

/// Width of a text in points.
pub(super) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    layout(text, size, bold).1
}

/// Breaks a text at spaces into lines no wider than `width` points; a single longer word keeps its own line.
pub(super) fn wrap(text: &str, size: f64, bold: bool, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size, bold) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// Shortens a text to `width` points, with an ellipsis where something was cut.
pub(super) fn shorten(text: &str, size: f64, width: f64) -> String {
    let mut kept = text.to_string();
    let mut letters: Vec<char> = text.chars().collect();
    while text_width(&kept, size, false) > width && letters.len() > 1 {
        letters.pop();
        kept = letters.iter().chain(&['…']).collect();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_models_are_darker() {
        for family in [Family::Transformer, Family::Lstm] {
            let shades: Vec<f64> = (0..=10).map(|i| shade(family, f64::from(i) / 10.0).lightness()).collect();
            assert!(shades.windows(2).all(|pair| pair[1] < pair[0]), "{shades:?}");
        }
    }

    /// CIELAB: lightness 0 to 100, and two colour axes (sRGB, D65); about 2.3 apart is just seen.
    fn lab([red, green, blue]: [f64; 3]) -> [f64; 3] {
        let f = |share: f64| if share > 0.008_856 { share.cbrt() } else { 7.787 * share + 16.0 / 116.0 };
        let x = f((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
        let y = f(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let z = f((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn linear(Colour(red, green, blue): Colour) -> [f64; 3] {
        [red, green, blue].map(|value| match f64::from(value) / 255.0 {
            value if value <= 0.040_45 => value / 12.92,
            value => ((value + 0.055) / 1.055).powf(2.4),
        })
    }

    /// As those see it who have no green cones (Machado, Oliveira and Fernandes 2009, severity 1).
    fn deuteranope([red, green, blue]: [f64; 3]) -> [f64; 3] {
        [
            0.367_322 * red + 0.860_646 * green - 0.227_968 * blue,
            0.280_085 * red + 0.672_501 * green + 0.047_413 * blue,
            -0.011_820 * red + 0.042_940 * green + 0.968_881 * blue,
        ]
    }

    fn apart(a: [f64; 3], b: [f64; 3]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn the_families_are_told_apart_without_green_cones_and_in_grey() {
        let [a, b] = [Family::Transformer, Family::Lstm].map(|family| linear(family_colour(family)));
        assert!(apart(lab(deuteranope(a)), lab(deuteranope(b))) > 40.0);
        assert!((lab(a)[0] - lab(b)[0]).abs() > 6.0);
    }

    #[test]
    fn colours_that_look_alike_to_some_have_other_dashes_and_signs() {
        assert!((lab(linear(PAPER))[0] - 100.0).abs() < 0.01);
        let mut alike = 0;
        for i in 0..CATEGORIES.len() {
            for j in 0..i {
                let [a, b] = [i, j].map(|index| linear(category_colour(index)));
                let for_some = apart(lab(deuteranope(a)), lab(deuteranope(b)));
                let in_grey = (lab(a)[0] - lab(b)[0]).abs();
                alike += usize::from(for_some < 20.0 || in_grey < 10.0);
                assert_ne!(dash(i), dash(j));
                let [signs_of_i, signs_of_j] = [i, j].map(sign);
                assert_ne!(signs_of_i, signs_of_j, "{i} and {j}");
            }
        }
        assert!(alike > 0, "seven colours cannot stay apart by themselves");
    }

    /// The shapes of a series' mark.
    fn sign(index: usize) -> Vec<super::super::shapes::Shape> {
        let mut canvas = super::super::canvas::Canvas { shapes: Vec::new(), width: 100.0 };
        canvas.mark((50.0, 50.0), 4.0, INK, index);
        canvas.shapes
    }

    #[test]
    fn an_em_dash_is_as_wide_as_the_font_is_large() {
        assert!((text_width("—", 20.0, false) - 20.0).abs() < 0.1); // DejaVu's em dash is one em
    }

    #[test]
    fn wrapped_lines_fit_and_lose_no_word() {
        let title = "The Transformer keeps gaining where the LSTM has stopped, at every size that we trained";
        let lines = wrap(title, TITLE_SIZE, true, 300.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| text_width(line, TITLE_SIZE, true) <= 300.0));
        assert_eq!(lines.join(" "), title);
        assert!(wrap("", TITLE_SIZE, true, 300.0).is_empty());
    }

    #[test]
    fn shortened_text_fits() {
        let short = shorten("a-very-long-run-name-that-nobody-reads", LABEL_SIZE, 90.0);
        assert!(short.ends_with('…') && text_width(&short, LABEL_SIZE, false) <= 90.0);
    }
}
