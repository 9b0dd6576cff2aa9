DROP TABLE erasing;
DROP TABLE tombstone;
DROP TABLE auth_change;
ALTER TABLE set_aside DROP COLUMN client;
DROP INDEX api_key_of_client;
ALTER TABLE api_key DROP COLUMN expires_at;
ALTER TABLE api_key DROP COLUMN last_used_at;
ALTER TABLE client DROP COLUMN last_access_at;
