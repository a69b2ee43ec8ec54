//! Rich output in a notebook: HTML, audio players, figures side by side.
//!
//! evcxr shows what a program prints between `EVCXR_BEGIN_CONTENT <MIME type>` and `EVCXR_END_CONTENT`. Of several blocks
//! of one MIME type in a cell only the last survives, so a cell that shows several things must end with *one* [`Html`]:
//! [`side_by_side`] and [`one_after_another`] make one from many.

pub use super::show_table::{save_table, table};
use super::{Figure, svg};
use crate::Result;
use base64::{Engine, engine::general_purpose::STANDARD};

/// A piece of a page. Shown when it is the last expression of a notebook cell.
#[derive(Clone, PartialEq, Eq)]
pub struct Html(String);

impl std::fmt::Debug for Html {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug(f, &format!("a piece of a page of {} bytes", self.0.len()), || Some(self.clone()))
    }
}

impl Html {
    /// The HTML itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Called by evcxr when this is the last expression of a cell.
    pub fn evcxr_display(&self) {
        print_block("text/html", &self.0);
    }
}

/// One line of `Debug`. In a notebook the picture is shown, too: evcxr turns to `Debug` where the last expression moves a
/// variable of its own cell, and forgets that variable.
pub(super) fn debug(
    f: &mut std::fmt::Formatter<'_>,
    what: &str,
    page: impl FnOnce() -> Option<Html>,
) -> std::fmt::Result {
    if let Some(Html(page)) = std::env::var_os("EVCXR_IS_RUNTIME").and_then(|_| page()) {
        print_block("text/html", &format!("{page}<p><small>{}</small></p>", svg::escape(MOVED)));
    }
    write!(f, "{what}. {MOVED}")
}

const MOVED: &str =
    "If a variable was moved into the last line of this cell, it is gone: write &name there to keep it.";

/// HTML as it is: the caller vouches for it.
pub fn html(content: &str) -> Html {
    Html(content.to_string())
}

/// Text as it was written, in a typewriter font: a tune in ABC.
pub fn text(content: &str) -> Html {
    Html(format!(
        "<pre style=\"font-family:monospace;font-size:85%;line-height:1.35;overflow-x:auto\">{}</pre>",
        svg::escape(content)
    ))
}

/// A player for the bytes of a WAV file, with a caption that may be empty. Half a minute at 22 kHz is 1.8 MB of page.
pub fn audio(wav: &[u8], caption: &str) -> Html {
    let caption =
        if caption.is_empty() { String::new() } else { format!("<figcaption>{}</figcaption>", svg::escape(caption)) };
    let data = STANDARD.encode(wav);
    Html(format!(
        "<figure style=\"margin:4px 0\">{caption}<audio controls src=\"data:audio/wav;base64,{data}\"></audio></figure>"
    ))
}

/// A figure as a piece of a page.
///
/// # Errors
/// Where the picture cannot be drawn.
pub fn figure(figure: &Figure) -> Result<Html> {
    let data = STANDARD.encode(figure.png()?);
    let alt = svg::escape(&figure.options.title);
    Ok(Html(format!("<img style=\"max-width:100%\" alt=\"{alt}\" src=\"data:image/png;base64,{data}\">")))
}

/// Figures in a row, in one block; they wrap where the page is narrow.
///
/// # Errors
/// Where one of them cannot be drawn.
pub fn side_by_side(figures: impl AsRef<[Figure]>) -> Result<Html> {
    let mut row = String::from("<div style=\"display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start\">");
    for one in figures.as_ref() {
        row += &format!("<div style=\"flex:1 1 320px;max-width:650px\">{}</div>", figure(one)?.0);
    }
    Ok(Html(row + "</div>"))
}

/// Pieces one below the other, in one block.
pub fn one_after_another(pieces: impl AsRef<[Html]>) -> Html {
    Html(pieces.as_ref().iter().map(|piece| format!("<div>{}</div>", piece.0)).collect())
}

/// Prints a block of rich output.
pub(super) fn print_block(mime: &str, content: &str) {
    print!("{}", block(mime, content));
}

/// Starts on a line of its own, whatever was printed before.
fn block(mime: &str, content: &str) -> String {
    format!("\nEVCXR_BEGIN_CONTENT {mime}\n{}\nEVCXR_END_CONTENT\n", content.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_framed_by_lines_of_their_own() {
        assert_eq!(block("text/html", "<b>x</b>\n"), "\nEVCXR_BEGIN_CONTENT text/html\n<b>x</b>\nEVCXR_END_CONTENT\n");
    }

    #[test]
    fn audio_carries_the_bytes_in_base64() {
        let player = audio(b"RIFF", "A <reel>");
        assert!(player.as_str().contains("data:audio/wav;base64,UklGRg=="));
        assert!(player.as_str().contains("A &lt;reel&gt;"));
    }

    #[test]
    fn text_keeps_its_lines_and_loses_its_markup() {
        assert!(text("X:1\n<K:C>").as_str().contains("X:1\n&lt;K:C&gt;"));
    }
}
