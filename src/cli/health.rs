//! `health`: whether the service on this machine takes requests. For containers, which have no other tool to ask.
use crate::config::Settings;
use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);
/// More than any answer of `/readyz` has.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Asks `/readyz` and prints its answer's body; an error unless that is 200.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let address = own(settings.listen);
    let answer = ask(address).with_context(|| format!("{address} does not answer"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    println!("{body}");
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => bail!("the service does not take requests: HTTP status {status}"),
        None => bail!("what answers there is not the service"),
    }
}

/// Where a service that listens on all addresses is reached from its own machine.
fn own(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
