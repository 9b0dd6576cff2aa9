-- What instances that keep answers about closed days have to know: quarter hours that were over when a batch put
-- something into them. Most batches write nothing here. A row is read by the number of its transaction: numbers are
-- given out when transactions begin, so readers ask again for those that were under way when they last asked.
CREATE TABLE late_quarter (
    tx    bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    -- Minutes, and the first one after them; NULL where clients' names changed.
    first bigint,
    after bigint,
    at    bigint NOT NULL DEFAULT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    CHECK (first < after OR (first IS NULL AND after IS NULL))
);

CREATE INDEX late_quarter_tx ON late_quarter (tx);

-- Rows of transactions below this one are not kept. One row.
CREATE TABLE late_floor (
    one smallint PRIMARY KEY CHECK (one = 1),
    tx  bigint   NOT NULL
);

INSERT INTO late_floor VALUES (1, 0);
