//! `cargo xtask fuzz-api`: requests made from the published OpenAPI document, sent to the real program by Schemathesis. No
//! answer may be a server error, or anything that the document does not say.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::Duration,
};

use activity_testkit::{Postgres, Program, Redis, free_port, until};
use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    cluster::http,
    process::{self, Outcome},
    python, run,
};

/// The tool, pinned like the validator of the document.
const TOOL: &str = "schemathesis==4.32.5";
/// Time for a start; far more than it needs.
const START: Duration = Duration::from_secs(30);
/// The key of the first admin of a server that lives for a minute, and its other secrets.
const ADMIN: &str = "fuzz-api-0c61f2d49be7835a-admin";
const SECRETS: [(&str, &str); 2] = [
    ("JWT_SECRET", "e1d04c7a92b35f8860cfa4d7132e9b5480d6f3a1c27e95b8406d1fa3c8e7520b"),
    ("ENCRYPTION_KEY", "9b2f60d8c4e71a35f08d6b9e2c47a1538e0fd7c3b96a4251e8f3075dc1b9a64e"),
];

/// How much.
#[derive(Debug, Args)]
pub struct Options {
    /// Thousands of requests, others each time
    #[arg(long)]
    full: bool,
    /// With PostgreSQL and Redis instead of the embedded store
    #[arg(long)]
    shared: bool,
}

/// What is looked at in every answer. What bad credentials are answered is looked at elsewhere: so many from one address
/// are throttled, which the tool takes for a mistake.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,use_after_free,unsupported_method,allow_header_conformance";
/// Their answers do not end.
const STREAMS: [&str; 2] = ["/api/usage/stream", "/api/ws"];

/// Sends requests as a client about itself, then as an admin about another one.
pub fn fuzz_api(options: &Options) -> Outcome {
    let tool = python::with("schemathesis-venv", &[TOOL])?.with_file_name("schemathesis");
    let server = Server::start(options.shared)?;
    let (client, other) = (server.register("one")?, server.register("other")?);
    for (caller, key, about) in [("client", client.key.as_str(), &client), ("admin", ADMIN, &other)] {
        eprintln!("requests of a caller with the role {caller}");
        let settings = server.workplace.path().join(format!("{caller}.toml"));
        let id = &about.id;
        let text =
            format!("headers = {{ X-API-Key = \"{key}\" }}\n\n[parameters]\n\"path.clientId\" = \"{id}\"\n");
        fs::write(&settings, text)?;
        process::run(&mut server.requests(&tool, &settings, options.full))
            .map_err(|error| server.excuse(&*error))?;
    }
    Ok(())
}

/// As the suite does it: the same requests each time, for less than a minute.
pub fn in_short() -> Outcome {
    fuzz_api(&Options { full: false, shared: false })
}

/// The same with the servers that several instances share.
pub fn in_short_shared() -> Outcome {
    fuzz_api(&Options { full: false, shared: true })
}

/// The program in a folder of its own, which goes with it.
struct Server {
    program: Program,
    port: u16,
    /// Where the tool works. Not in the program's folder: the account that removes that one may not remove the tool's files.
    workplace: TempDir,
    _shared: Option<(Postgres, Redis)>,
}

/// A registered client.
struct Client {
    id: String,
    key: String,
}

impl Server {
    fn start(is_shared: bool) -> Outcome<Self> {
        let built = run::build_for_tests()?;
        let port = free_port();
        let workplace = tempfile::Builder::new().prefix("activity-fuzz-api-").tempdir()?;
        let folder = workplace.path().with_extension("server");
        let shared = is_shared.then(|| (Postgres::start(), Redis::start()));
        let mut settings: Vec<(&str, String)> = Vec::new();
        if let Some((postgres, redis)) = &shared {
            settings.extend([("DATABASE_URL", postgres.url()), ("REDIS_URL", redis.url())]);
            settings.extend(SECRETS.map(|(name, secret)| (name, secret.to_owned())));
        }
        // A copy in its folder: the account that runs it may not get to where it was built.
        let file = folder.join("activity-tracker");
        let mut program = Program::in_folder(&folder, &file, move |command| {
            command.arg("serve").envs([
                ("DATA_DIR", "data"),
                ("ADMIN_API_KEY", ADMIN),
                ("LOG_FORMAT", "json"),
            ]);
            // What is over a limit is refused before it is looked at.
            command.envs([("API_RATE_LIMIT", "1000000000"), ("API_READ_RATE_LIMIT", "1000000000")]);
            command.env("PORT", port.to_string()).envs(settings.iter().map(|(name, value)| (name, value)));
        });
        fs::copy(&built, &file)?;
        fs::set_permissions(&file, Permissions::from_mode(0o755))?;
        program.start();
        until("a server that is ready", START, || {
            http::get(port, "/readyz").filter(|(status, _)| *status == 200).map(|_| ())
        });
        Ok(Self { program, port, workplace, _shared: shared })
    }

    fn register(&self, name: &str) -> Outcome<Client> {
        let wish = json!({ "name": name, "email": format!("{name}@example.org") });
        let (_, answer) =
            http::post(self.port, "/api/register", &wish).ok_or("the server does not answer")?;
        match (answer["clientId"].as_str(), answer["apiKey"].as_str()) {
            (Some(id), Some(key)) => Ok(Client { id: id.to_owned(), key: key.to_owned() }),
            _ => Err(format!("no client could be registered: {answer}").into()),
        }
    }

    fn requests(&self, tool: &Path, settings: &Path, is_full: bool) -> Command {
        let mut command = Command::new(tool);
        command.current_dir(&self.workplace).arg("--config-file").arg(settings);
        command.arg("run").arg(format!("http://127.0.0.1:{}/api-docs/openapi.json", self.port));
        command.args(["--no-color", "--warnings", "off", "--checks", CHECKS]);
        command.args(STREAMS.iter().flat_map(|path| ["--exclude-path", path]));
        command.args(if is_full {
            &["--max-examples", "300"][..]
        } else {
            &["--max-examples", "4", "--phases", "coverage,fuzzing", "--generation-deterministic"]
        });
        command
    }

    /// A failure, with what the program said.
    fn excuse(&self, error: &dyn std::error::Error) -> Box<dyn std::error::Error> {
        let log = self.program.log();
        let loud = log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked"));
        format!("{error}\n{}", loud.collect::<Vec<_>>().join("\n")).into()
    }
}
