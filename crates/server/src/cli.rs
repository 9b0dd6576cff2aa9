//! The command line.

use std::path::PathBuf;

use activity_access_log::Format;
use clap::{Args, Parser, Subcommand};

/// Who calls your API, how much, how fast and with what errors.
///
/// Settings come from activity-tracker.toml, .env and the environment; `config` shows them.
#[derive(Debug, Parser)]
#[command(name = "activity-tracker", version)]
pub struct Cli {
    /// What to do; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API.
    Serve,
    /// Bring the database to the newest schema, or show or take back versions.
    Migrate {
        /// `up` by default.
        #[command(subcommand)]
        action: Option<MigrateAction>,
    },
    /// Have the running server compute answers that will be asked for.
    ///
    /// The cache is in the server's memory: a server has to run on the same `DATA_DIR`.
    Prewarm,
    /// Bring access logs of web servers, or all that the original service has, into the store.
    ///
    /// Reads the logs of nginx, Apache and Caddy, plain or gzip, or the tables `clients` and `api_logs`. A second run
    /// over the same changes nothing. Where a server runs on the same `DATA_DIR`, the events go through it.
    Import(ImportOptions),
    /// Serve made-up traffic to look at, until Ctrl-C.
    ///
    /// A dozen clients, eight days of their calls, and more at the same pace, through the API of a server of its own, which
    /// heeds no settings but those of its log. It has the embedded store and listens on 127.0.0.1.
    Demo(DemoOptions),
    /// Clients, keys, and what was set aside, for whoever holds the data folder; also beside a running
    /// server.
    Admin {
        /// What to do.
        #[command(subcommand)]
        action: AdminAction,
    },
    /// The same as `admin drain`.
    #[command(hide = true)]
    Drain(DrainOptions),
    /// Ask the running server of the same `DATA_DIR` whether it is ready.
    ///
    /// For whoever watches over it and has no other program to ask with, such as a container.
    Health,
    /// Show the effective settings and where each comes from.
    Config,
    /// Print the OpenAPI document.
    Openapi,
}

/// What to do with what was set aside.
#[derive(Debug, Subcommand)]
pub enum SetAsideAction {
    /// List all of it.
    List,
    /// Show all that is known of one.
    Show {
        /// Its number.
        number: u64,
    },
    /// Offer some to the store again. What it takes is no longer set aside.
    Replay {
        /// Their numbers.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        numbers: Vec<u64>,
        /// Everything that is set aside now.
        #[arg(long)]
        all: bool,
    },
    /// Drop one for good.
    Drop {
        /// Its number.
        number: u64,
    },
}

/// Which spool to drain.
#[derive(Debug, Args)]
pub struct DrainOptions {
    /// The folder `spool` in the data folder of the instance that is gone.
    #[arg(long, value_name = "DIR")]
    pub spool: PathBuf,
}

/// What to import, and whose it is.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// auto, common, combined, combined-duration or json.
    #[arg(long, default_value = "auto", value_parser = |name: &str| name.parse::<Format>())]
    pub format: Format,
    /// Whose requests they are: `ip` or `user` make a client for each, or the id of one client.
    #[arg(long, value_name = "ip|user|CLIENT-ID", required_unless_present = "from_original")]
    pub client_by: Option<String>,
    /// Where lines and rows go that cannot be read.
    #[arg(long, default_value = "import.rejects")]
    pub rejects: PathBuf,
    /// Instead of logs, the database of the original service; `env:NAME` takes the URL from the environment.
    #[arg(
        long,
        value_name = "postgres://...|env:NAME",
        conflicts_with_all = ["client_by", "format", "files"]
    )]
    pub from_original: Option<String>,
    /// How its API keys are opened.
    #[command(flatten)]
    pub original: OriginalOptions,
    /// The logs; `-` is standard input.
    #[arg(required_unless_present = "from_original")]
    pub files: Vec<PathBuf>,
}

/// How API keys of the original service are opened; by this program's own `ENCRYPTION_KEY`, if nothing is said.
#[derive(Debug, Args)]
pub struct OriginalOptions {
    /// A file with the original's `ENCRYPTION_KEY`: 64 hexadecimal digits, or several such keys.
    #[arg(long, value_name = "FILE", requires = "from_original", conflicts_with = "original_key_env")]
    pub original_key_file: Option<PathBuf>,
    /// The variable of the environment that it is in.
    #[arg(long, value_name = "NAME", requires = "from_original")]
    pub original_key_env: Option<String>,
    /// Bring no keys: an admin issues new ones.
    #[arg(
        long,
        requires = "from_original",
        conflicts_with_all = ["original_key_file", "original_key_env"]
    )]
    pub without_keys: bool,
}

/// What to play, and where.
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// A new or empty folder, which is kept; by default a temporary one.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where to listen; 0 takes any free port.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Another seed makes other traffic.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Days of traffic before now.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=30))]
    pub days: u32,
    /// About how many calls a day has.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub calls_per_day: u32,
}

/// What `admin` does.
#[derive(Debug, Subcommand)]
pub enum AdminAction {
    /// Say where the first admin's key is.
    Where,
    /// Issue a key for a client that lost its own, and show it this once.
    Key(KeyOptions),
    /// Register a client of any role, and show its key this once.
    Create(CreateOptions),
    /// What the store refused: list it, try it again, drop it.
    SetAside {
        /// What to do.
        #[command(subcommand)]
        action: SetAsideAction,
    },
    /// Bring the spool of an instance that is gone into the configured store.
    ///
    /// The folder must not be in use. Damaged places go to its folder `quarantine`. A second run
    /// changes nothing.
    Drain(DrainOptions),
    /// Encrypt everything that is stored encrypted with the first key of `ENCRYPTION_KEY`.
    ///
    /// The list has to have the keys that were used before, too. Servers may go on meanwhile. It can be stopped
    /// at any time; a second run goes on, and says when the other keys are not needed any more.
    RotateEncryption,
    /// Make the configured `JWT_SECRET` and `ENCRYPTION_KEY` the ones that all instances on the database have to
    /// have.
    ///
    /// With Postgres, after they were changed for all. Instances that run go on with theirs until they start
    /// again.
    AcceptSecrets,
}

/// Whose key, and what it should be like.
#[derive(Debug, Args)]
pub struct KeyOptions {
    /// The client; without it, where the first admin's key is.
    #[arg(long, value_name = "CLIENT-ID")]
    pub client: Option<String>,
    /// Seconds until the key ends; by default it does not.
    #[arg(long, value_name = "SECONDS")]
    pub expires_in: Option<i64>,
    /// Seconds until the client's older keys end; by default they are left as they are.
    #[arg(long, value_name = "SECONDS")]
    pub overlap: Option<i64>,
}

/// Who the new client is.
#[derive(Debug, Args)]
pub struct CreateOptions {
    /// Display name.
    #[arg(long)]
    pub name: String,
    /// Email address; no two clients share one.
    #[arg(long)]
    pub email: String,
    /// client, service or admin.
    #[arg(long, default_value = "admin")]
    pub role: String,
    /// Events per window, instead of the default.
    #[arg(long)]
    pub rate_limit: Option<i64>,
}

/// What to do with the schema.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum MigrateAction {
    /// Apply what is missing.
    Up,
    /// Take the newest version back; what only it can hold is lost.
    Down {
        /// Yes, that may be lost.
        #[arg(long)]
        yes: bool,
    },
    /// Show which versions there are and which are applied.
    Status,
}
