-- Deltas live for a second. Trying to compress them costs more than it saves.
ALTER TABLE usage_delta ALTER COLUMN increments SET STORAGE EXTERNAL;
