//! A polars table as HTML: numbers right-aligned with thin spaces between thousands, column names in words.

use super::show::{self, Html};
use super::svg::escape;
use super::{Numbers, folder, tex};
use crate::{Result, files};
use polars::prelude::{AnyValue, DataFrame};

/// More rows than this are counted, not shown: the first ones and the last.
const MOST_ROWS: usize = 40;
const MOST_LETTERS: usize = 90;

/// The table for a notebook; one without rows is `(none)`. Long tables show their first and last rows and say how many lie between.
pub fn table(data: &DataFrame) -> Html {
    if data.height() == 0 {
        return show::html("(none)");
    }
    let columns: Vec<Column> = data.columns().iter().map(Column::new).collect();
    let height = data.height();
    let shown: Vec<Option<usize>> = if height <= MOST_ROWS {
        (0..height).map(Some).collect()
    } else {
        (0..MOST_ROWS - 5).map(Some).chain([None]).chain((height - 5..height).map(Some)).collect() // None: the gap
    };
    let head: String =
        columns.iter().map(|column| cell("th", column.is_number, &column.name.replace('_', " "))).collect();
    let row = |row: &Option<usize>| match row {
        Some(i) => columns.iter().map(|column| cell("td", column.is_number, column.text(*i))).collect(),
        None => format!(
            "<td colspan=\"{}\" style=\"text-align:center\">… {} rows more …</td>",
            columns.len(),
            height - MOST_ROWS
        ),
    };
    let body: String = shown.iter().map(|one| format!("<tr>{}</tr>\n", row(one))).collect();
    show::html(&format!(
        "<table style=\"border-collapse:collapse;font-variant-numeric:tabular-nums\">\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{body}</tbody></table>"
    ))
}

/// [`table`], and the same in the figures' folder of the study that was opened last: `name.csv` with every digit, and `name.tex`
/// with the digits that are shown, to be read by `\input`.
///
/// # Errors
/// Before a study was opened, and where a file cannot be written.
pub fn save_table(data: &DataFrame, name: &str) -> Result<Html> {
    let dir = folder()?;
    files::write_atomic(dir.join(format!("{name}.csv")), numbers(data).csv()?)?;
    files::write_atomic(dir.join(format!("{name}.tex")), latex(data))?;
    Ok(table(data))
}

fn numbers(data: &DataFrame) -> Numbers {
    let raw = |value: AnyValue<'_>| match value {
        AnyValue::Null => String::new(),
        AnyValue::Float64(number) => number.to_string(), // polars would round
        value => value.str_value().to_string(),
    };
    let row = |i| data.columns().iter().map(|column| column.get(i).map_or_else(|_| String::new(), raw)).collect();
    Numbers {
        header: data.get_column_names().iter().map(ToString::to_string).collect(),
        rows: (0..data.height()).map(row).collect(),
    }
}

/// A `tabular`, no wider than the column that it stands in.
fn latex(data: &DataFrame) -> String {
    let columns: Vec<Column> = data.columns().iter().map(Column::new).collect();
    let sides: String = columns.iter().map(|column| if column.is_number { 'r' } else { 'l' }).collect();
    let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
    let head = line(columns.iter().map(|column| tex::escape(&column.name.replace('_', " "))).collect());
    let body: String =
        (0..data.height()).map(|i| line(columns.iter().map(|column| tex::escape(column.text(i))).collect())).collect();
    let tabular = format!("\\begin{{tabular}}{{{sides}}}\n\\hline\n{head}\\hline\n{body}\\hline\n\\end{{tabular}}");
    tex::within_the_line(&tabular) + "\n"
}

struct Column {
    name: String,
    is_number: bool,
    cells: Vec<String>,
}

impl Column {
    fn new(column: &polars::prelude::Column) -> Column {
        let values: Vec<AnyValue<'_>> = (0..column.len()).map(|i| column.get(i).unwrap_or(AnyValue::Null)).collect();
        let decimals = decimals(values.iter().filter_map(float), 4);
        let is_number = values.iter().any(|value| value.is_primitive_numeric());
        Column {
            name: column.name().to_string(),
            is_number,
            cells: values.iter().map(|value| text(value, decimals)).collect(),
        }
    }

    fn text(&self, row: usize) -> &str {
        self.cells.get(row).map_or("", String::as_str)
    }
}

fn float(value: &AnyValue<'_>) -> Option<f64> {
    match value {
        AnyValue::Float32(value) => Some(f64::from(*value)),
        AnyValue::Float64(value) => Some(*value),
        _ => None,
    }
}

/// Decimals for numbers that stand together: so many significant digits for the median, none if all are whole.
pub(super) fn decimals(numbers: impl Iterator<Item = f64>, digits: i32) -> usize {
    let mut sizes: Vec<f64> = numbers.filter(|number| number.is_finite()).map(f64::abs).collect();
    if sizes.iter().all(|size| size.fract() == 0.0) {
        return 0;
    }
    sizes.retain(|size| *size > 0.0);
    sizes.sort_by(f64::total_cmp);
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(1.0);
    (digits - 1 - median.log10().floor() as i32).clamp(0, 6) as usize
}

/// A number on its own, with four significant digits; whole ones whole.
pub fn number(number: f64) -> String {
    with_decimals(number, decimals(std::iter::once(number), 4))
}

fn with_decimals(number: f64, decimals: usize) -> String {
    let tiny = number != 0.0 && number.abs() < 0.5 * 10f64.powi(-(decimals as i32));
    match number {
        number if number.is_nan() => "–".into(),
        number if tiny || number.abs() >= 1e15 => format!("{number:.2e}"),
        number => grouped(&format!("{number:.decimals$}")),
    }
}

fn text(value: &AnyValue<'_>, decimals: usize) -> String {
    if let Some(number) = float(value) {
        return with_decimals(number, decimals);
    }
    match value {
        AnyValue::Null => "–".into(),
        AnyValue::String(text) => shortened(text),
        AnyValue::StringOwned(text) => shortened(text),
        AnyValue::Boolean(value) => if *value { "yes" } else { "no" }.into(),
        number if number.is_primitive_numeric() => grouped(&number.to_string()),
        other => shortened(&other.to_string()),
    }
}

fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c == '\n' { '⏎' } else { c }).take(MOST_LETTERS).collect();
    if text.chars().count() > MOST_LETTERS { line + "…" } else { line }
}

/// `1906635` → `1 906 635`, with narrow no-break spaces; four digits stay together.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("−", rest));
    let (whole, rest) = digits.find('.').map_or((digits, ""), |dot| digits.split_at(dot));
    if whole.len() <= 4 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{sign}{whole}{rest}");
    }
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push('\u{202F}');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

fn cell(tag: &str, is_number: bool, text: &str) -> String {
    let side = if is_number { "right" } else { "left" };
    let line = if tag == "th" { "border-bottom:1px solid #888;" } else { "" };
    let whole = if text.chars().count() <= 25 && tag == "td" { "white-space:nowrap;" } else { "" }; // a run's name, a number
    format!("<{tag} style=\"{line}{whole}text-align:{side};padding:3px 8px\">{}</{tag}>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::df;

    #[test]
    fn numbers_stand_right_and_names_are_words() {
        let data =
            df!("run_name" => ["a", "<b>"], "n_params" => [142_411_i64, 7_609_675], "val_loss" => [1.74192, f64::NAN])
                .unwrap();
        let page = table(&data);
        assert!(page.as_str().contains("text-align:right;padding:3px 8px\">n params</th>"));
        assert!(page.as_str().contains("7\u{202F}609\u{202F}675</td>"));
        assert!(page.as_str().contains(">1.742</td>") && page.as_str().contains(">–</td>"));
        assert!(page.as_str().contains("&lt;b&gt;"));
    }

    #[test]
    fn a_long_table_says_how_many_rows_it_leaves_out() {
        let data = df!("i" => (0..1000_i64).collect::<Vec<_>>()).unwrap();
        let page = table(&data);
        assert_eq!(page.as_str().matches("<tr>").count(), 1 + MOST_ROWS + 1);
        assert!(page.as_str().contains("960 rows more") && page.as_str().contains(">999</td>"));
    }

    #[test]
    fn a_table_is_written_with_every_digit_as_csv_and_as_shown_in_latex() {
        let data = df!("run_name" => ["a_b", "50 %"], "val_loss" => [Some(-1.741_921_5), None]).unwrap();
        assert_eq!(numbers(&data).csv().unwrap(), "run_name,val_loss\na_b,-1.7419215\n50 %,\n");
        let tex = "\\begin{tabular}{lr}\n\\hline\nrun name & val loss \\\\\n\\hline\n\
                   a\\_b & $-$1.742 \\\\\n50 \\% & -- \\\\\n\\hline\n\\end{tabular}";
        assert_eq!(latex(&data), tex::within_the_line(tex) + "\n");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(table(&DataFrame::default()).as_str(), "(none)");
        assert_eq!(table(&df!("run" => Vec::<String>::new()).unwrap()).as_str(), "(none)");
    }
}
