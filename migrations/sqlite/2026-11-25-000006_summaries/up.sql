-- Answers state percentiles, so blocks keep them: beside the distributions that they come from, which grow
-- with what they have seen and are read only where several blocks become one answer.
--
-- Rows are long, so the tables have rowids: without, they would lie in the inner nodes of the tree as well, a few
-- in each, and every look-up would pass through many.
--
-- quantiles_of, parts_of and page_of are functions of the program that applies this (`converting.rs`).
CREATE TABLE block (
    minutes   INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    client    INTEGER NOT NULL,
    requests  INTEGER NOT NULL,
    errors    INTEGER NOT NULL,
    timed     INTEGER NOT NULL,
    micros    INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    quantiles INTEGER,
    parts     BLOB    NOT NULL,
    cells     BLOB    NOT NULL,
    PRIMARY KEY (minutes, start, client)
) STRICT;

INSERT INTO block
SELECT minutes, start, client, requests, errors, timed, micros, last_seen, quantiles_of(cells), parts_of(cells), cells
FROM usage_block;

DROP TABLE usage_block;
ALTER TABLE block RENAME TO usage_block;
CREATE INDEX usage_block_of_client ON usage_block (client, minutes, start);

-- The sums of up to 256 clients side by side: a question about all clients reads one row where it would read
-- 256. `page` is the clients' number divided by 256; everybody (client 0) is in none.
CREATE TABLE usage_page (
    minutes   INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    page      INTEGER NOT NULL,
    summaries BLOB    NOT NULL,
    PRIMARY KEY (minutes, start, page)
) STRICT;

INSERT INTO usage_page
SELECT minutes, start, client / 256, page_of(client, last_seen, cells)
FROM usage_block WHERE client > 0
GROUP BY minutes, start, client / 256;
