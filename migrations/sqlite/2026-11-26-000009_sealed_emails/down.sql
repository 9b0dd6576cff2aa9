-- Emails that are sealed are lost.
DROP TABLE index_key;
DROP INDEX client_email_index;
ALTER TABLE client DROP COLUMN email_index;
ALTER TABLE client DROP COLUMN email_sealed;
