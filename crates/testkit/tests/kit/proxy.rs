//! The proxy, in front of a server that repeats what it hears.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use activity_testkit::{Moment, Proxy};

const SOON: Duration = Duration::from_secs(20);
const DELAY: Duration = Duration::from_millis(100);
/// What is too short for anything to be sure not to happen, and long enough to see it happen by mistake.
const A_MOMENT: Duration = Duration::from_millis(200);

/// A server that repeats what it hears, on each connection until its end. It ends with the test's process.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            thread::spawn(move || {
                // An error is the network's doing.
                let _ = std::io::copy(&mut stream.try_clone().unwrap(), &mut stream);
            });
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// Says something and hears it.
fn talk(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    hear(stream, text);
}

fn hear(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(heard, text.as_bytes());
}

/// The connection ends before another byte arrives. Resets count, silence does not.
fn hears_the_end(stream: &mut TcpStream) {
    match stream.read(&mut [0; 16]) {
        Ok(0) => {}
        Ok(size) => panic!("{size} bytes arrived"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
}

fn hears_nothing(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(A_MOMENT)).unwrap();
    let error = stream.read(&mut [0; 16]).expect_err("nothing arrives");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.set_read_timeout(Some(SOON)).unwrap();
}

#[test]
fn bytes_and_ends_pass_unchanged() {
    let proxy = Proxy::to_port(echo());
    let mut stream = connect(&proxy);
    let sent: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    thread::scope(|scope| {
        let mut writer = stream.try_clone().unwrap();
        let sent = &sent;
        scope.spawn(move || {
            writer.write_all(sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        assert!(heard == *sent, "{} bytes of {} arrived, or others", heard.len(), sent.len());
    });
}

#[test]
fn a_server_that_is_not_there_breaks_the_connection() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let proxy = Proxy::to_port(port);
    hears_the_end(&mut connect(&proxy));
}

#[test]
fn what_is_cut_is_reset_and_refused_until_it_heals() {
    let proxy = Proxy::to_port(echo());
    let (mut one, mut other) = (connect(&proxy), connect(&proxy));
    talk(&mut one, "one");
    talk(&mut other, "other");
    proxy.cut();
    for stream in [&mut one, &mut other] {
        let error = stream.read(&mut [0; 16]).expect_err("a cut connection is reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{refused}");
    proxy.cut();
    proxy.heal();
    talk(&mut connect(&proxy), "again");
}

#[test]
fn the_end_of_a_proxy_cuts_too() {
    let proxy = Proxy::to_port(echo());
    let mut stream = connect(&proxy);
    talk(&mut stream, "hello");
    drop(proxy);
    hears_the_end(&mut stream);
}

#[test]
fn a_delay_holds_in_both_directions_and_does_not_add_up() {
    let proxy = Proxy::to_port(echo());
    let mut stream = connect(&proxy);
    talk(&mut stream, "fast");
    proxy.delay(DELAY);
    let begun = Instant::now();
    talk(&mut stream, "slow");
    assert!(begun.elapsed() >= 2 * DELAY, "{:?}", begun.elapsed());
    // Each of them is a packet of its own.
    let begun = Instant::now();
    for _ in 0..20 {
        stream.write_all(b"packet").unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    hear(&mut stream, &"packet".repeat(20));
    assert!(begun.elapsed() < 20 * DELAY, "{:?}", begun.elapsed());
    proxy.heal();
    let best = (0..20).map(|_| {
        let begun = Instant::now();
        talk(&mut stream, "fast again");
        begun.elapsed()
    });
    assert!(best.min().unwrap() < DELAY);
}

#[test]
fn what_is_stalled_is_taken_and_arrives_later() {
    let proxy = Proxy::to_port(echo());
    let mut old = connect(&proxy);
    talk(&mut old, "before");
    proxy.stall();
    let mut new = connect(&proxy);
    for stream in [&mut old, &mut new] {
        stream.write_all(b"stalled").unwrap();
        hears_nothing(stream);
    }
    proxy.heal();
    hear(&mut old, "stalled");
    hear(&mut new, "stalled");
}

#[test]
fn what_is_stalled_is_bounded_and_can_be_cut() {
    let proxy = Proxy::to_port(echo());
    let mut stream = connect(&proxy);
    talk(&mut stream, "before");
    proxy.stall();
    stream.set_write_timeout(Some(A_MOMENT)).unwrap();
    let chunk = vec![0; 64 * 1024];
    let taken = (0..1024).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(taken < 512, "{} MiB are on their way and nowhere", taken / 16);
    proxy.cut();
    hears_the_end(&mut stream);
}

#[test]
fn a_trap_cuts_one_connection_once() {
    let proxy = Proxy::to_port(echo());
    let (mut caught, mut other) = (connect(&proxy), connect(&proxy));
    let trap = proxy.cut_at(b"COMMIT", Moment::After);
    talk(&mut caught, "begin");
    talk(&mut other, "begin");
    assert!(!trap.is_sprung());
    caught.write_all(b"COMM").unwrap();
    hear(&mut caught, "COMM");
    caught.write_all(b"IT;").unwrap();
    hears_the_end(&mut caught);
    trap.wait(SOON);
    talk(&mut other, "COMMIT");
    talk(&mut connect(&proxy), "COMMIT");
    let _unused = proxy.cut_at(b"COMMIT", Moment::Before);
    proxy.heal();
    talk(&mut other, "COMMIT");
}
