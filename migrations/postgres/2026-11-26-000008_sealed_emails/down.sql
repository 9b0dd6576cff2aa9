-- Emails that are sealed are lost.
DROP TABLE index_key;
ALTER TABLE client DROP COLUMN email_index, DROP COLUMN email_sealed;
