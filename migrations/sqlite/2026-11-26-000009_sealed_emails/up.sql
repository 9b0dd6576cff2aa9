-- Emails are sealed. The index is what equal emails have in common, made with a key that is kept in `index_key`,
-- sealed as well. `email` is for those that an earlier program wrote, until a start has sealed them.
ALTER TABLE client ADD COLUMN email_sealed BLOB;
ALTER TABLE client ADD COLUMN email_index BLOB CHECK (length(email_index) = 32);
CREATE UNIQUE INDEX client_email_index ON client (email_index);

CREATE TABLE index_key (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
