//! Proxies that lead every connection to the API server, whatever they are asked for, and note for what they were asked.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Identity;
use crate::server::{Connections, acceptor, lock};

/// The addresses of the proxies.
pub struct Proxies {
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub socks5: SocketAddr,
}

#[derive(Clone)]
enum Kind {
    Http,
    Https(TlsAcceptor),
    Socks5,
}

impl Proxies {
    pub async fn start(server: SocketAddr, identity: Identity, connections: &Connections) -> Result<Self> {
        Ok(Self {
            http: start(Kind::Http, server, connections).await?,
            https: start(Kind::Https(acceptor(identity)?), server, connections).await?,
            socks5: start(Kind::Socks5, server, connections).await?,
        })
    }
}

/// The proxies are on another address than the API server.
async fn start(kind: Kind, server: SocketAddr, connections: &Connections) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 1), 0)).await?;
    let address = listener.local_addr()?;
    let connections = Arc::clone(connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kind, connections) = (kind.clone(), Arc::clone(&connections));
            // A client may break the connection.
            tokio::spawn(async move {
                match kind {
                    Kind::Http => lead(stream, "http", server, &connections).await,
                    Kind::Https(tls) => lead(tls.accept(stream).await?, "https", server, &connections).await,
                    Kind::Socks5 => {
                        let (mut stream, asked) = socks5(stream).await?;
                        pass(&mut stream, format!("socks5 proxy: {asked}"), server, &connections).await
                    }
                }
            });
        }
    });
    Ok(address)
}

async fn lead<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    kind: &str,
    server: SocketAddr,
    connections: &Connections,
) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let credentials = head.lines().find(|line| line.to_lowercase().starts_with("proxy-authorization:"));
    let credentials = credentials.and_then(|line| line.split_once(": ")).map_or("nobody", |(_, value)| value);
    let asked = head.lines().next().unwrap_or_default();
    ensure!(asked.starts_with("CONNECT "), "{asked}");
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    pass(&mut stream, format!("{kind} proxy: {asked} by {credentials}"), server, connections).await
}

/// <https://www.rfc-editor.org/rfc/rfc1928> and, for the credentials, <https://www.rfc-editor.org/rfc/rfc1929>.
async fn socks5(mut stream: TcpStream) -> Result<(TcpStream, String)> {
    let [_, count] = read(&mut stream).await?;
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods).await?;
    let mut by = "nobody".to_owned();
    if methods.contains(&2) {
        stream.write_all(&[5, 2]).await?;
        let [_, length] = read(&mut stream).await?;
        let user = text(&mut stream, length).await?;
        let length = stream.read_u8().await?;
        by = format!("{user}:{}", text(&mut stream, length).await?);
        stream.write_all(&[1, 0]).await?;
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let [_, _, _, kind] = read(&mut stream).await?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut stream).await?).to_string(),
        4 => Ipv6Addr::from(read::<16>(&mut stream).await?).to_string(),
        _ => {
            let length = stream.read_u8().await?;
            text(&mut stream, length).await?
        }
    };
    let port = stream.read_u16().await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok((stream, format!("{host} {port} by {by}")))
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn text(stream: &mut TcpStream, length: u8) -> Result<String> {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes)?)
}

async fn pass<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    through: String,
    server: SocketAddr,
    connections: &Connections,
) -> Result<()> {
    let mut upstream = TcpStream::connect(server).await?;
    lock(connections).insert(upstream.local_addr()?.port(), through);
    copy_bidirectional(stream, &mut upstream).await?;
    Ok(())
}
