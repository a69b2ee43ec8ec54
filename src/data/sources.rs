//! Where a corpus comes from: the wheel of music21, the Lakh archives, the user's files, or the composer.

use super::archives::{self, MusicFile, Visitor};
use super::{CorpusConfig, composed, download};
use crate::messages::say;
use crate::{Error, Result};
use sha2::Digest;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLK_PACKAGE: &str = "music21==10.5.1";
const FOLK_WHEEL: &str = "music21-10.5.1-py3-none-any.whl";
const FOLK_SHA256: &str = "dc3309498c4c95cebdf8d4f20c868deb6b63bce1d929cad4f51a7ccc982987b1"; // of the wheel on PyPI
/// Folder of the tunes inside the wheel.
const FOLK_FOLDER: &str = "music21/corpus/";

/// Home of the Lakh MIDI Dataset (Raffel 2016); the environment variable `LAKH_URL` names a mirror.
const LAKH_URL: &str = "http://hog.ee.columbia.edu/craffel/lmd/";

/// An archive of the Lakh MIDI Dataset. Size and hash come from a third party's inventory, so a mismatch is a warning.
struct LakhArchive {
    file_name: &'static str,
    n_bytes: u64,
    sha256: &'static str,
}

const LAKH_CLEAN: LakhArchive = LakhArchive {
    file_name: "clean_midi.tar.gz",
    n_bytes: 234_283_029,
    sha256: "de1bb64cbc0cf35545a05b5c3e786aa6890cfa144edffc4b827ff41bf8c33dc5",
};

const LAKH_FULL: LakhArchive = LakhArchive {
    file_name: "lmd_full.tar.gz",
    n_bytes: 1_768_163_879,
    sha256: "6fcfe2ac49ca08f3f214cec86ab138d4fc4dabcd7f27f491a838dae6db45a12b",
};

/// A source that is on this machine and can be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The wheel of music21: only the ABC files of its corpus folder are read.
    Folk { wheel: PathBuf },
    /// A folder, an archive or a file.
    Files { path: PathBuf },
    /// Tunes that the library composes, as MIDI files that exist only in memory.
    Composed { n_tunes: usize, seed: u64 },
}

impl Source {
    /// Finds the source of a corpus, and downloads it into `data_dir/downloads` if it must.
    pub fn get(config: &CorpusConfig, data_dir: &Path, python: Option<&Path>) -> Result<Source> {
        let downloads = data_dir.join("downloads");
        match config.source.as_str() {
            "folk" => Ok(Source::Folk { wheel: get_folk(&downloads, python)? }),
            "lakh-clean" => Ok(Source::Files { path: get_lakh(&LAKH_CLEAN, &lakh_url(), &downloads)? }),
            "lakh-full" => Ok(Source::Files { path: get_lakh(&LAKH_FULL, &lakh_url(), &downloads)? }),
            "composed" => Ok(Source::Composed { n_tunes: config.n_composed, seed: config.seed }),
            path => Source::require(config).map(|()| Source::Files { path: PathBuf::from(path) }),
        }
    }

    /// Refuses a corpus that is neither a path that exists nor one of the named ones.
    pub fn require(config: &CorpusConfig) -> Result<()> {
        if config.is_named() || Path::new(&config.source).exists() {
            return Ok(());
        }
        let unknown = &config.source;
        Err(Error::Data(format!(
            "the corpus \"{unknown}\" is neither a file or folder here nor one of folk, composed, lakh-clean, lakh-full"
        )))
    }

    /// Calls `visitor` with every file of the source, in a fixed order.
    pub fn visit(&self, visitor: Visitor) -> Result<()> {
        match self {
            Source::Folk { wheel } => archives::visit(wheel, &is_folk_tune, &mut |file| {
                let inside = |file: MusicFile| MusicFile { path: file.path.replacen(FOLK_FOLDER, "", 1), ..file };
                visitor(file.map(inside))
            }),
            Source::Files { path } => archives::visit(path, &archives::is_music_name, visitor),
            Source::Composed { n_tunes, seed } => {
                let files = (0..*n_tunes).map(|index| composed::midi_file(*seed, index));
                let _ = files.map(Ok).try_for_each(visitor);
                Ok(())
            }
        }
    }

    /// How many files [`Source::visit`] will come to.
    pub fn n_files(&self) -> Result<usize> {
        match self {
            Source::Folk { wheel } => archives::count(wheel, &is_folk_tune),
            Source::Files { path } => archives::count(path, &archives::is_music_name),
            Source::Composed { n_tunes, .. } => Ok(*n_tunes),
        }
    }

    /// What changes when the source's files do: names, sizes and times, a line each.
    pub fn listing(&self) -> Result<String> {
        match self {
            Source::Folk { wheel: path } | Source::Files { path } => archives::listing(path, &archives::is_music_name),
            Source::Composed { n_tunes, seed } => Ok(format!("{n_tunes} {seed}")),
        }
    }

    /// Hash of a user's files as [`Source::listing`] has them. Empty for sources that don't change.
    pub fn stamp(config: &CorpusConfig) -> Result<String> {
        if config.is_named() {
            return Ok(String::new());
        }
        let stamp = archives::listing(Path::new(&config.source), &archives::is_music_name)?;
        Ok(super::short_hash(&[stamp.as_bytes()]))
    }
}

fn is_folk_tune(path: &str) -> bool {
    path.starts_with(FOLK_FOLDER) && archives::is_abc_name(path)
}

/// The wheel of music21, by pip, with its checksum proved.
fn get_folk(downloads: &Path, python: Option<&Path>) -> Result<PathBuf> {
    let wheel = downloads.join(FOLK_WHEEL);
    if wheel.exists() && sha256(&wheel)? == FOLK_SHA256 {
        return Ok(wheel);
    }
    say(format_args!(
        "folk: downloading {FOLK_PACKAGE} (20 MB) with pip; its corpus is \"with permission of the encoders\", the Essen part for"
    ));
    say(format_args!("folk: non-commercial use; it stays in {} and is not to be passed on", downloads.display()));
    let fresh = downloads.join(format!(".pip-{}", std::process::id()));
    let fetched = pip_download(&fresh, python).and_then(|()| accept_wheel(&fresh.join(FOLK_WHEEL), &wheel));
    let _ = fs::remove_dir_all(&fresh); // holds nothing of worth any more
    fetched.map(|()| wheel)
}

fn pip_download(folder: &Path, python: Option<&Path>) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    let python = python.unwrap_or(Path::new(if cfg!(windows) { "python" } else { "python3" }));
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--disable-pip-version-check",
        "--quiet",
    ]);
    let output = command.arg("--dest").arg(folder).arg(FOLK_PACKAGE).output();
    let way_out = "check the network (or PIP_INDEX_URL) and try again, or use the corpus that needs no network: --corpus composed";
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let reason = text
                .lines()
                .rfind(|line| line.contains("ERROR") || line.contains("No module"))
                .unwrap_or("no reason given");
            Err(Error::Data(format!(
                "pip could not download {FOLK_PACKAGE}, the corpus folk ({}); {way_out}",
                reason.trim()
            )))
        }
        Err(error) => {
            let python = python.display();
            Err(Error::Data(format!(
                "{python} cannot be started to download the corpus folk with pip ({error}); install it, or {way_out}"
            )))
        }
    }
}

fn accept_wheel(fresh: &Path, wheel: &Path) -> Result<()> {
    let found = sha256(fresh)?;
    if found != FOLK_SHA256 {
        return Err(Error::Data(format!(
            "{FOLK_WHEEL} as pip got it has the wrong checksum ({found}, not {FOLK_SHA256}), so it was not used; check where \
             pip downloads from (pip config list) and try again, or work without it: --corpus composed"
        )));
    }
    fs::rename(fresh, wheel).map_err(Error::file("rename", fresh))
}

fn lakh_url() -> String {
    std::env::var("LAKH_URL").unwrap_or_else(|_| LAKH_URL.to_string())
}

/// A Lakh archive, from where it lies in `downloads` or from `base_url`.
fn get_lakh(archive: &LakhArchive, base_url: &str, downloads: &Path) -> Result<PathBuf> {
    let path = downloads.join(archive.file_name);
    if !path.exists() {
        let url = format!("{}/{}", base_url.trim_end_matches('/'), archive.file_name);
        say(format_args!(
            "lakh: downloading {url} ({:.0} MB); it can be broken off and goes on later",
            archive.n_bytes as f64 / 1e6
        ));
        download::download(&url, &path)?;
        if let Some(warning) = lakh_warning(archive, &path)? {
            say(warning);
        }
    }
    Ok(path)
}

/// The sentence to print when the archive differs from the inventory; the archive is used all the same.
fn lakh_warning(archive: &LakhArchive, path: &Path) -> Result<Option<String>> {
    let n_bytes = fs::metadata(path).map_err(Error::file("open", path))?.len();
    let found = sha256(path)?;
    let (known_bytes, known) = (archive.n_bytes, archive.sha256);
    Ok((found != known).then(|| {
        format!(
            "warning: {} has {n_bytes} bytes and sha256 {found}; an inventory by a third party says {known_bytes} bytes and \
             {known}; it is used all the same, delete it if tunes turn out to be missing",
            path.display()
        )
    }))
}

/// SHA-256 of a file, in hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).map_err(Error::file("open", path))?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(Error::file("read", path))? {
            0 => break,
            n_read => hasher.update(buffer.get(..n_read).unwrap_or_default()),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    /// An HTTP server on this machine that serves one file, knows ranges, and breaks off as it is told.
    pub struct Server {
        address: String,
        ranges: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        /// The first answers send only so many bytes as `cuts` says; the others are whole.
        pub fn start(content: Vec<u8>, cuts: &[usize]) -> Server {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let ranges = Arc::new(Mutex::new(Vec::new()));
            let (seen, cuts) = (ranges.clone(), cuts.to_vec());
            std::thread::spawn(move || {
                for (index, stream) in listener.incoming().enumerate() {
                    let range = answer(stream.unwrap(), &content, cuts.get(index).copied());
                    seen.lock().unwrap().push(range);
                }
            });
            Server { address, ranges }
        }

        pub fn url(&self) -> String {
            format!("http://{}/file.bin", self.address)
        }

        pub fn ranges(&self) -> Vec<String> {
            std::thread::sleep(std::time::Duration::from_millis(50)); // the server notes an answer after it was sent
            self.ranges.lock().unwrap().clone()
        }
    }

    fn answer(mut stream: TcpStream, content: &[u8], cut: Option<usize>) -> String {
        let mut range = String::new();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let line = line.unwrap();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("range")
            {
                range = value.to_string();
            }
        }
        let start: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
        let (status, rest) = match (range.is_empty(), content.get(start..)) {
            (true, _) => ("200 OK".to_string(), content),
            (false, Some(rest)) if !rest.is_empty() => {
                let total = content.len();
                (format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{total}", total - 1), rest)
            }
            _ => (format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{}", content.len()), &[][..]),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
        let sent = &rest[..cut.unwrap_or(rest.len()).min(rest.len())];
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
        range
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("music-scaling-sources-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A stand-in for python: a shell script.
    #[cfg(unix)]
    fn script(folder: &Path, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join("python-stub");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[cfg(unix)]
    #[test]
    fn a_wheel_with_the_wrong_checksum_is_refused_and_not_kept() {
        let folder = folder("checksum");
        // the folder comes after --dest: the tenth argument
        let python = script(&folder, &format!("shift 9; printf altered > \"$1/{FOLK_WHEEL}\""));
        let error = Source::get(&CorpusConfig::of("folk"), &folder, Some(&python)).unwrap_err().to_string();
        assert!(error.contains("has the wrong checksum") && error.contains("--corpus composed"), "{error}");
        assert_eq!(fs::read_dir(folder.join("downloads")).unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn folk_without_a_network_names_the_corpus_that_needs_none() {
        let folder = folder("network");
        let python = script(&folder, "echo 'ERROR: No matching distribution found for music21==10.5.1' >&2; exit 1");
        let error = Source::get(&CorpusConfig::of("folk"), &folder, Some(&python)).unwrap_err().to_string();
        assert!(error.contains("No matching distribution found") && error.contains("--corpus composed"), "{error}");
        let error =
            Source::get(&CorpusConfig::of("folk"), &folder, Some(Path::new("/no/python"))).unwrap_err().to_string();
        assert!(error.starts_with("/no/python cannot be started") && error.contains("--corpus composed"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn lakh_with_another_checksum_is_used_and_warned_about() {
        let folder = folder("lakh");
        let server = Server::start(b"not the archive".to_vec(), &[]);
        let url = server.url().replace("/file.bin", "");
        let path = get_lakh(&LAKH_CLEAN, &url, &folder).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"not the archive");
        let warning = lakh_warning(&LAKH_CLEAN, &path).unwrap().unwrap();
        assert!(warning.starts_with("warning: ") && warning.contains("used all the same"), "{warning}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_unknown_corpus_lists_the_known_ones() {
        let error = Source::get(&CorpusConfig::of("jazz"), Path::new("."), None).unwrap_err().to_string();
        assert!(error.contains("\"jazz\"") && error.contains("folk, composed, lakh-clean, lakh-full"), "{error}");
    }
}
