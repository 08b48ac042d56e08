//! A syslog collector at the other end of a socket, and sending it messages.
//!
//! Plain syslog has no acknowledgement, and what the kernel took may die with
//! the collector. On streams each batch therefore goes over a connection of its
//! own, which is closed for writing when everything was written; the batch
//! counts as delivered when the collector has then closed as well, which it does
//! after it has read to the end. (If it dies with something unread, its kernel
//! answers with a reset instead.) Datagrams count when the kernel took them.

use crate::report::syslog::framed;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long a collector may take to answer, to read, and to close.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where messages go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Collector {
    /// `tcp://HOST:PORT`.
    Tcp(String),
    /// `unix:///PATH`, of datagrams or a stream.
    Unix(PathBuf),
}

/// Text that names no collector.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a collector: write tcp://HOST:PORT or unix:///PATH")]
pub struct NotACollector(String);

impl FromStr for Collector {
    type Err = NotACollector;

    fn from_str(text: &str) -> Result<Self, NotACollector> {
        let wrong = || NotACollector(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(PathBuf::from(path))) } else { Err(wrong()) };
        }
        let address = text.strip_prefix("tcp://").ok_or_else(wrong)?;
        match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(Self::Tcp(address.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl Collector {
    /// Sends a batch. After an error all of it has to be sent again: how much of
    /// it was read is not known.
    pub fn deliver(&self, messages: &[String]) -> io::Result<()> {
        match self {
            Self::Tcp(address) => {
                let stream = connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                write_and_close(&stream, messages, || stream.shutdown(Shutdown::Write))
            }
            Self::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                match socket.connect(path) {
                    Ok(()) => {
                        socket.set_write_timeout(Some(PATIENCE))?;
                        messages.iter().try_for_each(|message| socket.send(message.as_bytes()).map(|_| ()))
                    }
                    Err(error)
                        if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) =>
                    {
                        let stream = UnixStream::connect(path)?;
                        stream.set_read_timeout(Some(PATIENCE))?;
                        stream.set_write_timeout(Some(PATIENCE))?;
                        write_and_close(&stream, messages, || stream.shutdown(Shutdown::Write))
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// The first of a host's addresses that answers.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for socket in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Writes, says that nothing more comes, and waits until the other side closes.
fn write_and_close<S>(
    stream: &S,
    messages: &[String],
    nothing_more: impl FnOnce() -> io::Result<()>,
) -> io::Result<()>
where
    for<'a> &'a S: Read + Write,
{
    let mut stream = stream;
    for message in messages {
        stream.write_all(&framed(message))?;
    }
    nothing_more()?;
    let end = Instant::now() + PATIENCE;
    // What a collector says is of no interest, only that it ends.
    let mut said = [0; 512];
    while Instant::now() < end {
        match stream.read(&mut said) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::TimedOut, "it did not close the connection after the last message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_are_read_and_written() {
        for good in ["tcp://siem.example.com:601", "tcp://[::1]:514", "unix:///dev/log"] {
            assert_eq!(good.parse::<Collector>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "siem:601",
            "tcp://siem",
            "tcp://:601",
            "tcp://siem:0",
            "tcp://siem:x",
            "udp://a:1",
            "unix://dev/log",
        ] {
            assert_eq!(bad.parse::<Collector>(), Err(NotACollector(bad.to_owned())), "{bad}");
        }
    }
}
