use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

/// A web server on this machine, for tests of what happens between a source and the cache.
pub(crate) struct Server {
    at: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let Some(first) = lines.next() else { continue };
                let _ = lines.find(String::is_empty);
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let mut state = shared.lock().unwrap();
                let (status, body) = match state.files.get(&path) {
                    Some(body) => ("200 OK", body.clone()),
                    None => ("404 Not Found", vec![]),
                };
                state.asked.push(path);
                drop(state);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        Self { at, state }
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://{}/{path}", self.at)
    }

    pub(crate) fn put(&self, path: &str, body: Vec<u8>) {
        self.state.lock().unwrap().files.insert(path.to_owned(), body);
    }

    /// The paths asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}
