-- The audit trail of an activity, sealed where it came in. Only activities that have one have a row, which
-- goes with the activity's. Bodies are kilobytes, so this table has row ids: without them a row lies in
-- the key's own tree, where what is over a quarter of a page goes to pages of its own.
CREATE TABLE activity_body (
    at     INTEGER NOT NULL,
    client INTEGER NOT NULL,
    id     BLOB    NOT NULL,
    audit  BLOB    NOT NULL,
    PRIMARY KEY (at, client, id),
    FOREIGN KEY (at, client, id) REFERENCES activity (at, client, id) ON DELETE CASCADE
) STRICT;
