-- A client's limits besides its rate_limit, in the order in which answers speak of them. They go with
-- their client. Paths are kept as they were given; what matches them is not the database's business.
CREATE TABLE client_limit (
    client     INTEGER NOT NULL REFERENCES client (no) ON DELETE CASCADE,
    position   INTEGER NOT NULL CHECK (position >= 0),
    name       TEXT    NOT NULL,
    rate_limit INTEGER NOT NULL CHECK (rate_limit > 0),
    seconds    INTEGER NOT NULL CHECK (seconds > 0),
    endpoint   TEXT,
    is_shadow  INTEGER NOT NULL CHECK (is_shadow IN (0, 1)),
    PRIMARY KEY (client, position),
    UNIQUE (client, name)
) STRICT, WITHOUT ROWID;
