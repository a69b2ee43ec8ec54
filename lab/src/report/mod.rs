//! The report to hand in: a Markdown text that stays the student's, filled with the study's numbers each time it is rendered.
//!
//! pandoc turns it into HTML, LaTeX and Typst; Typst's compiler makes the PDF. Both are wheels of PyPI, so pip alone installs them.

mod facts;
mod fill;

pub use fill::figures_of;

use crate::Result;
use crate::setup::{Lab, run};
use facts::Facts;
use fill::Filling;
use music_scaling::figures::save_numbers;
use music_scaling::files::{read_bytes, read_text, write_atomic};
use music_scaling::study::Study;
use std::path::{Path, PathBuf};

const SKELETON: &str = include_str!("skeleton.md");
const MARK: &str = "**Write here:**";
/// What the renderer needs beside the filled text, in `.lab/report/`.
const TOOLS: [(&str, &str); 4] = [
    ("render.py", include_str!("render.py")),
    ("report.typ", include_str!("report.typ")),
    ("report.css", include_str!("report.css")),
    ("header.tex", include_str!("header.tex")),
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

/// Renders a study's report and says where it lies. The text is `report/report.md` in the study's folder; it is begun from the
/// skeleton where there is none, and never written over.
///
/// # Errors
/// The study was neither run nor committed; the text asks for a number or a figure that is not there; a tool fails.
pub fn write(lab: &Lab, study: Study, renderings: &[Rendering]) -> Result<Vec<PathBuf>> {
    let study = study.or_committed();
    let (facts, runs) = (Facts::of(&study)?, study.run_records()?);
    let folder = study.folder().join("report");
    let (figures, samples) = (figures_of(&study, &lab.root), samples_of(&study));
    let filling =
        Filling { study: &study, facts: &facts, runs: &runs, figures: &figures, samples: &samples, folder: &folder };
    let text = folder.join("report.md");
    if !text.exists() {
        write_atomic(&text, filling.fitting(SKELETON))?;
        println!("begun from the skeleton: {}", text.display());
    }
    let filled = filling.fill(&read_text(&text)?, &text)?;
    let open = filled.matches(MARK).count();
    write_atomic(folder.join("filled.md"), filled)?;
    write_atomic(folder.join("numbers.csv"), facts.table()?)?;
    let results = folder.join("results.json");
    write_atomic(&results, read_bytes(study.results_folder().join("results.json"))?)?;
    save_numbers(&results)?;
    let written = render(lab, &folder, renderings)?;
    if open > 0 {
        println!("{open} places are still marked \"Write here\" in {}", text.display());
    }
    Ok(written)
}

/// The best model's tunes: of this study, or those that are committed.
fn samples_of(study: &Study) -> PathBuf {
    let own = study.samples_folder();
    if own.join("sample_01.abc").exists() { own } else { study.committed_results_folder().join("samples") }
}

fn render(lab: &Lab, folder: &Path, renderings: &[Rendering]) -> Result<Vec<PathBuf>> {
    let python = lab.report_python()?;
    let tools = lab.folder().join("report");
    for (name, text) in TOOLS {
        write_atomic(tools.join(name), text)?;
    }
    let mut written = Vec::new();
    for rendering in renderings {
        let (kind, file) = match rendering {
            Rendering::Pdf => ("pdf", "report.pdf"),
            Rendering::Html => ("html", "report.html"),
            Rendering::Latex => ("latex", "report.tex"),
        };
        let mut command = std::process::Command::new(&python);
        command.arg(tools.join("render.py")).args([kind, file]).current_dir(folder);
        run(command, &format!("write {file}"))?;
        written.push(folder.join(file));
    }
    Ok(written)
}
