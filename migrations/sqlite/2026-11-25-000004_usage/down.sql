ALTER TABLE erasing DROP COLUMN delta;
ALTER TABLE erasing DROP COLUMN is_unnamed;
DROP TABLE recount;
DROP TABLE retention_floor;
DROP TABLE endpoint_block;
DROP TABLE endpoint;
DROP TABLE usage_block;
DELETE FROM usage_delta;

-- Empty: the older program cannot count raw rows again.
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
