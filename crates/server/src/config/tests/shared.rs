//! Postgres and Redis, which instances share: one place each, and no secret that is made up.

use super::*;

/// What Postgres asks for besides where it is.
const SHARED: [(&str, &str); 3] =
    [("JWT_SECRET", STRONG), ("ADMIN_API_KEY", STRONG), ("ENCRYPTION_KEY", STRONG)];

fn database(env: &[(&str, &str)]) -> Option<(String, Vec<String>)> {
    let database = load(&[&SHARED, env].concat()).unwrap().database?;
    Some((database.primary.to_string(), database.replicas.iter().map(ToString::to_string).collect()))
}

#[test]
fn a_database_is_named_by_a_url_or_in_parts() {
    assert_eq!(database(&[]), None);
    assert_eq!(database(&[("DATABASE_HOST", " "), ("DATABASE_URL", "")]), None);
    let at = |text: &str| Some((text.to_owned(), Vec::new()));
    assert_eq!(database(&[("DATABASE_HOST", "db.example")]), at("db.example:5432"));
    assert_eq!(database(&[("DATABASE_HOST", "::1"), ("DATABASE_PORT", "6000")]), at("::1:6000"));
    assert_eq!(database(&[("DATABASE_URL", "postgres://ada:x@db.example:6000/y\n")]), at("db.example:6000"));
    let replicas = ("DATABASE_READ_REPLICAS", "db2,db3:6001");
    for primary in [("DATABASE_HOST", "db"), ("DATABASE_URL", "postgres://ada@db/x")] {
        let (_, found) = database(&[primary, replicas]).unwrap();
        assert_eq!(found, ["db2:5432", "db3:6001"]);
    }
}

#[test]
fn settings_that_speak_of_two_databases_or_none_are_refused() {
    const URL: (&str, &str) = ("DATABASE_URL", "postgres://ada:c4n4ry@db/x");
    const HOST: (&str, &str) = ("DATABASE_HOST", "db");
    let parts = [
        ("DATABASE_PORT", "6000"),
        ("DATABASE_USER", "ada"),
        ("DATABASE_PASSWORD", "c4n4ry"),
        ("DATABASE_NAME", "x"),
    ];
    for part in parts {
        let beside = refusal("", "", &[&SHARED[..], &[URL, part]].concat());
        assert_has(&beside, &[part.0, "must not be set beside DATABASE_URL"]);
        assert_has(&refusal("", "", &[part]), &[part.0, "must not be set without DATABASE_HOST"]);
        assert!(load(&[&SHARED[..], &[HOST, part]].concat()).is_ok(), "{part:?}");
    }
    assert_has(
        &refusal("", "", &[&SHARED[..], &[URL, HOST]].concat()),
        &[r#"DATABASE_HOST = "db" (from environment) must not be set beside DATABASE_URL"#],
    );
    assert_has(
        &refusal("", "", &[("DATABASE_READ_REPLICAS", "db2")]),
        &["DATABASE_READ_REPLICAS", "must not be set without the server that they follow"],
    );
    for (name, bad, expected) in [
        ("DATABASE_URL", "mysql://ada:c4n4ry@db", "must be as in postgres://user:password@host:5432/name"),
        ("DATABASE_URL", "postgres:///c4n4ry", "it names no host"),
        ("DATABASE_HOST", "db:5432", "must be an IP address, a host name without a port"),
        ("DATABASE_READ_REPLICAS", "db2:x", "such as db2:5432, 10.0.0.7, [fd00::7]:5432"),
    ] {
        let env = [&SHARED[..], if name == "DATABASE_READ_REPLICAS" { &[HOST] } else { &[] }, &[(name, bad)]];
        assert_has(&refusal("", "", &env.concat()), &[name, expected]);
    }
}

#[test]
fn with_postgres_no_secret_may_be_made_up() {
    let host = [("DATABASE_HOST", "db")];
    let message = refusal("", "", &host);
    for name in ["JWT_SECRET", "ADMIN_API_KEY", "ENCRYPTION_KEY"] {
        assert_has(
            &message,
            &[&format!("{name} is not set and must be with Postgres"), "openssl rand -hex 32"],
        );
    }
    assert!(load(&[&host[..], &SHARED].concat()).is_ok());
    // Weak ones are for production to refuse.
    let zeros = "0".repeat(64);
    let weak = [
        ("JWT_SECRET", "changemechangemechangemechangeme"),
        ("ADMIN_API_KEY", "0123456789abcdef"),
        ("ENCRYPTION_KEY", &zeros),
    ];
    assert!(load(&[&host[..], &weak].concat()).is_ok());
}

type Env<'a> = &'a [(&'a str, &'a str)];

#[test]
fn redis_is_in_one_place() {
    let place = |env: &[(&str, &str)]| {
        let settings = load(&[&SHARED[..], env].concat()).unwrap();
        settings.redis.map(|redis| redis.options.to_string())
    };
    assert_eq!(place(&[("REDIS_URL", ""), ("REDIS_HOST", " ")]), None);
    assert_eq!(place(&[("REDIS_URL", "redis://:x@cache:7000")]).as_deref(), Some("cache:7000"));
    let parts = [("REDIS_HOST", "cache"), ("REDIS_USER", "me"), ("REDIS_PASSWORD", "c4n4ry")];
    assert_eq!(place(&parts).as_deref(), Some("cache:6379"));
    let sentinels = [("REDIS_SENTINEL_HOSTS", "a,b:2"), ("REDIS_SENTINEL_PASSWORD", "c4n4ry")];
    assert_eq!(place(&sentinels).as_deref(), Some("mymaster of Sentinels a:26379,b:2"));
    assert_eq!(place(&[("REDIS_CLUSTER_HOSTS", "a,b:2")]).as_deref(), Some("cluster of a:6379,b:2"));
    let with_tls = [&sentinels[..], &[("REDIS_TLS", "true"), ("REDIS_SENTINEL_USER", "me")]].concat();
    assert_eq!(place(&with_tls).as_deref(), Some("mymaster of Sentinels a:26379,b:2 with TLS"));
    let cluster = [("REDIS_CLUSTER_HOSTS", "a"), ("REDIS_TLS", "true"), ("REDIS_TLS_CA_FILE", "ca.pem")];
    assert_eq!(place(&cluster).as_deref(), Some("cluster of a:6379 with TLS"));
    let apart = [("REDIS_HOST", "a"), ("REDIS_READ_HOST", "b"), ("REDIS_READ_PORT", "7")];
    let settings = load(&[&SHARED[..], &apart].concat()).unwrap();
    assert_eq!(settings.redis.unwrap().read_end, Some(("b".to_owned(), 7)));

    let leases = |given: &[_]| {
        let settings = load(&[&SHARED[..], &[("REDIS_HOST", "a")], given].concat()).unwrap();
        settings.redis.unwrap().has_leases
    };
    assert!(!leases(&[]) && leases(&[("RATE_LIMIT_LEASES", "true")]));

    let refused: [(Env<'_>, &[&str]); 14] = [
        (
            &[("REDIS_URL", "redis://:c4n4ry@a"), ("REDIS_HOST", "b")],
            &["REDIS_HOST = \"b\"", "beside REDIS_URL"],
        ),
        (&[("REDIS_HOST", "a"), ("REDIS_CLUSTER_HOSTS", "b")], &["REDIS_CLUSTER_HOSTS", "beside REDIS_HOST"]),
        (&[("REDIS_PASSWORD", "c4n4ry")], &["REDIS_PASSWORD = *****", "without the server"]),
        (&[("REDIS_URL", "redis://a"), ("REDIS_PORT", "1")], &["REDIS_PORT", "beside REDIS_URL"]),
        (&[("REDIS_URL", "redis://a"), ("REDIS_TLS", "true")], &["REDIS_TLS", "beside REDIS_URL"]),
        (&[("REDIS_HOST", "a"), ("REDIS_TLS_CA_FILE", "x")], &["REDIS_TLS_CA_FILE", "without REDIS_TLS"]),
        (
            &[("REDIS_HOST", "a"), ("REDIS_TLS", "false"), ("REDIS_TLS_CA_FILE", "x")],
            &["REDIS_TLS_CA_FILE", "without REDIS_TLS=true"],
        ),
        (
            &[("REDIS_HOST", "a"), ("REDIS_SENTINEL_USER", "x")],
            &["REDIS_SENTINEL_USER", "without the server"],
        ),
        (
            &[("REDIS_SENTINEL_HOSTS", "a"), ("REDIS_SENTINEL_USER", "x")],
            &["REDIS_SENTINEL_USER", "without REDIS_SENTINEL_PASSWORD"],
        ),
        (&[("REDIS_HOST", "a"), ("REDIS_READ_PORT", "1")], &["REDIS_READ_PORT", "without REDIS_READ_HOST"]),
        (
            &[("REDIS_CLUSTER_HOSTS", "a"), ("REDIS_READ_HOST", "b")],
            &["REDIS_READ_HOST", "no server has all"],
        ),
        (&[("REDIS_URL", "http://:c4n4ry@a")], &["REDIS_URL = *****", "redis://user:password@host:6379/0"]),
        (&[("REDIS_HOST", "a"), ("RATE_LIMIT_WITHOUT_REDIS", "open")], &["share, full or closed"]),
        (&[("REDIS_HOST", "a"), ("RATE_LIMIT_LEASES", "some")], &["RATE_LIMIT_LEASES", "true or false"]),
    ];
    for (env, expected) in refused {
        assert_has(&refusal("", "", &[&SHARED[..], env].concat()), expected);
    }
    assert_has(
        &refusal("", "", &[("REDIS_HOST", "a")]),
        &["JWT_SECRET is not set", "with Postgres or Redis"],
    );
}
