//! A folder of pages to host: report, tunes, listening test, notebooks and figures. Every page stands by itself, every link is relative.

use super::{Rendering, Report, tool};
use crate::setup::{Lab, run};
use crate::{Error, Result};
use music_scaling::files::{read_bytes, write_atomic};
use std::path::{Path, PathBuf};

const INDEX: &str = include_str!("site.md");

impl Report {
    /// Makes the folder, checks it, and says where its first page lies.
    ///
    /// # Errors
    /// A part of the study is not there; a link leads nowhere; a page asks another host for something.
    pub fn site(&self, lab: &Lab, out: &Path) -> Result<PathBuf> {
        let copy = |from: &Path, to: &str| Ok::<_, Error>(write_atomic(out.join(to), read_bytes(from)?)?);
        for (rendered, to) in
            self.write(lab, &[Rendering::Pdf, Rendering::Html])?.iter().zip(["report.pdf", "report.html"])
        {
            copy(rendered, to)?;
        }
        self.notebooks(lab, out)?;
        for (page, to) in [("index.html", "tunes.html"), ("listen.html", "listen.html")] {
            copy(&self.samples.join(page), to)?;
        }
        let mut gallery = String::new();
        for name in self.pictures()? {
            for ending in ["svg", "pdf", "csv"] {
                let file = format!("{name}.{ending}");
                if self.figures.join(&file).exists() {
                    copy(&self.figures.join(&file), &format!("figures/{file}"))?;
                }
            }
            gallery += &format!(
                "[![{name}](figures/{name}.svg)](figures/{name}.svg)\\\n{name}, [PDF](figures/{name}.pdf)\n\n"
            );
        }
        let index = self.fill(INDEX, Path::new("site.md"))?;
        write_atomic(out.join("index.md"), format!("{index}\n::: gallery\n{gallery}\n:::\n"))?;
        tool(lab, out, "render.py", &["page", "index.md", "index.html"])?;
        std::fs::remove_file(out.join("index.md")).map_err(Error::file("remove", out.join("index.md")))?;
        tool(lab, out, "check_site.py", &["."])?;
        Ok(out.join("index.html"))
    }

    /// A page of all notebooks, and one of each.
    fn notebooks(&self, lab: &Lab, out: &Path) -> Result<()> {
        let mut executed = numbered(&self.study.notebooks_folder());
        if executed.is_empty() && self.study.name() == "laptop" {
            executed = numbered(&lab.root.join("notebooks"));
        }
        if executed.is_empty() {
            return Err(Error::Config(format!(
                "{} holds no executed notebooks: run cargo run -- study --preset {} first",
                self.study.notebooks_folder().display(),
                self.study.preset_argument()
            )));
        }
        let out = std::path::absolute(out).map_err(Error::file("find", out))?;
        let mut writer = lab.report_writer()?;
        writer.arg("--results").arg(self.study.results_folder().join("results.json"));
        writer.arg("--each").arg(out.join("notebooks"));
        writer.arg(format!("All notebooks of the {} study", self.study.name()));
        writer.arg(out.join("notebooks.html")).args(executed);
        run(writer, "write the notebooks' pages")
    }

    /// Names of the figures.
    fn pictures(&self) -> Result<Vec<String>> {
        let files = sorted(&self.figures, "svg");
        if files.is_empty() {
            return Err(Error::Config(format!("{} holds no figures: run the study first", self.figures.display())));
        }
        Ok(files.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect())
    }
}

/// The seven notebooks, whose names begin with a digit; what broke off is none.
fn numbered(folder: &Path) -> Vec<PathBuf> {
    let mut notebooks = sorted(folder, "ipynb");
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    notebooks.retain(|path| name(path).starts_with(|c: char| c.is_ascii_digit()) && !name(path).contains(".failed."));
    notebooks
}

/// The files of a folder with this ending, by name; none where there is no folder.
fn sorted(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|own| own == ending)).collect();
    files.sort();
    files
}
