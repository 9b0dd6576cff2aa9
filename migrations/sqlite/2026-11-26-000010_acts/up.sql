-- What admins did, written in the transaction of what was done where that is in this database. It holds no name, no
-- email and no secret, so that nothing of it has to go when its client is erased.
CREATE TABLE act (
    no          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    -- NULL: by the command line.
    request     TEXT,
    action      TEXT    NOT NULL,
    target      TEXT,
    -- A line for each field: its name, what it was, what it is.
    differences TEXT    NOT NULL
) STRICT;

CREATE INDEX act_target ON act (target, no);
-- By which old ones are found.
CREATE INDEX act_at ON act (at);

CREATE TRIGGER act_stays BEFORE UPDATE ON act BEGIN
    SELECT RAISE(ABORT, 'acts are only added');
END;
