//! `scaling-laws fit TABLE.csv`: a law through a table, with intervals and a verdict.

use scaling_laws::{Error, FitOptions, Result, fit_table};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

const HELP: &str = "\
scaling-laws fit TABLE.csv [options]

TABLE.csv has a header line with the columns n_params and val_loss, and n_tokens for --law nd or mupt; common other names, units such as
`Parameters (M)` or 1.2M, semicolons, tabs, blanks, decimal commas, Markdown, LaTeX, JSON, perplexities and bits are understood.

  --law LAW              power (a·N^-alpha + c; the default), power-without-c, log (A + B·ln N),
                         nd (E + A/N^alpha + B/D^beta), mupt (nd with a term d/(N^alpha·D^beta))
  --objective OBJECTIVE  least-squares (the default), log or huber, for --law power and --law nd
  --resamples N          of the bootstrap; 1000 unless given, 0 leaves it out
  --seed N               of the resamples; 1337 unless given
  --claim CLAIM          published numbers to check against the table: a=8.42,alpha=0.152,c=1.45
  --claim-r2 R2          the R² that was published with them
  --x COLUMN             the column of N, or of another cost
  --y COLUMN             the column of the loss
  --json                 one JSON object instead of text";

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    match run(arguments.collect()).and_then(|text| write(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader who has gone, such as `head`, has read enough.
fn write(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::Fit(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

fn run(arguments: Vec<String>) -> Result<String> {
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(HELP.into());
    }
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    if command != "fit" {
        return Err(Error::Fit(format!("there is no command `{command}`; write scaling-laws fit TABLE.csv")));
    }
    let (mut options, mut table, mut json) = (FitOptions::default(), None, false);
    while let Some(argument) = arguments.next() {
        // `--law=log` is `--law log`
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_string(), Some(value.to_string())),
            _ => (argument, None),
        };
        let mut value = || {
            let next = value.clone().or_else(|| arguments.next());
            next.ok_or_else(|| Error::Fit(format!("{name} needs a value; see scaling-laws --help")))
        };
        match name.as_str() {
            "--json" => json = true,
            "--law" => options.law = value()?,
            "--objective" => options.objective = value()?,
            "--resamples" => options.resamples = number(&name, &value()?)?,
            "--seed" => options.seed = number(&name, &value()?)?,
            "--claim" => options.claim = Some(value()?),
            "--x" => options.columns.x = Some(value()?),
            "--y" => options.columns.y = Some(value()?),
            "--claim-r2" => options.claim_r2 = Some(value()?),
            _ if !name.starts_with("--") && table.is_none() => table = Some(name),
            _ => return Err(Error::Fit(format!("`{name}` is not understood; see scaling-laws --help"))),
        }
    }
    let table = table.ok_or_else(|| Error::Fit("which table? write scaling-laws fit TABLE.csv".into()))?;
    if options.claim_r2.is_some() && options.claim.is_none() {
        return Err(Error::Fit("--claim-r2 is the R² of a --claim; give both".into()));
    }
    let found = fit_table(&table, &options)?;
    if !json {
        return Ok(found.to_string());
    }
    serde_json::to_string_pretty(&found)
        .map_err(|error| Error::Fit(format!("cannot write {table}'s fit as JSON: {error}")))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::Fit(format!("{name} needs a whole number, and `{text}` is none")))
}
