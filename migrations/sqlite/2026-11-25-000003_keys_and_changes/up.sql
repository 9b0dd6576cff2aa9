-- When a client or a key was last used: written in passing, so seconds late.
ALTER TABLE client ADD COLUMN last_access_at INTEGER;
ALTER TABLE api_key ADD COLUMN last_used_at INTEGER;
-- NULL: the key does not end.
ALTER TABLE api_key ADD COLUMN expires_at INTEGER;
CREATE INDEX api_key_of_client ON api_key (client);

-- Whose row was refused, so that it goes with its client. NULL where nobody could tell.
ALTER TABLE set_aside ADD COLUMN client INTEGER;

-- Which clients changed, for those who remember clients. There is one writer, and AUTOINCREMENT rolls
-- back with it: versions have no gaps. Clients are named by the SHA-256 of their ids, because a change
-- may outlive its client.
CREATE TABLE auth_change (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    client  BLOB    NOT NULL CHECK (length(client) = 32),
    at      INTEGER NOT NULL
) STRICT;

-- Erased clients, by the SHA-256 of their ids: what still arrives of them is discarded. The highest
-- `no` tells a process that remembers numbers of clients whether one was erased since.
CREATE TABLE tombstone (
    no     INTEGER PRIMARY KEY,
    client BLOB    NOT NULL UNIQUE CHECK (length(client) = 32),
    at     INTEGER NOT NULL
) STRICT;

-- Numbers of erased clients that may have raw rows left from `at` on. The rows of such a number are shown
-- nowhere. `at` is the largest integer when all are gone; then pages up to `page` have been cleaned of
-- old copies, and it is the largest integer when all have been.
CREATE TABLE erasing (
    client INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    page   INTEGER NOT NULL DEFAULT 0
) STRICT;
