//! The proxy itself, before a server that says everything back.

use super::{Proxy, ResetAt, Trap, Weather};
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Says back what it hears, and tells what that was.
fn echo() -> Result<(SocketAddr, mpsc::Receiver<Vec<u8>>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let (address, (tell, told)) = (listener.local_addr()?, mpsc::channel());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut bytes) {
                    tell.send(bytes[..n].to_vec()).ok();
                    stream.write_all(&bytes[..n]).ok();
                }
            });
        }
    });
    Ok((address, told))
}

fn client(proxy: &Proxy) -> Result<TcpStream> {
    let stream = TcpStream::connect(proxy.address())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn said(stream: &mut TcpStream, word: &[u8]) -> Result<Vec<u8>> {
    stream.write_all(word)?;
    heard(stream)
}

fn heard(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = [0; 1024];
    let n = stream.read(&mut bytes)?;
    Ok(bytes[..n].to_vec())
}

fn is_reset<T: std::fmt::Debug>(result: Result<T>) -> bool {
    result.is_err_and(|error| matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe))
}

#[test]
fn what_is_fair_or_slow_passes() -> Result<()> {
    let proxy = Proxy::before(echo()?.0);
    let mut stream = client(&proxy)?;
    assert_eq!(said(&mut stream, b"one")?, b"one");
    proxy.weather(Weather::Slow(Duration::from_millis(200)));
    let began = Instant::now();
    assert_eq!(said(&mut stream, b"two")?, b"two");
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn a_cut_resets_what_is_open_and_nothing_else() -> Result<()> {
    let proxy = Proxy::before(echo()?.0);
    let mut stream = client(&proxy)?;
    said(&mut stream, b"one")?;
    proxy.cut();
    assert!(is_reset(heard(&mut stream)));
    assert_eq!(said(&mut client(&proxy)?, b"two")?, b"two");
    Ok(())
}

#[test]
fn refused_is_refused_and_the_port_stays_ours() -> Result<()> {
    let proxy = Proxy::before(echo()?.0);
    let mut stream = client(&proxy)?;
    said(&mut stream, b"one")?;
    proxy.weather(Weather::Refuse);
    assert!(is_reset(heard(&mut stream)));
    let refused = || {
        TcpStream::connect(proxy.address()).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    let began = Instant::now();
    while !refused() {
        assert!(began.elapsed() < PATIENCE, "somebody still listens");
    }
    proxy.weather(Weather::Fair);
    let began = Instant::now();
    while client(&proxy).and_then(|mut stream| said(&mut stream, b"two")).is_err() {
        assert!(began.elapsed() < PATIENCE, "nobody listens again");
    }
    Ok(())
}

#[test]
fn a_blackhole_swallows_until_it_is_over() -> Result<()> {
    let (target, told) = echo()?;
    let proxy = Proxy::before(target);
    let mut open = client(&proxy)?;
    said(&mut open, b"one")?;
    told.recv_timeout(PATIENCE).map_err(std::io::Error::other)?;
    proxy.weather(Weather::Blackhole);
    open.write_all(b"two")?;
    let mut new = client(&proxy)?;
    new.write_all(b"three")?;
    new.set_read_timeout(Some(Duration::from_millis(300)))?;
    assert!(heard(&mut new).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    assert!(told.try_recv().is_err(), "the server has heard of it");
    proxy.weather(Weather::Fair);
    new.set_read_timeout(Some(PATIENCE))?;
    assert_eq!((heard(&mut open)?, heard(&mut new)?), (b"two".to_vec(), b"three".to_vec()));
    Ok(())
}

#[test]
fn a_trap_snaps_on_the_side_that_it_is_told() -> Result<()> {
    for (at, heard_of_it) in [(ResetAt::BeforeTheServer, false), (ResetAt::BeforeTheClient, true)] {
        let (target, told) = echo()?;
        let proxy = Proxy::before(target);
        proxy.trap(Some(Trap { word: b"COMMIT", at, every: 2 }));
        let mut first = client(&proxy)?;
        assert_eq!(said(&mut first, b"BEGIN")?, b"BEGIN");
        assert!(is_reset(said(&mut first, b"a COMMIT")), "{at:?}");
        told.recv_timeout(PATIENCE).map_err(std::io::Error::other)?;
        assert_eq!(told.recv_timeout(Duration::from_millis(300)).is_ok(), heard_of_it, "{at:?}");
        // The second passes, the third does not.
        let mut second = client(&proxy)?;
        assert_eq!(said(&mut second, b"COMMIT")?, b"COMMIT");
        assert!(is_reset(said(&mut second, b"COMMIT")), "{at:?}");
        assert_eq!(proxy.trap(None), 2);
    }
    Ok(())
}

#[test]
fn it_can_be_aimed_elsewhere() -> Result<()> {
    let ((one, _), (other, told)) = (echo()?, echo()?);
    let proxy = Proxy::before(one);
    said(&mut client(&proxy)?, b"x")?;
    proxy.aim(other);
    said(&mut client(&proxy)?, b"y")?;
    assert_eq!(told.recv_timeout(PATIENCE).map_err(std::io::Error::other)?, b"y");
    Ok(())
}
