//! The report to hand in: a Markdown text that stays the student's, filled with the study's numbers each time it is rendered.
//!
//! pandoc turns it into HTML, LaTeX and Typst; Typst's compiler makes the PDF. Both are wheels of PyPI, so pip alone installs them.

mod facts;
mod fill;
mod site;

use crate::Result;
use crate::setup::{Lab, run};
use facts::Facts;
use music_scaling::figures::save_numbers;
use music_scaling::files::{read_bytes, read_text, write_atomic};
use music_scaling::study::{RunRecord, Study};
use std::path::{Path, PathBuf};
use std::process::Command;

const SKELETON: &str = include_str!("skeleton.md");
const MARK: &str = "**Write here:**";
/// What the renderer needs beside the filled text, in `.lab/report/`.
const TOOLS: [(&str, &str); 5] = [
    ("render.py", include_str!("render.py")),
    ("report.typ", include_str!("report.typ")),
    ("report.css", include_str!("report.css")),
    ("header.tex", include_str!("header.tex")),
    ("check_site.py", include_str!("check_site.py")),
];

/// What a report is rendered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// A4 pages, figures as vectors.
    Pdf,
    /// One page that needs nothing else.
    Html,
    /// A folder for pdflatex.
    Latex,
}

/// What a study's report is made from.
pub struct Report {
    study: Study,
    facts: Facts,
    runs: Vec<RunRecord>,
    /// Where the study's figures lie.
    figures: PathBuf,
    /// Where the best model's tunes lie.
    samples: PathBuf,
    /// The report's own folder.
    folder: PathBuf,
}

impl Report {
    /// Of a study that was run here, or of one that is committed.
    ///
    /// # Errors
    /// It is neither, or its records are damaged.
    pub fn of(lab: &Lab, study: Study) -> Result<Report> {
        let study = study.or_committed();
        let (facts, runs) = (Facts::of(&study)?, study.run_records()?);
        let (figures, own) = (figures_of(&study, &lab.root), study.samples_folder());
        let samples =
            if own.join("index.html").exists() { own } else { study.committed_results_folder().join("samples") };
        let folder = study.folder().join("report");
        Ok(Report { study, facts, runs, figures, samples, folder })
    }

    /// Renders the report and says where it lies. The text is `report/report.md` in the study's folder; it is begun from the
    /// skeleton where there is none, and never written over.
    ///
    /// # Errors
    /// The text asks for a number or a figure that is not there; a tool fails.
    pub fn write(&self, lab: &Lab, renderings: &[Rendering]) -> Result<Vec<PathBuf>> {
        let text = self.folder.join("report.md");
        if !text.exists() {
            let (begun, missing) = self.fitting(SKELETON);
            write_atomic(&text, begun)?;
            println!("begun from the skeleton: {}", text.display());
            if !missing.is_empty() {
                println!("left out of it, since this study has none: {}", missing.join(", "));
            }
        }
        let filled = self.fill(&read_text(&text)?, &text)?;
        let open = filled.matches(MARK).count();
        write_atomic(self.folder.join("filled.md"), filled)?;
        write_atomic(self.folder.join("numbers.csv"), self.facts.table()?)?;
        let results = self.folder.join("results.json");
        write_atomic(&results, read_bytes(self.study.results_folder().join("results.json"))?)?;
        save_numbers(&results)?;
        let written = render(lab, &self.folder, renderings)?;
        if open > 0 {
            println!("{open} places are still marked \"Write here\" in {}", text.display());
        }
        Ok(written)
    }
}

/// Where a study's figures lie: in its folder, or committed, as those of `laptop`.
pub fn figures_of(study: &Study, root: &Path) -> PathBuf {
    let own = study.figures_folder();
    if study.name() == "laptop" && !own.join("06_scaling.svg").exists() { root.join("figures") } else { own }
}

fn render(lab: &Lab, folder: &Path, renderings: &[Rendering]) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for rendering in renderings {
        let (kind, file) = match rendering {
            Rendering::Pdf => ("pdf", "report.pdf"),
            Rendering::Html => ("html", "report.html"),
            Rendering::Latex => ("latex", "report.tex"),
        };
        tool(lab, folder, "render.py", &[kind, "filled.md", file])?;
        written.push(folder.join(file));
    }
    Ok(written)
}

/// Runs one of [`TOOLS`] in `folder`.
fn tool(lab: &Lab, folder: &Path, name: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(lab.report_python()?);
    let tools = lab.folder().join("report");
    for (name, text) in TOOLS {
        write_atomic(tools.join(name), text)?;
    }
    command.arg(tools.join(name)).args(arguments).current_dir(folder);
    run(command, &format!("run {name} {} in {}", arguments.join(" "), folder.display()))
}
