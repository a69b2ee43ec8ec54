//! Fetching one large file over HTTP so that a break costs nothing: the part that arrived stays and is added to.

use super::sources::absolute;
use crate::messages::say;
use crate::{Error, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Proxy, ProxyProtocol};

/// Tries in one call; each goes on where the one before broke off.
const N_TRIES: usize = 5;
const BUFFER_BYTES: usize = 1 << 16;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Downloads `url` to `path`. What has arrived lies in `path` + `.part`, from where this call and later ones go on.
pub fn download(url: &str, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    }
    let part = path.with_added_extension("part");
    let mut problem = String::new();
    for n_tried in 0..N_TRIES {
        if n_tried > 0 {
            std::thread::sleep(Duration::from_millis(100 << n_tried));
        }
        match fetch_rest(url, &part) {
            Ok(()) => return fs::rename(&part, path).map_err(Error::file("rename", &part)),
            Err(Broken::Fatal(error)) => return Err(error),
            Err(Broken::Retry(reason)) => problem = reason,
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

/// How a try ended that did not succeed.
enum Broken {
    /// Worth another try: the network failed.
    Retry(String),
    /// Another try would end the same way.
    Fatal(Error),
}

/// What a server answered.
struct Answer {
    status: u16,
    /// Length of the body, where the server says it.
    n_bytes: Option<u64>,
    /// Another address to ask, where the server says so.
    moved_to: Option<String>,
    body: Box<dyn Read>,
}

/// Asks for a file from byte `start` on, through the proxy that `HTTPS_PROXY` or `HTTP_PROXY` names.
fn get(url: &str, start: u64) -> std::result::Result<Answer, String> {
    let mut url = url.to_string();
    for _ in 0..10 {
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let proxy = Proxy::try_from_env().filter(|proxy| {
            let is_plain = uri.scheme_str() == Some("http") && proxy.protocol() == ProxyProtocol::Http;
            is_plain && !proxy.is_no_proxy(&uri)
        });
        let Some(proxy) = proxy else { return get_directly(&url, start) };
        let answer = get_by_proxy(&proxy, &uri, start).map_err(|error| error.to_string())?;
        match answer.moved_to {
            Some(location) => url = absolute(&url, &location),
            None => return Ok(answer),
        }
    }
    Err("it is redirected again and again".to_string())
}

/// With no proxy, or with one that opens a tunnel. Where the network has certificates of its own, the environment variable
/// `SSL_CERT_FILE` names their file.
fn get_directly(url: &str, start: u64) -> std::result::Result<Answer, String> {
    let own = std::env::var_os("SSL_CERT_FILE").and_then(|path| fs::read(path).ok()).map(|pem| {
        let certificate = |item| if let Ok(PemItem::Certificate(found)) = item { Some(found) } else { None };
        RootCerts::from(parse_pem(&pem).filter_map(certificate))
    });
    let tls = TlsConfig::builder().root_certs(own.unwrap_or(RootCerts::WebPki)).build();
    let timeout = Some(Duration::from_secs(60));
    let config = ureq::Agent::config_builder().tls_config(tls).timeout_connect(Some(Duration::from_secs(20)));
    let config = config.timeout_recv_response(timeout).timeout_per_read(timeout).http_status_as_error(false);
    let mut request = ureq::Agent::from(config.build()).get(url);
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    let response = request.call().map_err(|error| error.to_string())?;
    let (status, n_bytes) = (response.status().as_u16(), response.body().content_length());
    Ok(Answer { status, n_bytes, moved_to: None, body: Box::new(response.into_body().into_reader()) })
}

/// An `http://` address, which a proxy is simply asked for: many open tunnels to encrypted addresses only. As HTTP 1.0,
/// so that the body ends where the connection does.
fn get_by_proxy(proxy: &Proxy, uri: &Uri, start: u64) -> std::io::Result<Answer> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let of_proxy = proxy.username().map(|name| format!("{name}:{}", proxy.password().unwrap_or_default()));
    let logins = [("Authorization", user.map(str::to_string)), ("Proxy-Authorization", of_proxy)];
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = format!("GET http://{host}{path} HTTP/1.0\r\nHost: {host}\r\n");
    for (name, login) in logins.into_iter().filter_map(|(name, login)| Some((name, login?))) {
        request += &format!("{name}: Basic {}\r\n", BASE64_STANDARD.encode(login));
    }
    if start > 0 {
        request += &format!("Range: bytes={start}-\r\n");
    }
    let mut stream = TcpStream::connect((proxy.host(), proxy.port()))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(format!("{request}\r\n").as_bytes())?;
    let mut body = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && body.read_line(&mut head)? > 0 {}
    let status: Option<u16> = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other("the proxy's answer is not HTTP"))?;
    let field = |wanted: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim()).next()
    };
    let n_bytes = field("content-length").and_then(|length| length.parse().ok());
    let moved_to = field("location").filter(|_| (300..400).contains(&status)).map(str::to_string);
    Ok(Answer { status, n_bytes, moved_to, body: Box::new(body) })
}

/// The text of a page.
pub fn text(url: &str) -> Result<String> {
    let mut answer = get(url, 0).map_err(|problem| unreachable(url, &problem))?;
    if answer.status != 200 {
        return Err(refused(url, answer.status));
    }
    std::io::read_to_string(&mut answer.body).map_err(|error| unreachable(url, &error))
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
    let mut answer = get(url, n_have).map_err(Broken::Retry)?;
    let n_had = match answer.status {
        206 => n_have,
        200 => 0, // the server knows no ranges: begin again
        416 => {
            let _ = fs::remove_file(part); // it is no shorter than the file: it belongs to something else
            return Err(Broken::Retry("the part on disk did not fit the file".to_string()));
        }
        status @ (429 | 500..=599) => return Err(Broken::Retry(format!("the server answered {status}"))),
        status => return Err(Broken::Fatal(refused(url, status))),
    };
    let mut options = fs::OpenOptions::new();
    let file =
        if n_had > 0 { options.append(true) } else { options.write(true).truncate(true) }.create(true).open(part);
    let file = file.map_err(|error| Broken::Fatal(Error::file("write", part)(error)))?;
    let n_total = answer.n_bytes.map(|n_rest| n_had + n_rest);
    let n_bytes = append(&mut answer.body, file, part, n_had, n_total)?;
    match n_total {
        Some(n_total) if n_bytes < n_total => Err(Broken::Retry(format!("{n_bytes} of {n_total} bytes arrived"))),
        _ => Ok(()),
    }
}

/// Copies the stream behind the `n_had` bytes that are there; returns the bytes that are there now.
fn append(
    stream: &mut dyn Read,
    mut file: fs::File,
    part: &Path,
    n_had: u64,
    n_total: Option<u64>,
) -> std::result::Result<u64, Broken> {
    let (mut buffer, mut n_bytes) = (vec![0; BUFFER_BYTES], n_had);
    let (started, mut shown) = (Instant::now(), Instant::now());
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    loop {
        let n_read = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n_read) => n_read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Retry(error.to_string())),
        };
        file.write_all(&buffer[..n_read]).map_err(|error| Broken::Fatal(cannot_store(part, error)))?;
        n_bytes += n_read as u64;
        if shown.elapsed() >= PROGRESS_INTERVAL {
            shown = Instant::now();
            let of_total = n_total.map(|n_total| format!(" of {:.0}", megabytes(n_total))).unwrap_or_default();
            let per_second = megabytes(n_bytes - n_had) / started.elapsed().as_secs_f64();
            say(format_args!("download: {:.0}{of_total} MB, {per_second:.1} MB/s", megabytes(n_bytes)));
        }
    }
    file.sync_all().map_err(|error| Broken::Fatal(cannot_store(part, error)))?;
    Ok(n_bytes)
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
    use std::net::TcpListener;
    use std::path::PathBuf;
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
        assert!(!path.with_added_extension("part").exists());
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
        fs::write(path.with_added_extension("part"), vec![7; 1000]).unwrap();
        download(&server.url(), &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), vec![7; 1000]);
    }

    #[test]
    fn a_proxy_is_asked_for_a_plain_address_and_not_for_a_tunnel() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::new(&format!("http://me:secret@{}", listener.local_addr().unwrap())).unwrap();
        let served = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(b"HTTP/1.1 206 Partial Content\r\ncontent-length: 4\r\n\r\ntune").unwrap();
            request
        });
        let uri = "http://lakh.example/lmd/clean_midi.tar.gz".parse().unwrap();
        let mut answer = get_by_proxy(&proxy, &uri, 10).unwrap();
        assert_eq!((answer.status, answer.n_bytes), (206, Some(4)));
        assert_eq!(std::io::read_to_string(&mut answer.body).unwrap(), "tune");
        let request = served.join().unwrap();
        assert_eq!(request[0], "GET http://lakh.example/lmd/clean_midi.tar.gz HTTP/1.0");
        for line in ["Host: lakh.example", "Proxy-Authorization: Basic bWU6c2VjcmV0", "Range: bytes=10-"] {
            assert!(request.iter().any(|sent| sent == line), "{request:?}");
        }
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
