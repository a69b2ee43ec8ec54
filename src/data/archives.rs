//! Files of music where they lie: a folder, a .tar.gz, .tar or .zip archive, or a single file. Nothing is unpacked to disk.

use super::FailedFile;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A larger file is not one piece of music: Lakh's largest is under 3 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A file of music and its path inside the folder or archive, with `/` between the parts.
#[derive(Debug, Clone)]
pub struct MusicFile {
    /// Path inside the folder or archive.
    pub path: String,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Called with every file of music in turn, or with the reason why one could not be read; it may ask to stop.
pub type Visitor<'a> = &'a mut dyn FnMut(Result<MusicFile, FailedFile>) -> ControlFlow<()>;

/// Is this the name of a file that we read? What is hidden, such as macOS's `._x.mid` and `.git/x.abc`, is not.
pub fn is_music_name(path: &str) -> bool {
    let is_hidden = path.split('/').any(|part| part.starts_with('.') && ![".", ".."].contains(&part));
    !is_hidden && (is_midi_name(path) || is_abc_name(path))
}

/// Is this the name of a MIDI file?
pub fn is_midi_name(path: &str) -> bool {
    has_ending(path, &[".mid", ".midi", ".kar"]) // .kar: karaoke, MIDI with lyrics
}

/// Is this the name of an ABC file?
pub fn is_abc_name(path: &str) -> bool {
    has_ending(path, &[".abc"])
}

/// Is this the name of a plain text?
pub(super) fn is_text_name(path: &str) -> bool {
    has_ending(path, &[".txt"])
}

fn has_ending(path: &str, endings: &[&str]) -> bool {
    let lower = path.to_ascii_lowercase();
    endings.iter().any(|ending| lower.ends_with(ending))
}

/// Visits every file below or in `path` whose name `wanted` accepts: folders by name, archives in their own order.
///
/// A damaged file is reported to the visitor; a damaged archive too, after the files before the damage.
///
/// # Errors
/// What cannot be opened at all.
pub fn visit(path: &Path, wanted: &dyn Fn(&str) -> bool, visitor: Visitor) -> Result<()> {
    let name = file_name(path);
    if path.is_dir() {
        let open = |(path, name): (PathBuf, String)| match fs::File::open(path) {
            Ok(file) => read_entry(file, name),
            Err(error) => Err(FailedFile::new(name, "open", format!("the file cannot be opened: {error}"))),
        };
        let _ = list(path, wanted)?.into_iter().map(open).try_for_each(visitor);
        return Ok(());
    }
    let file = fs::File::open(path).map_err(Error::file("open", path))?;
    if has_ending(&name, &[".zip", ".whl"]) {
        visit_zip(path, file, wanted, visitor)
    } else if has_ending(&name, &[".tar"]) {
        visit_tar(path, BufReader::new(file), wanted, visitor)
    } else if has_ending(&name, &[".tar.gz", ".tgz"]) {
        visit_tar(path, flate2::read::MultiGzDecoder::new(BufReader::new(file)), wanted, visitor)
    } else {
        let _ = visitor(read_entry(file, name)); // there is nothing after it to stop before
        Ok(())
    }
}

/// The files that [`visit`] opens, as (path, path inside the folder), sorted: those of a folder that are wanted and of the folders
/// in it, but what is hidden (`.git`, `.ipynb_checkpoints`, `._x.mid`); or the one file or archive.
///
/// # Errors
/// A folder that cannot be read.
pub fn list(path: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<(PathBuf, String)>> {
    if !path.is_dir() {
        return Ok(vec![(path.to_path_buf(), file_name(path))]);
    }
    let mut files = Vec::new();
    let mut seen = BTreeSet::new(); // links may lead back to a folder above
    let mut waiting = vec![(path.to_path_buf(), String::new())];
    while let Some((folder, inside)) = waiting.pop() {
        let identity = folder.canonicalize().map_err(Error::file("open the folder", &folder))?;
        if !seen.insert(identity) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(Error::file("read the folder", &folder))? {
            let path = entry.map_err(Error::file("read the folder", &folder))?.path();
            let name = format!("{inside}{}", file_name(&path));
            if file_name(&path).starts_with('.') {
                continue;
            } else if path.is_dir() {
                waiting.push((path, format!("{name}/")));
            } else if wanted(&name) {
                files.push((path, name));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The names of the files that [`visit`] will come to. An archive is read through for it, which takes seconds a GB.
///
/// # Errors
/// What cannot be opened at all.
pub fn names(path: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    if path.is_dir() {
        return Ok(list(path, wanted)?.into_iter().map(|(_, name)| name).collect());
    }
    let names = std::cell::RefCell::new(Vec::new());
    let note_and_pass = |name: &str| {
        names.borrow_mut().extend(wanted(name).then(|| name.to_string()));
        false
    };
    visit(path, &note_and_pass, &mut |file| {
        names.borrow_mut().push(file.map_or_else(|failed| failed.source, |file| file.path)); // of no archive, or its damage
        ControlFlow::Continue(())
    })?;
    Ok(names.into_inner())
}

fn visit_tar(path: &Path, stream: impl Read, wanted: &dyn Fn(&str) -> bool, visitor: Visitor) -> Result<()> {
    let mut archive = tar::Archive::new(stream);
    for (n_entries, entry) in archive.entries().map_err(Error::file("open", path))?.enumerate() {
        let file = match entry {
            Ok(entry) => {
                let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_string();
                if !entry.header().entry_type().is_file() || !wanted(&name) {
                    continue;
                }
                read_entry(entry, name)
            }
            Err(error) if n_entries == 0 => return Err(not_an_archive(path, &error)),
            Err(error) => Err(damaged(path, n_entries, &error)), // nothing comes after it
        };
        if visitor(file).is_break() {
            break;
        }
    }
    Ok(())
}

fn visit_zip(path: &Path, file: fs::File, wanted: &dyn Fn(&str) -> bool, visitor: Visitor) -> Result<()> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| not_an_archive(path, &error))?;
    for index in 0..archive.len() {
        let file = match archive.by_index(index) {
            Ok(entry) => {
                let name = entry.name().map(|name| name.to_string()).unwrap_or_else(|_| format!("entry {index}"));
                if !entry.is_file() || !wanted(&name) {
                    continue;
                }
                read_entry(entry, name)
            }
            Err(error) => Err(damaged(path, index, &error)),
        };
        if visitor(file).is_break() {
            break;
        }
    }
    Ok(())
}

fn read_entry(stream: impl Read, path: String) -> Result<MusicFile, FailedFile> {
    let mut bytes = Vec::new();
    match stream.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
        Err(error) => Err(FailedFile::new(path, "open", format!("the file cannot be read to its end: {error}"))),
        Ok(_) if bytes.is_empty() => Err(FailedFile::new(path, "open", "the file is empty")),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => {
            Err(FailedFile::new(path, "open", format!("the file is larger than {} MB", MAX_FILE_BYTES >> 20)))
        }
        Ok(_) => Ok(MusicFile { path, bytes }),
    }
}

fn not_an_archive(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Data(format!("{} is not an archive that can be read ({error}); download or pack it again", path.display()))
}

fn damaged(path: &Path, n_entries: usize, error: &dyn std::fmt::Display) -> FailedFile {
    FailedFile::new(file_name(path), "open", format!("the archive is damaged after {n_entries} entries: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names_in(path: &Path) -> Vec<String> {
        let mut names = Vec::new();
        visit(path, &is_music_name, &mut |file| {
            names.push(file.map_or_else(|failed| format!("{}: {}", failed.source, failed.reason), |file| file.path));
            ControlFlow::Continue(())
        })
        .unwrap();
        names
    }

    fn tar_gz(names: &[&str]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (index, name) in names.iter().enumerate() {
            let bytes: Vec<u8> =
                (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761 + index as u32) >> 13) as u8).collect();
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_folder_is_read_in_order_and_what_is_empty_is_named_and_what_is_hidden_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let hidden =
            [("._b.mid", "x"), (".git/d.mid", "x"), ("deep/.ipynb_checkpoints/a.abc", "x"), ("notes.txt", "x")];
        for (name, text) in [("b.MID", "x"), ("deep/er/a.abc", "x"), ("c.midi", "")].into_iter().chain(hidden) {
            crate::files::write_atomic(folder.join(name), text).unwrap();
        }
        assert_eq!(names_in(folder), ["b.MID", "c.midi: the file is empty", "deep/er/a.abc"]);
        assert_eq!(names(folder, &is_music_name).unwrap().len(), 3);
        assert_eq!(names(&folder.join("b.MID"), &is_music_name).unwrap().len(), 1);
    }

    #[test]
    fn what_is_hidden_in_an_archive_is_not_music() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music.tgz");
        fs::write(&path, tar_gz(&["./m/1.mid", "m/._1.mid", "m/.ipynb_checkpoints/1-checkpoint.mid"])).unwrap();
        assert_eq!(names_in(&path), ["m/1.mid"]);
    }

    #[test]
    fn an_archive_cut_in_half_gives_the_files_before_the_cut_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = folder.join("music.tar.gz");
        let whole = tar_gz(&["m/1.mid", "m/2.mid", "m/3.mid", "m/4.mid"]);
        fs::write(&path, &whole).unwrap();
        assert_eq!(names_in(&path), ["m/1.mid", "m/2.mid", "m/3.mid", "m/4.mid"]);
        assert_eq!(names(&path, &is_music_name).unwrap().len(), 4);
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let names = names_in(&path);
        assert_eq!(names[0], "m/1.mid");
        assert!(
            names.len() < 5 && names.iter().any(|name| name.contains("damaged") || name.contains("to its end")),
            "{names:?}"
        );
    }

    #[test]
    fn what_is_not_an_archive_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in ["a.tar.gz", "a.zip"] {
            fs::File::create(folder.join(name)).unwrap().write_all(b"<html>404</html>").unwrap();
            let error =
                visit(&folder.join(name), &is_music_name, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
            assert!(error.contains("is not an archive that can be read"), "{error}");
        }
    }
}
