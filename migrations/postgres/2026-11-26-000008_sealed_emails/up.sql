-- Emails are sealed. The index is what equal emails have in common, made with a key that is kept in `index_key`,
-- sealed as well. `email` is for those that an earlier program wrote, until a start has sealed them.
ALTER TABLE client ADD COLUMN email_sealed bytea;
ALTER TABLE client ADD COLUMN email_index bytea CHECK (length(email_index) = 32);
ALTER TABLE client ADD CONSTRAINT client_email_index_key UNIQUE (email_index);

CREATE TABLE index_key (
    name   text  PRIMARY KEY,
    sealed bytea NOT NULL
);
