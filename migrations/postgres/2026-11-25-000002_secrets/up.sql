-- Secrets that all instances have to share, by the setting's name: the SHA-256 of a label and the secret in use.
-- An instance with another one does not start.
CREATE TABLE secret_fingerprint (
    name   text  PRIMARY KEY,
    digest bytea NOT NULL CHECK (length(digest) = 32)
);
