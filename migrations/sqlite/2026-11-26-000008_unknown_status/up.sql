-- A call that is recorded before it is answered has no status yet: 0. SQLite has no statement for a wider rule, and
-- rewriting all rows for one would take long: this is the way that its documentation gives.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (status BETWEEN 100 AND 599)', 'CHECK (status = 0 OR status BETWEEN 100 AND 599)')
WHERE type = 'table' AND name = 'activity';
PRAGMA writable_schema = RESET;
