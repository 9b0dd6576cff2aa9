-- Times are microseconds since 1970 in UTC; minutes count from there too.

-- A client's number stands for it in rows and blocks. It outlives the client: counts stay when a
-- client is erased, and rows of a client that is not known (yet) have one.
CREATE TABLE client_number (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE client (
    no         INTEGER PRIMARY KEY REFERENCES client_number (no),
    name       TEXT    NOT NULL,
    email      TEXT    UNIQUE,
    role       TEXT    NOT NULL CHECK (role IN ('client', 'service', 'admin')),
    rate_limit INTEGER NOT NULL CHECK (rate_limit > 0),
    is_active  INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    id         TEXT    PRIMARY KEY,
    client     INTEGER NOT NULL REFERENCES client (no),
    digest     BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at INTEGER NOT NULL
) STRICT;

-- Time first: rows arrive nearly in its order, so inserts touch the same few pages however large the
-- table is. With the client first, the speed falls to a half by a million rows.
CREATE TABLE activity (
    at             INTEGER NOT NULL,
    client         INTEGER NOT NULL,
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    endpoint       TEXT    NOT NULL,
    method         TEXT    NOT NULL,
    status         INTEGER NOT NULL CHECK (status BETWEEN 100 AND 599),
    response_time  INTEGER CHECK (response_time >= 0),
    ip             TEXT,
    user_agent     TEXT,
    request_bytes  INTEGER,
    response_bytes INTEGER,
    error_message  TEXT,
    metadata       TEXT,
    PRIMARY KEY (at, client, id)
) STRICT, WITHOUT ROWID;

-- What batches added to the counts and the compactor has not folded into blocks yet.
CREATE TABLE usage_delta (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    first_minute INTEGER NOT NULL,
    last_minute  INTEGER NOT NULL,
    entries      INTEGER NOT NULL,
    increments   BLOB    NOT NULL
) STRICT;

-- Blocks of 1, 15, 60 and 1,440 minutes. `start` is the block's first minute.
CREATE TABLE usage_block (
    minutes   INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    client    INTEGER NOT NULL,
    requests  INTEGER NOT NULL,
    errors    INTEGER NOT NULL,
    timed     INTEGER NOT NULL,
    micros    INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    sketch    BLOB,
    PRIMARY KEY (minutes, start, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_block_of_client ON usage_block (client, minutes, start);

-- How far each stream is stored.
CREATE TABLE cursor (
    stream BLOB    PRIMARY KEY CHECK (length(stream) = 16),
    next   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rows that were refused, kept with the reason.
CREATE TABLE set_aside (
    no      INTEGER PRIMARY KEY AUTOINCREMENT,
    stream  BLOB    NOT NULL,
    payload BLOB    NOT NULL,
    reason  TEXT    NOT NULL
) STRICT;
