//! Serves the files of a folder by HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

/// Serves until the tests end, one request after the other.
pub(crate) fn start(folder: PathBuf) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming() {
            // The client reports what it does not get.
            let _ = connection.map_err(Into::into).and_then(|stream| answer(stream, &folder));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream, folder: &Path) -> Result<()> {
    let lines: Vec<String> = BufReader::new(&stream)
        .lines()
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .collect::<Result<_, _>>()?;
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).context("no request")?;
    let file = fs::read(folder.join(path.trim_start_matches('/'))).with_context(|| path.to_owned())?;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len())?;
    Ok(stream.write_all(&file)?)
}
