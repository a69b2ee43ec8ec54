//! A loss curve that moves while a model trains. A cell cannot redraw its output, but a picture in an *earlier* cell's
//! output can fetch a file again and again: [`watch`] makes that picture, [`update`] rewrites the file.

use super::reference::Reference;
use super::show::{self, Html};
use super::{Figure, Line, lines, svg};
use crate::{Result, files};
use std::path::{Path, PathBuf};

/// Where live pictures lie: `live/<name>.svg` in the folder of figures.
pub fn path(figures_dir: &Path, name: &str) -> PathBuf {
    figures_dir.join("live").join(format!("{}.svg", file_name(name)))
}

/// Rewrites a run's live picture: (tokens, loss) of training batches and of the validation split, and the lines to beat. Until
/// there are points, nothing is written.
///
/// # Errors
/// Where the picture cannot be drawn or written.
pub fn update(
    figures_dir: &Path,
    name: &str,
    [train, val]: [&[(f64, f64)]; 2],
    references: Vec<Reference>,
) -> Result<()> {
    let finite = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        points.iter().copied().filter(|(tokens, loss)| tokens.is_finite() && loss.is_finite()).collect()
    };
    let (train, val) = (finite(train), finite(val));
    if train.is_empty() && val.is_empty() {
        return Ok(());
    }
    let curves = [Line::new("training", train).grey(), Line::new("validation", val).with_dots()];
    let curves: Vec<Line> = curves.into_iter().filter(|line| !line.points.is_empty()).collect();
    let picture = live_figure(name, curves, references).svg()?;
    Ok(files::write_atomic(path(figures_dir, name), picture)?)
}

fn live_figure(name: &str, curves: Vec<Line>, references: Vec<Reference>) -> Figure {
    lines(curves, "Training tokens", "Loss (nats per token)", references).title(name).height(120.0)
}

/// Pictures that fetch `live/<name>.svg` once a second. Put this in a cell before the one that trains. `figures_path` is the
/// figures' folder seen from where Jupyter was started (`figures`). A picture that has no file yet shows nothing, and so
/// does a page that was saved as HTML.
pub fn watch(names: impl IntoIterator<Item = impl AsRef<str>>, figures_path: &str) -> Html {
    let folder = figures_path.trim_start_matches("../").trim_matches('/');
    let picture = |name: String| {
        let file = svg::escape(&format!("{folder}/live/{}.svg", file_name(&name)));
        format!("<img class=\"live\" data-file=\"{file}\" alt=\"\" style=\"display:none;max-width:48%\">")
    };
    let pictures: String = names.into_iter().map(|name| picture(name.as_ref().to_owned())).collect();
    show::html(&format!("<div>{pictures}{POLL}</div>"))
}

/// Runs in the page, started by a picture that cannot load: unlike a script element, a handler runs however it is inserted.
/// Loads each file under a fresh address every second, shows it once it has loaded, hides it when it fails, and stops when
/// the picture has left the page or has failed for ten minutes.
const POLL: &str = r#"<img src="data:," style="display:none" alt="" onerror="
const server = location.pathname.match(/^(.*?)\/(?:lab|notebooks|doc|tree)(?:\/|$)/);
for (const live of server ? this.parentNode.querySelectorAll('.live') : []) {
  let failures = 0;
  const timer = setInterval(() => {
    if (!live.isConnected || failures > 600) { clearInterval(timer); return; }
    const next = new Image();
    next.onload = () => { failures = 0; live.src = next.src; live.style.display = ''; };
    next.onerror = () => { failures += 1; live.style.display = 'none'; };
    next.src = server[1] + '/files/' + live.dataset.file + '?t=' + Date.now();
  }, 1000);
}">"#;

/// A run's name as a file name: letters, digits, dots, hyphens and underscores.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_picture_is_rewritten_whole_and_stays_small() {
        let folder = std::env::temp_dir().join(format!("music-scaling-live-{}", std::process::id()));
        update(&folder, "tiny/run", [&[], &[]], vec![]).unwrap();
        assert!(!path(&folder, "tiny/run").exists());
        let train: Vec<(f64, f64)> = (1..20_000).map(|i| (f64::from(i), 4.0 / f64::from(i).sqrt() + 1.0)).collect();
        let val = [(1000.0, 1.5), (f64::NAN, 2.0)];
        update(&folder, "tiny/run", [&train, &val], vec![Reference::new("6-gram", 1.4)]).unwrap();
        let text = files::read_text(folder.join("live/tiny_run.svg")).unwrap();
        assert!(text.starts_with("<svg") && text.ends_with("</svg>\n") && text.len() < 20_000, "{}", text.len());
        assert!(text.contains("6-gram"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_watcher_names_each_file_and_starts_hidden() {
        let page = watch(["a-run", "b run"], "../figures/");
        assert!(
            page.as_str().contains("\"figures/live/a-run.svg\"")
                && page.as_str().contains("\"figures/live/b_run.svg\"")
        );
        assert_eq!(page.as_str().matches("display:none;max-width").count(), 2);
    }
}
