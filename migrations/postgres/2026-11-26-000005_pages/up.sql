-- The sums of up to 128 clients' blocks of a time side by side: a question about all clients reads one short row where
-- it would read 128 in a tree. `page` is the clients' number divided by 128; everybody (client 0) is in none.
-- `requests` are those of the whole page: pages that do not add up to everybody's block lack what a program of an
-- earlier version has written, and are not believed. Pages change every second: they are neither compressed nor
-- moved out of their row, and there is room beside them.
CREATE TABLE usage_page (
    minutes  integer NOT NULL,
    start    bigint  NOT NULL,
    page     bigint  NOT NULL,
    requests bigint  NOT NULL,
    sums     bytea   NOT NULL,
    PRIMARY KEY (minutes, start, page)
) WITH (fillfactor = 50, toast_tuple_target = 8160);

ALTER TABLE usage_page ALTER COLUMN sums SET STORAGE EXTERNAL;

-- The form that `page.rs` explains.
CREATE FUNCTION page_length(number bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN number < 256 THEN 0 WHEN number < 65536 THEN 1 WHEN number < 4294967296 THEN 2 ELSE 3 END
$$;

CREATE FUNCTION page_number(number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT substring(int8send(number) FROM 9 - (1 << page_length(number)))
$$;

INSERT INTO usage_page
SELECT minutes, start, client / 128, sum(requests)::bigint,
    '\x01'::bytea || string_agg(
        substring(int2send((client % 128)::smallint) FROM 2)
        || int2send((page_length(requests) + 4 * page_length(errors) + 16 * page_length(timed)
                     + 64 * page_length(micros) + 256 * page_length(after))::smallint)
        || page_number(requests) || page_number(errors) || page_number(timed) || page_number(micros)
        || page_number(after),
        ''::bytea ORDER BY client)
FROM (SELECT *, greatest(last_seen - start * 60000000, 0) AS after FROM usage_block WHERE client > 0) b
GROUP BY minutes, start, client / 128;

DROP FUNCTION page_number(bigint);
DROP FUNCTION page_length(bigint);
