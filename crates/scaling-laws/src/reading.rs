//! Tables as spreadsheets, reports and trainings leave them: commas, semicolons, tabs, blanks or Markdown; comment lines; UTF-8 or
//! UTF-16; decimal commas; units in names (`Parameters (M)`) and cells (`1.2M`, `142 411`); or JSON objects, one a line, such as
//! runs.jsonl, or a list of them.

use crate::points::complaint;
use crate::{Error, Law, Point, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// Which columns hold N and the loss; None looks for common names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Column of N, or of another cost.
    pub x: Option<String>,
    /// Column of the loss in nats per token.
    pub y: Option<String>,
}

/// Names that are looked for, in this order; case, blanks, signs and units do not matter.
const SIZES: &[&str] =
    &["nparams", "params", "parameters", "n", "nparameters", "numparams", "nparamsnonembedding", "size", "modelsize"];
const TOKENS: &[&str] = &["ntokens", "tokens", "d", "trainingtokens", "numtokens"];
const LOSSES: &[&str] = &["valloss", "validationloss", "evalloss", "testloss", "loss", "nats"];

/// Reads the points of a table for a law, and says in a sentence which columns were taken where their names are not `n_params`,
/// `n_tokens` and `val_loss`.
///
/// # Errors
/// They name the file and, for a bad value, its line, row and column: a missing column, a row with more cells than the header, an
/// empty cell, text, NaN, zero, a negative or an absurd number, fewer than two points.
pub fn read_points(path: impl AsRef<Path>, law: Law, columns: &Columns) -> Result<(Vec<Point>, Option<String>)> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Error::Fit(format!("cannot read {name}: {error}")))?;
    let table = Table::parse(&name, &text(&name, &bytes)?)?;
    let mut wanted = vec![("n_params", SIZES, &columns.x), ("val_loss", LOSSES, &columns.y)];
    if !law.is_of_n() {
        wanted.insert(1, ("n_tokens", TOKENS, &None));
    }
    let found: Vec<Column> =
        wanted.iter().map(|(plain, names, asked)| table.column(plain, names, asked)).collect::<Result<_>>()?;
    let point = |(index, row): (usize, &Row)| -> Result<Point> {
        let value = |column: &Column| table.value(index, row, column);
        let tokens = if found.len() == 3 { Some(value(&found[1])?) } else { None };
        Ok(Point { n_tokens: tokens, ..Point::new(value(&found[0])?, value(&found[found.len() - 1])?) })
    };
    let points: Vec<Point> = table.rows.iter().enumerate().map(point).collect::<Result<_>>()?;
    match points.len() {
        0 => Err(Error::Fit(format!("{name} holds no points; write one row n_params,val_loss for each trained model"))),
        1 => Err(Error::Fit(format!("{name} holds one point; a law needs models of at least two sizes"))),
        _ => Ok((points, choice(&found))),
    }
}

/// Text in UTF-8, or in UTF-16 as spreadsheets write it, with its byte order mark.
fn text(name: &str, bytes: &[u8]) -> Result<String> {
    let pairs = |of: fn([u8; 2]) -> u16| bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
    let wide: Option<Vec<u16>> = match bytes {
        [0xff, 0xfe, ..] => Some(pairs(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => Some(pairs(u16::from_be_bytes)),
        _ => None,
    };
    let text = match wide {
        Some(wide) => String::from_utf16(&wide).ok(),
        None => std::str::from_utf8(bytes).ok().map(str::to_string),
    };
    let text = text.ok_or_else(|| Error::Fit(format!("{name} is not text; save the table as CSV in UTF-8")))?;
    Ok(text.trim_start_matches('\u{feff}').to_string())
}

/// A header and the rows under it.
struct Table<'a> {
    name: &'a str,
    header: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    line: usize,
    cells: Vec<String>,
}

/// A column of a table, and what its numbers are multiplied with.
struct Column {
    plain: &'static str,
    index: usize,
    name: String,
    unit: f64,
    decimal_comma: bool,
}

impl Table<'_> {
    fn parse<'a>(name: &'a str, text: &str) -> Result<Table<'a>> {
        if text.trim_start().starts_with(['{', '[']) {
            return json(name, text);
        }
        let mut lines = text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, content(line)?)));
        let (_, first) = lines.next().ok_or_else(|| Error::Fit(format!("{name} is empty")))?;
        let delimiter = ['|', '\t', ';', ',', ' '].into_iter().find(|sign| first.contains(*sign)).unwrap_or(',');
        let (header, mut rows) = (cells(first, delimiter), Vec::new());
        for (line, text) in lines {
            let cells = cells(text, delimiter);
            if cells.iter().all(String::is_empty) {
                continue;
            }
            if cells.iter().skip(header.len()).any(|cell| !cell.is_empty()) {
                return Err(Error::Fit(format!(
                    "{name}, line {line} (row {}) has {} cells and the first line names {}: is a comma inside a number? \
                     Write 142411 or \"142,411\"",
                    rows.len() + 1,
                    cells.len(),
                    header.len()
                )));
            }
            rows.push(Row { line, cells });
        }
        Ok(Table { name, header, rows })
    }

    /// The column that was asked for, or the first of these names.
    fn column(&self, plain: &'static str, names: &[&str], asked: &Option<String>) -> Result<Column> {
        let bare: Vec<(String, f64)> = self.header.iter().map(|name| without_unit(name)).collect();
        let place = |wanted: &str| bare.iter().position(|(name, _)| name == wanted);
        let index = match asked {
            Some(asked) => {
                let exact = self.header.iter().position(|name| name == asked);
                exact.or_else(|| place(&without_unit(asked).0))
            }
            None => names.iter().find_map(|name| place(name)),
        };
        if let Some(twice) =
            index.and_then(|index| self.header.iter().skip(index + 1).find(|it| **it == self.header[index]))
        {
            return Err(Error::Fit(format!("{} has two columns named {twice}: rename one", self.name)));
        }
        let index = index.ok_or_else(|| {
            let wanted = asked.as_deref().unwrap_or(plain);
            let option = if plain == "val_loss" { " or say --y COLUMN" } else { " or say --x COLUMN" };
            let option = if plain == "n_tokens" { "" } else { option };
            let first = self.header.join(",");
            Error::Fit(format!(
                "{} has no column {wanted}: its first line says `{first}`; rename one{option}",
                self.name
            ))
        })?;
        let of_column = |row: &Row| row.cells.get(index).cloned().unwrap_or_default();
        let with_comma: Vec<String> = self.rows.iter().map(of_column).filter(|cell| cell.contains(',')).collect();
        let decimal_comma = plain == "val_loss" || !with_comma.iter().all(|cell| groups_thousands(cell));
        Ok(Column { plain, index, name: self.header[index].clone(), unit: bare[index].1, decimal_comma })
    }

    fn value(&self, index: usize, row: &Row, column: &Column) -> Result<f64> {
        let cell = row.cells.get(column.index).map_or("", String::as_str);
        number(cell, column.decimal_comma)
            .and_then(|value| complaint(value * column.unit).map_or(Ok(value * column.unit), Err))
            .map_err(|problem| {
                let (name, line, column) = (self.name, row.line, &column.name);
                Error::Fit(format!("{name}, line {line} (row {}), column {column}: {problem}", index + 1))
            })
    }
}

/// What a line says: nothing if it is blank, a comment or a rule of a Markdown table. A comment may follow a row.
fn content(line: &str) -> Option<&str> {
    let line = line.split(" #").next().unwrap_or_default().trim_matches(' ');
    let is_rule = line.contains('-') && line.chars().all(|sign| "|-: ".contains(sign));
    (!line.trim().is_empty() && !line.starts_with('#') && !is_rule).then_some(line)
}

/// The cells of a line; a delimiter inside double quotes is part of its cell.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let line = if delimiter == '|' { line.trim_matches('|') } else { line };
    if delimiter == ' ' {
        return line.split_whitespace().map(str::to_string).collect();
    }
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for sign in line.chars() {
        match (sign, cells.last_mut()) {
            ('"', _) => quoted = !quoted,
            (sign, _) if sign == delimiter && !quoted => cells.push(String::new()),
            (sign, Some(cell)) => cell.push(sign),
            _ => {}
        }
    }
    cells.iter().map(|cell| cell.trim().to_string()).collect()
}

/// One object a line, or a list of them; `summary`, where our own runs keep their results, is read as if it stood at the top.
fn json<'a>(name: &'a str, text: &str) -> Result<Table<'a>> {
    let problem = |line: usize| Error::Fit(format!("{name}, line {line} is not a JSON object: remove it"));
    let runs: Vec<(usize, serde_json::Value)> = match serde_json::from_str::<Vec<serde_json::Value>>(text) {
        Ok(list) => (1..).zip(list).collect(),
        Err(_) => {
            let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
            let run = |(index, line)| serde_json::from_str(line).map(|run| (index, run)).map_err(|_| problem(index));
            lines.map(run).collect::<Result<_>>()?
        }
    };
    let objects = runs.iter().map(|(line, run)| {
        let run = run.get("summary").unwrap_or(run);
        run.as_object().map(|object| (*line, object)).ok_or_else(|| problem(*line))
    });
    let objects: Vec<_> = objects.collect::<Result<_>>()?;
    let header: BTreeSet<&String> = objects.iter().flat_map(|(_, object)| object.keys()).collect();
    let cell = |value: Option<&serde_json::Value>| match value {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => String::new(),
        Some(value) => value.to_string(),
    };
    let row = |(line, object): &(usize, &serde_json::Map<String, serde_json::Value>)| Row {
        line: *line,
        cells: header.iter().map(|key| cell(object.get(*key))).collect(),
    };
    let rows = objects.iter().map(row).collect();
    Ok(Table { name, header: header.into_iter().cloned().collect(), rows })
}

/// `Parameters (M)` → ("parameters", 1e6); `Loss (nats)` → ("loss", 1), but a loss in bits keeps its unit and is not found.
fn without_unit(name: &str) -> (String, f64) {
    let bare = |text: &str| text.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_lowercase();
    let unit = |unit: &str| if unit.starts_with("nat") { Some(1.0) } else { factor(unit) };
    let inside = name.split_once(['(', '[']).and_then(|(before, rest)| Some((before, unit(&bare(rest))?)));
    inside.map_or((bare(name), 1.0), |(before, factor)| (bare(before), factor))
}

/// Of a unit that counts: k, M, B or G, T, or the word.
fn factor(unit: &str) -> Option<f64> {
    match unit.to_lowercase().as_str() {
        "k" | "thousand" | "thousands" => Some(1e3),
        "m" | "million" | "millions" => Some(1e6),
        "b" | "g" | "bn" | "billion" | "billions" => Some(1e9),
        "t" | "trillion" | "trillions" => Some(1e12),
        _ => None,
    }
}

/// `142,411`, but not `0,142` or `1,7419`.
fn groups_thousands(cell: &str) -> bool {
    let mut groups = cell.split('.').next().unwrap_or_default().split(',');
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && !first.starts_with('0') && groups.all(|group| group.len() == 3)
}

/// The number in a cell, or what is wrong with it.
fn number(cell: &str, decimal_comma: bool) -> Result<f64, String> {
    if cell.is_empty() {
        return Err("the cell is empty; a number greater than zero is needed".into());
    }
    let grouped: String = cell.chars().filter(|sign| !sign.is_whitespace() && !"_'’".contains(*sign)).collect();
    let grouped = ["×10^", "*10^", "x10^", "·10^"].iter().fold(grouped, |text, power| text.replace(power, "e"));
    let digits = grouped.trim_end_matches(char::is_alphabetic);
    let (digits, unit) = match factor(&grouped[digits.len()..]) {
        Some(unit) => (digits, unit),
        None => (&grouped[..], 1.0), // NaN, inf and e-notation read as they are; other words are no numbers
    };
    let plain = match (digits.contains(','), digits.contains('.')) {
        (true, true) if digits.rfind(',') > digits.rfind('.') => digits.replace('.', "").replace(',', "."),
        (true, false) if decimal_comma => digits.replace(',', "."),
        _ => digits.replace(',', ""),
    };
    plain.parse::<f64>().map(|value| value * unit).map_err(|_| format!("`{cell}` is not a number"))
}

/// Which columns were taken, where that is not plain.
fn choice(columns: &[Column]) -> Option<String> {
    let is_plain = |column: &Column| column.name == column.plain && column.unit == 1.0;
    let said = |column: &Column| {
        let what = match column.plain {
            "n_params" => "N",
            "n_tokens" => "D",
            _ => "the loss",
        };
        let unit = if column.unit == 1.0 { String::new() } else { format!(" times {:e}", column.unit) };
        format!("{what} from `{}`{unit}", column.name)
    };
    let all: Vec<String> = columns.iter().map(said).collect();
    (!columns.iter().all(is_plain)).then(|| format!("Read {}.", all.join(", ")))
}
