-- Blocks keep counts and latencies by status class and method, and endpoints are counted. What was counted
-- before does not say so much, so the first start counts all raw rows again.
DROP TABLE usage_block;
DELETE FROM usage_delta;

-- Blocks of 1, 15, 60 and 1,440 minutes. `start` is the block's first minute; client 0 is everybody. The
-- numbers are the sums of the cells, so that SQLite can add them up.
CREATE TABLE usage_block (
    minutes   INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    client    INTEGER NOT NULL,
    requests  INTEGER NOT NULL,
    errors    INTEGER NOT NULL,
    timed     INTEGER NOT NULL,
    micros    INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    cells     BLOB    NOT NULL,
    PRIMARY KEY (minutes, start, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_block_of_client ON usage_block (client, minutes, start);

-- Endpoints by number: a block holds a few bytes instead of a path.
CREATE TABLE endpoint (
    no   INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT    NOT NULL UNIQUE
) STRICT;

-- Blocks of 60 minutes (kept for 8 days) and 1,440 minutes. Client 0 is everybody, endpoint 0 all that are
-- not counted by name.
CREATE TABLE endpoint_block (
    minutes  INTEGER NOT NULL,
    start    INTEGER NOT NULL,
    client   INTEGER NOT NULL,
    endpoint INTEGER NOT NULL,
    verb     INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors   INTEGER NOT NULL,
    timed    INTEGER NOT NULL,
    micros   INTEGER NOT NULL,
    sketch   BLOB    NOT NULL,
    PRIMARY KEY (minutes, start, client, endpoint, verb)
) STRICT, WITHOUT ROWID;

-- Endpoints that only an erased client called lose their names, once the deltas up to this one are folded.
ALTER TABLE erasing ADD COLUMN delta INTEGER NOT NULL DEFAULT 0;
ALTER TABLE erasing ADD COLUMN is_unnamed INTEGER NOT NULL DEFAULT 0 CHECK (is_unnamed IN (0, 1));

-- Raw rows of before this instant are dropped and not taken again. One row.
CREATE TABLE retention_floor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;

INSERT INTO retention_floor VALUES (1, 0);

-- How far the count of all raw rows has come, by the key of the last one counted; no row when it is done.
CREATE TABLE recount (
    at     INTEGER NOT NULL,
    client INTEGER NOT NULL,
    id     BLOB    NOT NULL
) STRICT;

INSERT INTO recount SELECT -1, 0, x'' WHERE EXISTS (SELECT 1 FROM activity);
