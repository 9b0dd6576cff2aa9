//! A network that can be cut, slowed down and stopped: a TCP proxy between a client and any server.

mod link;
mod pump;
mod trap;

use std::{
    future, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, mpsc as answers},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use link::Link;
use trap::Traps;
pub use trap::{Moment, Trap};

use crate::port;

/// How long a call waits for the proxy to obey.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy on a port of its own. It runs on a thread of its own as well, so that a test that blocks does not stop it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    orders: Option<mpsc::UnboundedSender<Order>>,
    traps: Arc<Traps>,
    thread: Option<JoinHandle<()>>,
}

/// What happens to bytes, for all connections alike.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    delay: Duration,
    stalled: bool,
    /// How often everything was cut. A connection ends when this changes.
    cuts: u64,
}

/// What the proxy is told, and whom to tell when that is done.
type Order = (Change, answers::Sender<()>);

#[derive(Debug, Clone, Copy)]
enum Change {
    Cut,
    Heal,
    Delay(Duration),
    Stall,
    Lead(SocketAddr),
}

impl Proxy {
    /// A proxy that forwards to a server. The server need not run yet.
    pub fn start(server: SocketAddr) -> Self {
        let (listener, port) = listen();
        let (orders, received) = mpsc::unbounded_channel();
        let traps = Arc::new(Traps::default());
        let mut state = State { server, port, weather: watch::Sender::default(), traps: Arc::clone(&traps) };
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(state.run(listener, received));
        });
        Self { port, orders: Some(orders), traps, thread: Some(thread) }
    }

    /// A proxy for a server on this machine.
    pub fn to_port(port: u16) -> Self {
        Self::start((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Where clients connect, on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets all connections and refuses new ones. Both is done when this returns.
    pub fn cut(&self) {
        self.order(Change::Cut);
    }

    /// Makes the network whole and fast again. Connections that were cut stay so, and traps are taken away.
    pub fn heal(&self) {
        self.traps.clear();
        self.order(Change::Heal);
    }

    /// Bytes arrive that much later, in either direction. Those on their way stay as late as they are.
    pub fn delay(&self, delay: Duration) {
        self.order(Change::Delay(delay));
    }

    /// Takes bytes and new connections, and forwards nothing until [`Proxy::heal`]. What a connection takes without
    /// passing it on is bounded; after that its sender has to wait.
    pub fn stall(&self) {
        self.order(Change::Stall);
    }

    /// New connections go to another server on this machine from now on.
    pub fn lead_to_port(&self, port: u16) {
        self.order(Change::Lead((Ipv4Addr::LOCALHOST, port).into()));
    }

    /// Cuts the first connection on which the client sends this text from now on, and no other. Earlier traps are
    /// taken away.
    pub fn cut_at(&self, text: &[u8], moment: Moment) -> Trap {
        self.traps.set(text, moment)
    }

    fn order(&self, change: Change) {
        let (done, wait) = answers::channel();
        let orders = self.orders.as_ref().expect("it is there until it is dropped");
        orders.send((change, done)).expect("the proxy runs");
        wait.recv_timeout(PATIENCE).expect("the proxy obeys");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its thread ends when nobody can give orders any more.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens on a port that nobody else has.
fn listen() -> (std::net::TcpListener, u16) {
    loop {
        let port = port::free();
        match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true).expect("a listener may be made not to block");
                return (listener, port);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => panic!("the proxy cannot listen on port {port}: {error}"),
        }
    }
}

/// The proxy as its thread sees it.
struct State {
    server: SocketAddr,
    port: u16,
    weather: watch::Sender<Weather>,
    traps: Arc<Traps>,
}

impl State {
    async fn run(&mut self, listener: std::net::TcpListener, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut listener = TcpListener::from_std(listener).ok();
        let mut links = JoinSet::new();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((change, done)) = order else { return };
                    self.obey(change, &mut listener, &mut links).await;
                    // The test may have given up.
                    let _ = done.send(());
                }
                Ok(client) = accept(listener.as_ref()) => {
                    let weather = self.weather.subscribe();
                    links.spawn(Link::new(client, weather, Arc::clone(&self.traps)).run(self.server));
                }
                Some(_) = links.join_next() => {}
            }
        }
    }

    async fn obey(&mut self, change: Change, listener: &mut Option<TcpListener>, links: &mut JoinSet<()>) {
        match change {
            Change::Cut => {
                *listener = None;
                self.weather.send_modify(|weather| weather.cuts += 1);
                while links.join_next().await.is_some() {}
                // A child that another thread is forking right now holds the listener too, until it becomes another
                // program.
                while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_ok() {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            Change::Heal => {
                let healed =
                    |weather: &mut Weather| *weather = Weather { cuts: weather.cuts, ..Weather::default() };
                self.weather.send_modify(healed);
                // Somebody may have the port for a moment.
                while listener.is_none() {
                    match TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await {
                        Ok(bound) => *listener = Some(bound),
                        Err(_) => sleep(Duration::from_millis(20)).await,
                    }
                }
            }
            Change::Delay(delay) => self.weather.send_modify(|weather| weather.delay = delay),
            Change::Stall => self.weather.send_modify(|weather| weather.stalled = true),
            Change::Lead(server) => self.server = server,
        }
    }
}

/// The next client; none while the proxy does not listen.
async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => future::pending().await,
    }
}
