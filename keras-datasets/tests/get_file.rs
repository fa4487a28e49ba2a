//! Downloads from a server on the loopback address that does what servers and lines do at their worst.

#![cfg(feature = "download")]

use keras_datasets::GetFile;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a request gets.
#[derive(Clone, Copy)]
enum Answer {
    /// All that it asks for.
    Whole,
    /// As if ranges were not known.
    FromTheBeginning,
    /// So many bytes, and then the connection ends.
    Cut(usize),
    /// This status, without a body.
    Status(u16),
}

/// A server of these bytes, and the ranges that it was asked for.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    /// Each request gets the next answer, and those after the last get the last.
    fn new(bytes: Vec<u8>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/file", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                let answer = answers[i.min(answers.len() - 1)];
                serve(stream.unwrap(), &bytes, answer, &log);
            }
        });
        Server { address, asked }
    }

    fn asked(&self) -> Vec<Option<usize>> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, bytes: &[u8], answer: Answer, log: &Mutex<Vec<Option<usize>>>) {
    let mut start = None;
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
    }
    log.lock().unwrap().push(start);
    let (status, from) = match (answer, start) {
        (Answer::Status(status), _) => (status, bytes.len()),
        (Answer::FromTheBeginning, _) | (_, None) => (200, 0),
        (_, Some(start)) if start >= bytes.len() => (416, bytes.len()),
        (_, Some(start)) => (206, start),
    };
    let body = &bytes[from..];
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let count = match answer {
        Answer::Cut(count) => count.min(length),
        _ => length,
    };
    // A client that hangs up early is no concern of the server's.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body[..count]);
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        Folder(std::env::temp_dir().join(format!("keras-get-file-{}-{n}", std::process::id())))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let name = |e: std::io::Result<std::fs::DirEntry>| e.unwrap().file_name();
        let mut names: Vec<String> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bytes() -> Vec<u8> {
    (0..300_000u32)
        .map(|i| (i.wrapping_mul(i) % 251) as u8)
        .collect()
}

/// The MD5 sum of [`bytes`], as `md5sum` tells it.
const MD5: &str = "2f0a0bdd328fbeb13011692f91b47b8d";

fn file(server: &Server, folder: &Folder) -> GetFile {
    GetFile::new("file.bin", &server.address)
        .folder(&folder.0)
        .progress(false)
}

#[test]
fn a_file_is_downloaded_once() {
    let (server, folder) = (Server::new(bytes(), vec![Answer::Whole]), Folder::new());
    for hash in [None, Some(MD5), None] {
        let mut file = file(&server, &folder);
        if let Some(hash) = hash {
            file = file.file_hash(hash);
        }
        let path = file.get().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), bytes());
    }
    assert_eq!(server.asked(), [None]);
    assert_eq!(folder.names(), ["file.bin"]);
}

#[test]
fn a_download_that_was_cut_off_goes_on_where_it_ended() {
    let cut = vec![Answer::Cut(100_000), Answer::Cut(50_000), Answer::Whole];
    let (server, folder) = (Server::new(bytes(), cut), Folder::new());
    let path = file(&server, &folder).file_hash(MD5).get().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes());
    assert_eq!(server.asked(), [None, Some(100_000), Some(150_000)]);
}

#[test]
fn what_an_earlier_program_left_is_taken_up() {
    let cut = vec![Answer::Cut(1000), Answer::Cut(0)];
    let (server, folder) = (Server::new(bytes(), cut), Folder::new());
    let problem = file(&server, &folder).file_hash(MD5).get().unwrap_err();
    let problem = problem.to_string();
    assert!(
        problem.contains(MD5) && problem.contains("put the file"),
        "{problem}"
    );
    assert_eq!(folder.names(), ["file.bin.partial"]);
    let server = Server::new(bytes(), vec![Answer::Whole]);
    file(&server, &folder).file_hash(MD5).get().unwrap();
    assert_eq!(server.asked(), [Some(1000)]);
    assert_eq!(folder.names(), ["file.bin"]);
}

#[test]
fn servers_without_ranges_and_files_that_are_too_long_begin_anew() {
    for (answer, left) in [(Answer::FromTheBeginning, 10), (Answer::Whole, 400_000)] {
        let (server, folder) = (Server::new(bytes(), vec![answer]), Folder::new());
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(folder.0.join("file.bin.partial"), vec![7; left]).unwrap();
        let path = file(&server, &folder).file_hash(MD5).get().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), bytes());
    }
}

#[test]
fn another_hash_is_an_error_and_leaves_nothing_that_could_be_believed() {
    let mut wrong = bytes();
    wrong[5] ^= 1;
    let (server, folder) = (Server::new(wrong, vec![Answer::Whole]), Folder::new());
    let problem = file(&server, &folder).file_hash(MD5).get().unwrap_err();
    let problem = problem.to_string();
    assert!(
        problem.contains("hash") && problem.contains(MD5),
        "{problem}"
    );
    assert!(!folder.0.join("file.bin").exists());
    let left = std::fs::metadata(folder.0.join("file.bin.partial"));
    assert_eq!(left.unwrap().len(), 0);
    // A file in the cache whose hash is another is downloaded again.
    std::fs::write(folder.0.join("file.bin"), b"old").unwrap();
    let server = Server::new(bytes(), vec![Answer::Whole]);
    let path = file(&server, &folder).file_hash(MD5).get().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes());
}

#[test]
fn what_is_not_there_is_told() {
    let server = Server::new(bytes(), vec![Answer::Status(404)]);
    let folder = Folder::new();
    let told = |file: GetFile| file.get().unwrap_err().to_string();
    let problem = told(file(&server, &folder));
    assert!(
        problem.contains("404") && problem.contains("put the file"),
        "{problem}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let problem = told(GetFile::new("a", nobody).folder(&folder.0));
    assert!(problem.contains("put the file"), "{problem}");
    let problem = told(GetFile::new("../a", &server.address).folder(&folder.0));
    assert!(problem.contains("without folders"), "{problem}");
}

#[test]
fn several_at_once_download_once() {
    let (server, folder) = (Server::new(bytes(), vec![Answer::Whole]), Folder::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let path = file(&server, &folder).file_hash(MD5).get().unwrap();
                assert_eq!(std::fs::read(path).unwrap(), bytes());
            });
        }
    });
    assert_eq!(server.asked(), [None]);
    assert_eq!(folder.names(), ["file.bin"]);
}
