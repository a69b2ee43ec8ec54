//! What a cell and the name above it say as a number: units, powers of ten, and which of comma and point is the decimal mark.

const FACTORS: &[(f64, &[&str])] = &[
    (1e3, &["k", "thousand", "thousands"]),
    (1e6, &["m", "million", "millions", "mio"]),
    (1e9, &["b", "g", "bn", "billion", "billions"]),
    (1e12, &["t", "trillion", "trillions"]),
    (0.01, &["%"]),
];

/// What the numbers of a column are multiplied with; a perplexity is the exponential of a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    Times(f64),
    Logarithm,
}

impl Scale {
    pub(crate) fn of(self, value: f64) -> f64 {
        match self {
            Scale::Times(factor) => value * factor,
            Scale::Logarithm => value.ln(),
        }
    }
}

/// Of a unit that counts: k, M, B or G, T, the word, or a power of ten.
fn factor(unit: &str) -> Option<f64> {
    let unit = unit.trim().to_lowercase();
    let unit = unit.strip_prefix("in ").unwrap_or(&unit);
    let known = FACTORS.iter().find(|(_, names)| names.contains(&unit)).map(|(factor, _)| *factor);
    let power = |factor: &f64| plain(unit).trim_start_matches(['×', '1']) == format!("e{}", factor.log10());
    known.or_else(|| FACTORS.iter().map(|(factor, _)| *factor).find(power))
}

/// Letters and digits, in lower case: how names are compared.
pub(crate) fn bare(name: &str) -> String {
    name.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// `Parameters (M)`, `params_M`, `Parameters in millions` → ("parameters", 1e6); names without a unit as they are.
pub(crate) fn counted(name: &str) -> (String, Option<f64>) {
    let bracketed = name.split_once(['(', '[']).map(|(before, rest)| (before, rest.trim_end_matches([')', ']', ' '])));
    let ends = [bracketed, name.rsplit_once(','), name.rsplit_once('_'), name.rsplit_once(" in ")];
    let with_unit = |(before, unit): (&str, &str)| factor(unit).map(|factor| (bare(before), Some(factor)));
    ends.into_iter().flatten().find_map(with_unit).unwrap_or_else(|| (bare(name), None))
}

/// `Val loss (nats/char)` → ("valloss", 1), `loss (bits)` → ("loss", ln 2), `perplexity` → ("perplexity", its logarithm).
pub(crate) fn of_loss(name: &str) -> (String, Scale) {
    let bits = Scale::Times(std::f64::consts::LN_2);
    let (before, unit) = name.split_once(['(', '[']).map_or((bare(name), String::new()), |(n, u)| (bare(n), bare(u)));
    let what = before.trim_start_matches("val");
    if what.starts_with("bits") || what == "bpc" || what == "bpb" || unit.starts_with("bit") {
        (before, bits)
    } else if what == "perplexity" || what == "ppl" {
        (before, Scale::Logarithm)
    } else if unit.starts_with("nat") {
        (before, Scale::Times(1.0))
    } else {
        (bare(name), Scale::Times(1.0))
    }
}

/// `3.4 × 10^8`, `3.4·10⁸`, `3.4\times10^{8}` → `3.4e8`, `10^5` → `1e5`; blanks and the marks of a bold or a LaTeX number go.
fn plain(text: &str) -> String {
    const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻";
    if text.bytes().all(|sign| sign.is_ascii_digit() || b"+-.,e".contains(&sign)) {
        return text.to_string(); // a million rows are of such cells
    }
    let (mut plain, mut raised) = (String::new(), false);
    for sign in text.chars().filter(|sign| !sign.is_whitespace() && !"{}$_'’`".contains(*sign)) {
        let digit = RAISED.chars().zip("0123456789-".chars()).find(|(high, _)| *high == sign);
        if digit.is_some() && !raised {
            plain.push('^');
        }
        raised = digit.is_some();
        plain.push(digit.map_or(sign, |(_, low)| low));
    }
    let plain = plain.trim_matches('*').replace('−', "-").replace("\\times", "×").replace("\\cdot", "×");
    let plain = plain.replace(['·', '⋅', 'x', '*'], "×").replace("×10^", "e");
    plain.strip_prefix("10^").map_or(plain.clone(), |power| format!("1e{power}"))
}

/// What the commas and points of a cell say by themselves.
#[derive(Clone, Copy, PartialEq)]
enum Marks {
    /// No mark, or what is no number.
    None,
    /// This one is the decimal mark: `0,5`, `1.906,5`.
    Decimal(char),
    /// `142,411` or `1.907`: three digits behind the only mark.
    Either(char),
}

fn other(mark: char) -> char {
    if mark == ',' { '.' } else { ',' }
}

fn marks(cell: &str) -> Marks {
    let Some(last) = cell.rfind([',', '.']) else { return Marks::None };
    let mark = if cell[last..].starts_with(',') { ',' } else { '.' };
    if cell.contains(other(mark)) {
        return Marks::Decimal(mark);
    }
    match cell.matches(mark).count() {
        1 if groups_thousands(cell, mark) => Marks::Either(mark),
        1 => Marks::Decimal(mark),
        _ => Marks::Decimal(other(mark)), // `1,906,635` groups by its commas
    }
}

/// `142,411`, but not `0,142` or `1,7419`.
fn groups_thousands(whole: &str, mark: char) -> bool {
    let digits = whole.trim_start_matches('-').trim_end_matches(|sign: char| sign.is_alphabetic() || sign == '%');
    let mut groups = digits.split(mark);
    let first = groups.next().unwrap_or_default();
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|digit| digit.is_ascii_digit());
    (1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(is_group)
}

/// Which decimal marks are seen in a column, or in a table.
#[derive(Clone, Copy, Default)]
pub(crate) struct DecimalMarks {
    comma: bool,
    point: bool,
}

impl DecimalMarks {
    /// Of these cells; a loss has decimals, so that its only mark is one.
    pub(crate) fn of<'a>(cells: impl Iterator<Item = &'a str>, of_loss: bool) -> DecimalMarks {
        cells.fold(DecimalMarks::default(), |seen, cell| match marks(&plain(cell)) {
            Marks::Decimal(mark) => seen.with(mark),
            Marks::Either(mark) if of_loss => seen.with(mark),
            _ => seen,
        })
    }

    fn with(self, mark: char) -> DecimalMarks {
        DecimalMarks { comma: self.comma || mark == ',', point: self.point || mark == '.' }
    }

    pub(crate) fn and(self, rest: DecimalMarks) -> DecimalMarks {
        DecimalMarks { comma: self.comma || rest.comma, point: self.point || rest.point }
    }

    pub(crate) fn is_seen(self) -> bool {
        self.comma || self.point
    }

    fn only(self) -> Option<char> {
        (self.comma != self.point).then_some(if self.comma { ',' } else { '.' })
    }
}

/// How the cells of a column are read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// For cells that name no unit of their own.
    pub(crate) unit: Option<f64>,
    pub(crate) marks: DecimalMarks,
    /// The marks are those of the rest of the table.
    pub(crate) borrowed: bool,
}

/// The number in a cell, or what is wrong with it.
pub(crate) fn number(cell: &str, reading: &Reading) -> Result<f64, String> {
    if cell.is_empty() {
        return Err("the cell is empty; a number greater than zero is needed".into());
    }
    let text = plain(cell);
    let digits = text.trim_end_matches(|sign: char| sign.is_alphabetic() || sign == '%');
    let unit = Some(&text[digits.len()..]).filter(|unit| !unit.is_empty()).and_then(factor);
    let digits = if unit.is_some() { digits } else { &text }; // NaN, inf and e-notation read as they are; other words are no numbers
    let unit = unit.or(reading.unit);
    let mark = match (marks(digits), reading.marks.only()) {
        (Marks::Decimal(mark), _) => mark,
        (Marks::Either(','), Some(',')) if reading.borrowed && unit.is_none() => return Err(both_ways(cell)),
        (Marks::Either(_), None) if reading.marks.is_seen() => return Err(both_ways(cell)),
        (_, known) => known.unwrap_or('.'),
    };
    let group = other(mark);
    let whole = digits.split(mark).next().unwrap_or_default();
    let is_grouped = !digits.contains(group) || groups_thousands(whole, group);
    let value = digits.replace(group, "").replace(mark, ".").parse::<f64>().ok().filter(|_| is_grouped);
    value.map(|value| value * unit.unwrap_or(1.0)).ok_or_else(|| format!("`{cell}` is not a number"))
}

fn both_ways(cell: &str) -> String {
    let (whole, decimal) = (cell.replace([',', '.'], ""), cell.replace(',', "."));
    format!("`{cell}` can be {whole} or {decimal}: write the one that is meant")
}

pub(crate) fn is_number(cell: &str) -> bool {
    number(cell, &Reading { unit: None, marks: DecimalMarks::default(), borrowed: false }).is_ok()
}
