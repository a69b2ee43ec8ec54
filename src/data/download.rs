//! Fetching one large file over HTTP so that a break costs nothing: the part that arrived stays and is added to.

use crate::messages::say;
use crate::{Error, Result};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Tries in one call; each goes on where the one before broke off.
const N_TRIES: usize = 5;
const BUFFER_BYTES: usize = 1 << 16;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Downloads `url` to `path`. What has arrived lies in `path` + `.part`, from where this call and later ones go on.
pub fn download(url: &str, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    }
    let part = part_path(path);
    let mut problem = String::new();
    for n_tried in 0..N_TRIES {
        match fetch_rest(url, &part) {
            Ok(()) => return fs::rename(&part, path).map_err(Error::file("rename", &part)),
            Err(Broken::Fatal(error)) => return Err(error),
            Err(Broken::Retry(reason)) => problem = reason,
        }
        if n_tried + 1 < N_TRIES {
            std::thread::sleep(Duration::from_millis(200 << n_tried));
        }
    }
    let n_bytes = fs::metadata(&part).map_or(0, |metadata| metadata.len());
    if n_bytes == 0 {
        return Err(unreachable(url, &problem));
    }
    Err(Error::Data(format!(
        "the download of {} broke off after {n_bytes} bytes ({problem}); run the same command again and it goes on from \
         there, or work without a network: --corpus composed",
        without_password(url)
    )))
}

fn part_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    path.with_file_name(name)
}

/// How a try ended that did not succeed.
enum Broken {
    /// Worth another try: the network failed.
    Retry(String),
    /// Another try would end the same way.
    Fatal(Error),
}

/// Speaks HTTP through the proxy that `HTTPS_PROXY` or `HTTP_PROXY` names. Where the network has certificates of its own, the
/// environment variable `SSL_CERT_FILE` names their file.
fn agent() -> ureq::Agent {
    let own = std::env::var_os("SSL_CERT_FILE").and_then(|path| fs::read(path).ok()).map(|pem| {
        let certificate = |item| if let Ok(PemItem::Certificate(found)) = item { Some(found) } else { None };
        RootCerts::from(parse_pem(&pem).filter_map(certificate))
    });
    let tls = TlsConfig::builder().root_certs(own.unwrap_or(RootCerts::WebPki)).build();
    let timeout = Some(Duration::from_secs(60));
    let config = ureq::Agent::config_builder().tls_config(tls).timeout_connect(Some(Duration::from_secs(20)));
    config.timeout_recv_response(timeout).timeout_per_read(timeout).http_status_as_error(false).build().into()
}

/// The text of a page.
pub fn text(url: &str) -> Result<String> {
    let mut response = agent().get(url).call().map_err(|error| unreachable(url, &error))?;
    match response.status().as_u16() {
        200 => response.body_mut().read_to_string().map_err(|error| unreachable(url, &error)),
        status => Err(refused(url, status)),
    }
}

/// An address as it may be shown: who logs in and with which password is left out.
pub fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or(host))
}

/// One request for the bytes that `part` lacks.
fn fetch_rest(url: &str, part: &Path) -> std::result::Result<(), Broken> {
    let n_have = fs::metadata(part).map_or(0, |metadata| metadata.len());
    let mut request = agent().get(url);
    if n_have > 0 {
        request = request.header("Range", format!("bytes={n_have}-"));
    }
    let response = request.call().map_err(|error| Broken::Retry(error.to_string()))?;
    let (resumed, n_announced) = match response.status().as_u16() {
        206 => (true, response.body().content_length().map(|n_rest| n_have + n_rest)),
        200 => (false, response.body().content_length()), // the server knows no ranges: begin again
        416 if total_of_unsatisfied(&response) == Some(n_have) => return Ok(()), // nothing is missing
        416 => {
            let _ = fs::remove_file(part); // it is longer than the file: it belongs to something else
            return Err(Broken::Retry("the part on disk did not fit the file".to_string()));
        }
        status @ (429 | 500..=599) => return Err(Broken::Retry(format!("the server answered {status}"))),
        status => return Err(Broken::Fatal(refused(url, status))),
    };
    let mut options = fs::OpenOptions::new();
    let file = if resumed { options.append(true) } else { options.write(true).truncate(true) }.create(true).open(part);
    let file = file.map_err(|error| Broken::Fatal(Error::file("write", part)(error)))?;
    let n_had = if resumed { n_have } else { 0 };
    let n_bytes = append(&mut response.into_body().into_reader(), file, part, n_had, n_announced)?;
    match n_announced {
        Some(n_total) if n_bytes < n_total => Err(Broken::Retry(format!("{n_bytes} of {n_total} bytes arrived"))),
        _ => Ok(()),
    }
}

/// Total length in the `Content-Range: bytes */N` of a 416 answer.
fn total_of_unsatisfied(response: &ureq::http::Response<ureq::Body>) -> Option<u64> {
    response.headers().get("content-range")?.to_str().ok()?.rsplit('/').next()?.trim().parse().ok()
}

/// Copies the stream behind the `n_had` bytes that are there; returns the bytes that are there now.
fn append(
    stream: &mut dyn Read,
    mut file: fs::File,
    part: &Path,
    n_had: u64,
    n_total: Option<u64>,
) -> std::result::Result<u64, Broken> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut n_bytes = n_had;
    let started = Instant::now();
    let mut shown = Instant::now();
    loop {
        let n_read = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n_read) => n_read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Retry(error.to_string())),
        };
        let arrived = buffer.get(..n_read).unwrap_or_default();
        file.write_all(arrived).map_err(|error| Broken::Fatal(cannot_store(part, error)))?;
        n_bytes += n_read as u64;
        if shown.elapsed() >= PROGRESS_INTERVAL {
            shown = Instant::now();
            print_progress(n_bytes, n_bytes - n_had, n_total, started.elapsed());
        }
    }
    file.sync_all().map_err(|error| Broken::Fatal(cannot_store(part, error)))?;
    Ok(n_bytes)
}

fn print_progress(n_bytes: u64, n_new: u64, n_total: Option<u64>, elapsed: Duration) {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let per_second = megabytes(n_new) / elapsed.as_secs_f64().max(1e-3);
    let of_total = n_total.map(|n_total| format!(" of {:.0}", megabytes(n_total))).unwrap_or_default();
    say(format_args!("download: {:.0}{of_total} MB, {per_second:.1} MB/s", megabytes(n_bytes)));
}

fn refused(url: &str, status: u16) -> Error {
    let url = without_password(url);
    Error::Data(format!(
        "the server answered {status} for {url}; try again later, or work without a network: --corpus composed"
    ))
}

fn unreachable(url: &str, problem: &dyn std::fmt::Display) -> Error {
    let url = without_password(url);
    Error::Data(format!(
        "{url} cannot be downloaded ({problem}); check the network and try again, or work without one: --corpus composed"
    ))
}

/// A write that failed, with the way out where the disk is full. What has arrived stays.
fn cannot_store(part: &Path, error: std::io::Error) -> Error {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        let path = part.display();
        return Error::Data(format!(
            "the disk is full while writing {path}; free some space and run the same command again"
        ));
    }
    Error::file("write", part)(error)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
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

    /// A file that is not there yet, in a folder that goes with the first of the two.
    fn target() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.bin");
        (folder, path)
    }

    #[test]
    fn a_download_that_breaks_off_goes_on_where_it_broke_off() {
        let content: Vec<u8> = (0..200_000u32).map(|i| (i * i) as u8).collect();
        let server = Server::start(content.clone(), &[70_000, 60_000]); // two answers are cut short, the third is whole
        let (_folder, path) = target();
        download(&server.url(), &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(server.ranges(), ["", "bytes=70000-", "bytes=130000-"]);
        assert!(!part_path(&path).exists());
    }

    #[test]
    fn a_download_that_never_ends_keeps_its_part_and_says_how_to_go_on() {
        let server = Server::start(vec![7; 1000], &[10, 10, 10, 10, 10]);
        let (_folder, path) = target();
        let error = download(&server.url(), &path).unwrap_err().to_string();
        assert!(error.contains("broke off after 50 bytes") && error.contains("--corpus composed"), "{error}");
        assert!(!path.exists());
        download(&server.url(), &path).unwrap(); // the server is well again
        assert_eq!(fs::read(&path).unwrap(), vec![7; 1000]);
    }

    #[test]
    fn a_part_that_is_already_whole_is_taken_as_it_is() {
        let server = Server::start(vec![7; 1000], &[]);
        let (_folder, path) = target();
        fs::write(part_path(&path), vec![7; 1000]).unwrap();
        download(&server.url(), &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), vec![7; 1000]);
    }

    #[test]
    fn no_network_names_the_corpus_that_needs_none() {
        let error = download("http://127.0.0.1:1/none.tar.gz", &target().1).unwrap_err().to_string();
        assert!(error.contains("cannot be downloaded") && error.contains("--corpus composed"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_one_sentence() {
        let full = Path::new("/dev/full");
        let Ok(file) = fs::OpenOptions::new().append(true).open(full) else {
            return println!("/dev/full is absent: skipped");
        };
        let Err(Broken::Fatal(error)) = append(&mut [1u8; 10].as_slice(), file, full, 0, None) else {
            panic!("wrote to /dev/full")
        };
        assert!(error.to_string().starts_with("the disk is full while writing /dev/full"), "{error}");
    }
}
