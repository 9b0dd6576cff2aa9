DROP TABLE usage_page;

CREATE TABLE block (
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

INSERT INTO block
SELECT minutes, start, client, requests, errors, timed, micros, last_seen, cells FROM usage_block;

DROP TABLE usage_block;
ALTER TABLE block RENAME TO usage_block;
CREATE INDEX usage_block_of_client ON usage_block (client, minutes, start);
