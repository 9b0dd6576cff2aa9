-- Tickets for streams that were used. They are good for one use, and forgotten an hour after their time.
CREATE TABLE used_ticket (
    id    BLOB    PRIMARY KEY CHECK (length(id) = 16),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- By which old ones are found.
CREATE INDEX used_ticket_until ON used_ticket (until);
