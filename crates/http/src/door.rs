//! The door of a server: closed to newcomers before the server goes, so that nobody is turned away who is in already.

use std::io;
use std::net::{Shutdown, TcpListener};

use socket2::{SockFilter, SockRef};

/// A second handle of the socket that a server listens on.
#[derive(Debug)]
pub struct Door(TcpListener);

impl Door {
    /// The door of a server that is to listen there.
    pub fn of(listener: &TcpListener) -> io::Result<Self> {
        listener.try_clone().map(Self)
    }

    /// From now on the system answers nobody who wants to connect. Connections that it has made already go on, also those
    /// that the server has not taken from it yet.
    pub fn close(&self) -> io::Result<()> {
        SockRef::from(&self.0).attach_filter(&NO_NEWCOMERS)
    }

    /// From now on whoever wants to connect is refused, whoever else has the socket open. What the server has not taken yet
    /// is reset, and with it requests that were sent: close the door first, and give the server a moment.
    pub fn shut(&self) -> io::Result<()> {
        SockRef::from(&self.0).shutdown(Shutdown::Both)
    }
}

/// A program for the system's packet filter (classic BPF), which sees the TCP header: a SYN without ACK is dropped.
const NO_NEWCOMERS: [SockFilter; 5] = [
    // The byte with the flags.
    SockFilter::new(0x30, 0, 0, 13),
    // Of these SYN (2) and ACK (16).
    SockFilter::new(0x54, 0, 0, 0x12),
    // SYN alone: on to the next line; else one further.
    SockFilter::new(0x15, 0, 1, 0x02),
    SockFilter::new(0x06, 0, 0, 0),
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_is_in_stays_and_nobody_comes_after() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::of(&listener).unwrap();
        let mut waiting = TcpStream::connect(address).unwrap();
        waiting.write_all(b"request").unwrap();
        door.close().unwrap();
        let soon = Duration::from_millis(200);
        let late = TcpStream::connect_timeout(&address, soon).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        let (mut taken, _) = listener.accept().unwrap();
        door.shut().unwrap();
        let gone = TcpStream::connect_timeout(&address, soon).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused);
        let mut request = [0; 7];
        taken.read_exact(&mut request).unwrap();
        taken.write_all(b"answer").unwrap();
        drop(taken);
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).unwrap();
        assert_eq!((&request, answer.as_str()), (b"request", "answer"));
    }
}
