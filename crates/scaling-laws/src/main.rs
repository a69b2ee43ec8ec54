//! `scaling-laws fit TABLE.csv`: a law through a table, for people or as JSON.

use scaling_laws::{TableOptions, fit_table};
use std::process::ExitCode;

const USAGE: &str = "\
scaling-laws fit TABLE.csv [options]     a law through the columns n_params,val_loss (and n_tokens for nd)

  --law LAW              power (L = a·N^-alpha + c), power-without-c, log (L = A + B·ln N), nd (L = E + A/N^alpha + B/D^beta)
  --objective OBJECTIVE  for power and nd: least-squares, log (squares of ln loss) or huber (the Chinchilla objective)
  --resamples NUMBER     bootstrap resamples for the intervals (1000; 0 leaves them out)
  --seed NUMBER          their seed (1337)
  --claim a=…,alpha=…    published numbers to check against the table
  --claim-r2 NUMBER      the R² published with them
  --json                 one JSON object instead of text";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("scaling-laws: {sentence}");
            ExitCode::from(2)
        }
    }
}

/// What is printed, or what is wrong.
fn run(mut arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let (mut options, mut files, mut json) = (TableOptions::default(), Vec::new(), false);
    while let Some(argument) = arguments.next() {
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (argument, None),
        };
        let mut value =
            || joined.clone().or_else(|| arguments.next()).ok_or(format!("{name} needs a value\n\n{USAGE}"));
        match name.as_str() {
            "--help" | "-h" => return Ok(USAGE.into()),
            "--json" => json = true,
            "--law" => options.law = value()?,
            "--objective" => options.objective = value()?,
            "--resamples" => options.resamples = number(&name, &value()?)?,
            "--seed" => options.seed = number(&name, &value()?)?,
            "--claim" => options.claim = Some(value()?),
            "--claim-r2" => options.claim_r2 = Some(value()?),
            other if other.starts_with('-') => return Err(format!("there is no option {other}\n\n{USAGE}")),
            _ => files.push(name),
        }
    }
    if options.claim_r2.is_some() && options.claim.is_none() {
        return Err("--claim-r2 belongs to a --claim; give both".into());
    }
    let [command, table] = &files[..] else { return Err(USAGE.into()) };
    if command != "fit" {
        return Err(format!("there is no command `{command}`\n\n{USAGE}"));
    }
    let report = fit_table(table, &options).map_err(|error| error.to_string())?;
    if json { serde_json::to_string_pretty(&report).map_err(|error| error.to_string()) } else { Ok(report.to_string()) }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name}: `{text}` is not a whole number"))
}
