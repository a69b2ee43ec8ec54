//! The header and the rows of a file: commas, semicolons, tabs, blanks, Markdown, LaTeX or JSON; comment lines; UTF-8 or UTF-16.

use crate::quantity::is_number;
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A header and the rows under it.
pub(crate) struct Grid {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    /// Of the file, counted from 1.
    pub(crate) line: usize,
    pub(crate) cells: Vec<String>,
}

impl Grid {
    pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Grid> {
        let text = text(name, bytes)?;
        let start: String = text.chars().filter(|sign| !sign.is_whitespace()).take(2).collect();
        if start.starts_with('{') || start == "[{" || start == "[]" {
            return json(name, &text);
        }
        let records = records(name, &text)?;
        let mut lines = records.iter().filter_map(|(line, record)| Some((*line, content(record)?)));
        let (line, first) = lines.next().ok_or_else(|| Error::Fit(format!("{name} is empty")))?;
        let delimiter = delimiter(first);
        let mut grid = Grid { header: cells(first, delimiter), rows: Vec::new() };
        if grid.header.iter().all(|cell| is_number(cell)) {
            let comments =
                records.iter().take_while(|(at, _)| *at < line).filter_map(|(_, record)| record.strip_prefix('#'));
            let named =
                comments.map(|comment| cells(comment, delimiter)).filter(|names| names.len() == grid.header.len());
            let names = named.last().ok_or_else(|| {
                Error::Fit(format!(
                    "{name}, line {line} holds numbers where names are expected: write n_params,val_loss above it"
                ))
            })?;
            let numbers = std::mem::replace(&mut grid.header, names);
            grid.push(name, line, numbers, delimiter)?;
        }
        for (line, record) in lines {
            let cells = cells(record, delimiter);
            if delimiter == ' ' && grid.rows.is_empty() && cells.len() == grid.header.len() + 1 {
                grid.header.insert(0, String::new()); // pandas and R name no column for the numbers of the rows
            }
            grid.push(name, line, cells, delimiter)?;
        }
        Ok(grid)
    }

    /// One more row, if its cells are not all empty.
    fn push(&mut self, name: &str, line: usize, cells: Vec<String>, delimiter: char) -> Result<()> {
        if cells.iter().skip(self.header.len()).any(|cell| !cell.is_empty()) {
            let comma = ": is a comma inside a number? Write 142411 or \"142,411\"";
            return Err(Error::Fit(format!(
                "{name}, line {line} (row {}) has {} cells and the first line names {}{}",
                self.rows.len() + 1,
                cells.len(),
                self.header.len(),
                if delimiter == ',' { comma } else { ": give each column a name" }
            )));
        }
        if !cells.iter().all(String::is_empty) {
            self.rows.push(Row { line, cells });
        }
        Ok(())
    }
}

/// Text in UTF-8, or in UTF-16 as spreadsheets write it, with its byte order mark; lines end in `\n`.
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
    let text = text.filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Error::Fit(format!("{name} is not text; save the table as CSV in UTF-8")))?;
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n"))
}

/// Lines with their numbers; a line end inside double quotes ends none.
fn records(name: &str, text: &str) -> Result<Vec<(usize, String)>> {
    let mut records: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        match records.last_mut().filter(|_| is_open) {
            Some((_, record)) => record.extend([" ", line]),
            None => records.push((index + 1, line.to_string())),
        }
        let is_quoted = is_open || !line.starts_with(['#', '|']);
        is_open ^= is_quoted && !line.matches('"').count().is_multiple_of(2);
    }
    let last = records.last().filter(|_| is_open);
    last.map_or(Ok(()), |(line, _)| {
        Err(Error::Fit(format!("{name}, line {line}: its quotation mark is not closed; remove it")))
    })?;
    Ok(records)
}

/// What a line says: nothing if it is blank, a comment, a rule of a table, a LaTeX command, or a spreadsheet's `sep=;`. A comment may
/// follow a row.
fn content(line: &str) -> Option<&str> {
    let comment = line.match_indices(" #").map(|(at, _)| at).find(|at| {
        let follows = line[at + 2..].chars().next();
        line[..*at].matches('"').count().is_multiple_of(2)
            && follows.is_some_and(|sign| sign.is_whitespace() || sign.is_alphabetic())
    });
    let line = line[..comment.unwrap_or(line.len())].trim_matches(' ');
    let is_rule = line.contains('-') && line.chars().all(|sign| "|-:+= ".contains(sign));
    let is_separator = line.len() == 5 && line.to_lowercase().starts_with("sep=");
    let is_empty = line.trim().is_empty() || is_rule || is_separator;
    (!is_empty && !line.starts_with(['#', '\\', '%'])).then_some(line)
}

fn delimiter(first: &str) -> char {
    let parts = |sign: &char| cells(first, *sign).len() > 1;
    let latex = first.contains("\\\\").then_some('&');
    ['|', '\t', ';'].into_iter().chain(latex).chain([',', ' ']).find(parts).unwrap_or(',')
}

/// The cells of a line; a delimiter inside double quotes is part of its cell.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let line = match delimiter {
        ' ' => return line.split_whitespace().map(|cell| cell.replace('"', "")).collect(),
        '|' => line.strip_prefix('|').unwrap_or(line),
        '&' => line.split("\\\\").next().unwrap_or_default(),
        _ => line,
    };
    let line = if delimiter == '|' { line.strip_suffix('|').unwrap_or(line) } else { line };
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

/// JSON objects, one behind the other or in a list.
fn json(name: &str, text: &str) -> Result<Grid> {
    let (mut objects, mut line, mut end) = (Vec::new(), 1, 0);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    while let Some(value) = values.next() {
        let value = value.map_err(|error| {
            Error::Fit(format!("{name}, line {} is not JSON, which has no NaN either: mend or remove it", error.line()))
        })?;
        let blank = text[end..].len() - text[end..].trim_start().len();
        let start = line + text[end..end + blank].matches('\n').count();
        line = start + text[end + blank..values.byte_offset()].matches('\n').count();
        end = values.byte_offset();
        let list = if let Value::Array(list) = value { list } else { vec![value] };
        for value in list {
            let of_line = || {
                Error::Fit(format!(
                    "{name}, line {start} holds no object of a model, such as {{\"n_params\": 142411, \"val_loss\": 1.74}}"
                ))
            };
            objects.push((start, fields(value).ok_or_else(of_line)?));
        }
    }
    let names: BTreeSet<&String> = objects.iter().flat_map(|(_, fields)| fields.keys()).collect();
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let row = |(line, fields): &(usize, Map<String, Value>)| Row {
        line: *line,
        cells: names.iter().map(|name| cell(fields.get(*name))).collect(),
    };
    Ok(Grid { rows: objects.iter().map(row).collect(), header: names.iter().map(ToString::to_string).collect() })
}

/// What an object says of itself, and over it what it holds in `config` and in `summary`: so our own runs and other trackers' write.
fn fields(value: Value) -> Option<Map<String, Value>> {
    let Value::Object(mut own) = value else { return None };
    let inner = ["config", "summary"].map(|name| own.remove(name));
    let inner =
        inner.into_iter().flatten().filter_map(|value| if let Value::Object(map) = value { Some(map) } else { None });
    let mut fields = own;
    inner.for_each(|map| fields.extend(map));
    fields.retain(|_, value| !value.is_object() && !value.is_array());
    (!fields.is_empty()).then_some(fields)
}
