//! Tables as spreadsheets, reports and trainings leave them: which columns hold N, D and the loss, and their numbers.

use crate::grid::{Grid, Row};
use crate::points::complaint;
use crate::quantity::{DecimalMarks, Reading, Scale, bare, counted, number, of_loss};
use crate::{Error, Law, Point, Result};
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
const SIZES: &[&str] = &[
    "nparams",
    "params",
    "parameters",
    "n",
    "nparameters",
    "numparams",
    "numberofparameters",
    "modelparams",
    "modelparameters",
    "nparamsnonembedding",
    "nonembeddingparams",
    "nonembeddingparameters",
    "size",
    "modelsize",
];
const TOKENS: &[&str] = &["ntokens", "tokens", "d", "trainingtokens", "traintokens", "numtokens"];
const LOSSES: &[&str] = &[
    "valloss",
    "validationloss",
    "evalloss",
    "testloss",
    "loss",
    "nats",
    "valperplexity",
    "perplexity",
    "ppl",
    "valbpc",
    "bpc",
    "bitsperchar",
    "bitspercharacter",
    "bitsperbyte",
    "bitspertoken",
];
/// First cells of rows that stand below a table.
const FOOTERS: &[&str] = &["mean", "average", "avg", "median", "std", "total", "sum"];

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
    let table = Table { name: &name, grid: Grid::read(&name, &bytes)? };
    let mut wanted = vec![("n_params", SIZES, &columns.x), ("val_loss", LOSSES, &columns.y)];
    if !law.is_of_n() {
        wanted.insert(1, ("n_tokens", TOKENS, &None));
    }
    let mut found: Vec<Column> =
        wanted.iter().map(|(plain, names, asked)| table.column(plain, names, asked)).collect::<Result<_>>()?;
    if columns.x.is_some() && found[0].index == found[found.len() - 1].index {
        return Err(Error::Fit(format!("{name}: N and the loss would both be `{}`; say --x and --y", found[0].name)));
    }
    let all = found.iter().fold(DecimalMarks::default(), |all, column| all.and(column.reading.marks));
    for column in &mut found {
        column.reading.borrowed = !column.reading.marks.is_seen();
        column.reading.marks = if column.reading.borrowed { all } else { column.reading.marks };
    }
    let point = |(index, row): (usize, &Row)| -> Result<Point> {
        let values: Vec<f64> = found.iter().map(|column| table.value(index, row, column)).collect::<Result<_>>()?;
        let tokens = (values.len() == 3).then(|| values[1]);
        Ok(Point { n_tokens: tokens, ..Point::new(values[0], values[values.len() - 1]) })
    };
    let points: Vec<Point> = table.grid.rows.iter().enumerate().map(point).collect::<Result<_>>()?;
    match points.len() {
        0 => Err(Error::Fit(format!("{name} holds no points; write one row n_params,val_loss for each trained model"))),
        1 => Err(Error::Fit(format!("{name} holds one point; a law needs models of at least two sizes"))),
        _ => Ok((points, choice(&found))),
    }
}

/// A table and the name of its file.
struct Table<'a> {
    name: &'a str,
    grid: Grid,
}

/// A column of a table, and how it is read.
struct Column {
    plain: &'static str,
    index: usize,
    name: String,
    scale: Scale,
    reading: Reading,
    /// Columns that bear another of the names that were looked for.
    rivals: Vec<String>,
}

impl Table<'_> {
    /// The column that was asked for, or the first of these names.
    fn column(&self, plain: &'static str, names: &[&str], asked: &Option<String>) -> Result<Column> {
        let (name, header, is_loss) = (self.name, &self.grid.header, plain == "val_loss");
        let bare_name = |name: &String| if is_loss { of_loss(name).0 } else { counted(name).0 };
        let bare_names: Vec<String> = header.iter().map(bare_name).collect();
        let places = |wanted: &str| (0..header.len()).filter(|index| bare_names[*index] == wanted).collect::<Vec<_>>();
        let found: Vec<Vec<usize>> = match asked {
            Some(asked) if header.contains(asked) => {
                vec![(0..header.len()).filter(|index| header[*index] == *asked).collect()]
            }
            Some(asked) => vec![places(&bare_name(asked))],
            None => names.iter().map(|name| places(name)).collect(),
        };
        let mut found = found.into_iter().filter(|places| !places.is_empty());
        let option = match plain {
            "val_loss" => " or say --y COLUMN",
            "n_params" => " or say --x COLUMN",
            _ => "",
        };
        let same = found.next().ok_or_else(|| {
            let (wanted, first) = (asked.as_deref().unwrap_or(plain), header.join(","));
            Error::Fit(format!("{name} has no column {wanted}: its first line says `{first}`; rename one{option}"))
        })?;
        let index = same[0];
        if let Some(other) = same.iter().find(|other| self.cells(**other).ne(self.cells(index))) {
            let (one, other) = (&header[index], &header[*other]);
            return Err(Error::Fit(format!(
                "{name} has two columns of different numbers, `{one}` and `{other}`: rename or remove one{option}"
            )));
        }
        let rivals = found.flatten().map(|index| header[index].clone()).collect();
        let scale = if is_loss { of_loss(&header[index]).1 } else { Scale::Times(1.0) };
        let unit = counted(&header[index]).1.filter(|_| !is_loss);
        let reading = Reading { unit, marks: DecimalMarks::of(self.cells(index), is_loss), borrowed: false };
        Ok(Column { plain, index, name: header[index].clone(), scale, reading, rivals })
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.grid.rows.iter().map(move |row| row.cells.get(column).map_or("", String::as_str))
    }

    fn value(&self, index: usize, row: &Row, column: &Column) -> Result<f64> {
        let place = || format!("{}, line {} (row {})", self.name, row.line, index + 1);
        let label = row.cells.first().map_or("", String::as_str);
        if FOOTERS.contains(&bare(label).as_str()) {
            return Err(Error::Fit(format!("{} is the `{label}` of others and no model: remove it", place())));
        }
        let value = number(row.cells.get(column.index).map_or("", String::as_str), &column.reading);
        let value = value.map(|value| column.scale.of(value));
        value.and_then(|value| complaint(value).map_or(Ok(value), Err)).map_err(|problem| {
            Error::Fit(format!("{}, column {}: {problem}; mend it or remove the row", place(), column.name))
        })
    }
}

/// Which columns were taken, where that is not plain.
fn choice(columns: &[Column]) -> Option<String> {
    let scaled = |column: &Column| match (column.reading.unit, column.scale) {
        (_, Scale::Logarithm) => ", its logarithm".to_string(),
        (Some(unit), _) => format!(" times {unit:e}"),
        (None, Scale::Times(1.0)) => String::new(),
        (None, Scale::Times(factor)) => format!(" times {factor:.4}, from bits to nats"),
    };
    let said = |column: &Column| {
        let what = match column.plain {
            "n_params" => "N",
            "n_tokens" => "D",
            _ => "the loss",
        };
        let rivals: Vec<String> = column.rivals.iter().map(|name| format!("`{name}`")).collect();
        let rivals = if rivals.is_empty() { String::new() } else { format!(" (not from {})", rivals.join(", ")) };
        format!("{what} from `{}`{}{rivals}", column.name, scaled(column))
    };
    let is_plain = |column: &Column| column.name == column.plain && column.rivals.is_empty();
    let all: Vec<String> = columns.iter().map(said).collect();
    (!columns.iter().all(is_plain)).then(|| format!("Read {}.", all.join(", ")))
}
