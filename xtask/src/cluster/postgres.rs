//! The database: a primary and streaming replicas.

use activity_testkit::{Address, Postgres, PostgresCluster, Settings, Stop};

use super::{
    part::Part,
    place::Place,
    secrets::{self, DATABASE, SUPERUSER},
};
use crate::process::Outcome;

/// How many replicas follow the primary.
const REPLICAS: usize = 2;
/// The database and the role that owns it.
const NAME: &str = "activity_tracker";

/// One of the servers.
struct Member {
    name: String,
    server: Postgres,
}

/// The members, primary first, with the database in place.
pub fn start(place: &Place) -> Outcome<Vec<Box<dyn Part>>> {
    let settings = Settings { durable: true, ..Settings::default() };
    let PostgresCluster { primary, replicas } =
        PostgresCluster::in_folder(place.folder(), &settings, REPLICAS);
    secrets::keep(place, SUPERUSER, &primary.address().password)?;
    let password = secrets::make(place, DATABASE)?;
    primary.try_sql(&format!(
        "create role {NAME} login password '{password}';
         create database {NAME} owner {NAME} encoding 'UTF8' template template0"
    ))?;
    let replicas = (1..).zip(replicas).map(|(number, server)| (format!("replica-{number}"), server));
    let members = [("primary".to_owned(), primary)].into_iter().chain(replicas);
    Ok(members.map(|(name, server)| Box::new(Member { name, server }) as Box<dyn Part>).collect())
}

impl Part for Member {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self) -> u16 {
        self.server.address().port
    }

    fn pid(&mut self) -> Option<u32> {
        self.server.process_id()
    }

    fn start_again(&mut self) {
        self.server.start_again();
    }

    fn stop(&mut self, keep: bool) {
        if keep {
            self.server.keep_folder();
        }
        if self.server.is_running() {
            self.server.stop(Stop::Fast);
        }
    }
}

/// Settings of the program for members at these ports, whichever of them is the primary.
pub fn settings(place: &Place, ports: &[u16]) -> Outcome<Vec<(&'static str, String)>> {
    let password = secrets::read(place, DATABASE)?;
    let hosts = |ports: &[u16]| -> String {
        ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    };
    let url = format!("postgres://{NAME}:{password}@{}/{NAME}?target_session_attrs=read-write", hosts(ports));
    Ok(vec![("DATABASE_URL", url), ("DATABASE_READ_REPLICAS", hosts(&ports[1..]))])
}

/// The way in for the superuser.
pub fn superuser(place: &Place, port: u16) -> Outcome<Address> {
    let name = || "postgres".to_owned();
    let password = secrets::read(place, SUPERUSER)?;
    Ok(Address { host: [127, 0, 0, 1].into(), port, user: name(), password, database: name() })
}

/// What a person types to get in.
pub fn shell_line(place: &Place, port: u16) -> String {
    let file = secrets::file(place, DATABASE);
    format!("PGPASSWORD=$(cat {}) psql -h 127.0.0.1 -p {port} -U {NAME} {NAME}", file.display())
}
