-- Times are microseconds since 1970 in UTC; minutes count from there too.

-- A client's number stands for it in rows and blocks. It outlives the client: counts stay when a
-- client is erased, and rows of a client that is not known (yet) have one. Lists follow the bytes of ids.
CREATE TABLE client_number (
    no bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT client_number_pkey PRIMARY KEY,
    id text COLLATE "C" NOT NULL CONSTRAINT client_number_id_key UNIQUE
);

CREATE TABLE client (
    no             bigint  CONSTRAINT client_pkey PRIMARY KEY REFERENCES client_number (no),
    name           text    NOT NULL,
    email          text    CONSTRAINT client_email_key UNIQUE,
    role           text    NOT NULL CHECK (role IN ('client', 'service', 'admin')),
    rate_limit     bigint  NOT NULL CHECK (rate_limit > 0),
    is_active      boolean NOT NULL,
    created_at     bigint  NOT NULL,
    -- When one of its keys was last used: written in passing, so seconds late.
    last_access_at bigint
);

-- A client's limits besides its rate_limit, in the order in which answers speak of them. Paths are kept as
-- they were given; what matches them is not the database's business.
CREATE TABLE client_limit (
    client     bigint  NOT NULL REFERENCES client (no) ON DELETE CASCADE,
    position   integer NOT NULL CHECK (position >= 0),
    name       text    NOT NULL,
    rate_limit bigint  NOT NULL CHECK (rate_limit > 0),
    seconds    bigint  NOT NULL CHECK (seconds > 0),
    endpoint   text,
    is_shadow  boolean NOT NULL,
    PRIMARY KEY (client, position),
    UNIQUE (client, name)
);

CREATE TABLE api_key (
    id           text   COLLATE "C" CONSTRAINT api_key_pkey PRIMARY KEY,
    client       bigint NOT NULL REFERENCES client (no),
    digest       bytea  NOT NULL CONSTRAINT api_key_digest_key UNIQUE CHECK (length(digest) = 32),
    created_at   bigint NOT NULL,
    last_used_at bigint,
    -- NULL: the key does not end.
    expires_at   bigint
);

CREATE INDEX api_key_of_client ON api_key (client);

-- Which clients changed, for those who remember clients. Clients are named by the SHA-256 of their ids,
-- because a change may outlive its client.
CREATE TABLE auth_change (
    version bigint PRIMARY KEY,
    client  bytea  NOT NULL CHECK (length(client) = 32),
    at      bigint NOT NULL
);

-- The last version that was given out. One row, which a change locks until it is committed: a sequence
-- would leave gaps, and versions would be seen in another order than they were given out in.
CREATE TABLE auth_version (
    one     smallint PRIMARY KEY CHECK (one = 1),
    version bigint   NOT NULL
);

INSERT INTO auth_version VALUES (1, 0);

-- Raw rows, a partition for each day of event time: a day that is no longer kept is dropped as a whole.
-- There is no partition for "all others", because a day could then not be added without looking through it;
-- a day that is missing is made when its first row comes. The key begins with the client, so that its rows
-- of a day lie together; the index is for everybody's, newest first. No reference to a client: rows of
-- clients that are not known are kept.
CREATE TABLE activity (
    at             bigint   NOT NULL,
    client         bigint   NOT NULL,
    id             uuid     NOT NULL,
    endpoint       text     NOT NULL,
    method         text     NOT NULL,
    status         smallint NOT NULL CONSTRAINT activity_status_check CHECK (status BETWEEN 100 AND 599),
    response_time  bigint   CONSTRAINT activity_response_time_check CHECK (response_time >= 0),
    ip             inet,
    user_agent     text,
    request_bytes  bigint,
    response_bytes bigint,
    error_message  text,
    -- Text, so that numbers and the order of names come back as they were sent.
    metadata       text,
    -- Sealed where it came in. Long ones lie beside the table, as they are: sealed bytes do not compress.
    audit          bytea,
    PRIMARY KEY (client, at, id)
) PARTITION BY RANGE (at);

ALTER TABLE activity ALTER COLUMN audit SET STORAGE EXTERNAL;

CREATE INDEX activity_at ON activity (at);

-- Makes the partition of a day. ATTACH lets others read and write the table meanwhile, which CREATE TABLE ...
-- PARTITION OF does not. The lock is for several who find the same day missing.
CREATE FUNCTION make_activity_day(partition_name text, first bigint, after bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1633907817, 4);
    IF to_regclass(quote_ident(partition_name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE activity INCLUDING ALL)', partition_name);
    EXECUTE format('ALTER TABLE activity ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                   partition_name, first, after);
END $$;

-- Inserts rows one by one and says of each whether it is fresh, or why it is refused: data that does not fit
-- (class 22), a missing value, a broken CHECK, a program limit (class 54). Everything else, a missing day
-- included, fails the whole. Drivers hide the SQLSTATE of an error; here it is at hand.
CREATE FUNCTION insert_activity_one_by_one(
    ats bigint[], clients bigint[], ids uuid[], endpoints text[], methods text[], statuses smallint[],
    response_times bigint[], ips text[], user_agents text[], request_bytes bigint[],
    response_bytes bigint[], error_messages text[], metadatas text[], audits bytea[]
) RETURNS TABLE (place integer, is_fresh boolean, refused text)
LANGUAGE plpgsql AS $$
DECLARE
    broken_constraint text;
BEGIN
    FOR n IN 1 .. cardinality(ats) LOOP
        place := n;
        is_fresh := false;
        refused := NULL;
        BEGIN
            INSERT INTO activity VALUES (
                ats[n], clients[n], ids[n], endpoints[n], methods[n], statuses[n], response_times[n],
                ips[n]::inet, user_agents[n], request_bytes[n], response_bytes[n], error_messages[n],
                metadatas[n], audits[n]
            ) ON CONFLICT DO NOTHING;
            is_fresh := FOUND;
        EXCEPTION
            WHEN data_exception OR not_null_violation OR check_violation OR program_limit_exceeded THEN
                GET STACKED DIAGNOSTICS broken_constraint = CONSTRAINT_NAME;
                -- A missing partition is a broken CHECK without a name.
                IF SQLSTATE = '23514' AND broken_constraint = '' THEN
                    RAISE;
                END IF;
                refused := format('%s (SQLSTATE %s)', SQLERRM, SQLSTATE);
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- What batches added to the counts and the compactor has not folded into blocks yet.
CREATE TABLE usage_delta (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_minute bigint NOT NULL,
    last_minute  bigint NOT NULL,
    entries      bigint NOT NULL,
    increments   bytea  NOT NULL
);

-- Rows come and go all the time: without this, readers would pass over what is gone already.
ALTER TABLE usage_delta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Blocks of 1 (kept for 8 days), 15, 60 and 1,440 minutes. `start` is the block's first minute; client 0 is
-- everybody. The numbers, quantiles and parts are what answers state of the cells. Those are read only where
-- several blocks become one answer, and lie beside the table once they are longer than the rest. One partition
-- for each length, because they grow and go at different speeds; free room in each page lets a block change in
-- place.
CREATE TABLE usage_block (
    minutes   integer NOT NULL,
    start     bigint  NOT NULL,
    client    bigint  NOT NULL,
    requests  bigint  NOT NULL,
    errors    bigint  NOT NULL,
    timed     bigint  NOT NULL,
    micros    bigint  NOT NULL,
    last_seen bigint  NOT NULL,
    quantiles bigint,
    parts     bytea   NOT NULL,
    cells     bytea   NOT NULL,
    PRIMARY KEY (minutes, start, client)
) PARTITION BY LIST (minutes);

ALTER TABLE usage_block ALTER COLUMN cells SET STORAGE EXTERNAL;
CREATE INDEX usage_block_of_client ON usage_block (client, minutes, start);

CREATE TABLE usage_block_minute PARTITION OF usage_block FOR VALUES IN (1)
    WITH (fillfactor = 80, toast_tuple_target = 256);
CREATE TABLE usage_block_quarter PARTITION OF usage_block FOR VALUES IN (15)
    WITH (fillfactor = 80, toast_tuple_target = 256);
CREATE TABLE usage_block_hour PARTITION OF usage_block FOR VALUES IN (60)
    WITH (fillfactor = 80, toast_tuple_target = 256);
CREATE TABLE usage_block_day PARTITION OF usage_block FOR VALUES IN (1440)
    WITH (fillfactor = 80, toast_tuple_target = 256);

-- Endpoints by number: a block holds a few bytes instead of a path.
CREATE TABLE endpoint (
    no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text   COLLATE "C" NOT NULL UNIQUE
);

-- Blocks of 60 minutes (kept for 8 days) and 1,440 minutes. Client 0 is everybody, endpoint 0 all that are
-- not counted by name. The key begins with the client, whose blocks of a range lie together then.
CREATE TABLE endpoint_block (
    minutes  integer  NOT NULL,
    start    bigint   NOT NULL,
    client   bigint   NOT NULL,
    endpoint bigint   NOT NULL,
    verb     smallint NOT NULL,
    requests bigint   NOT NULL,
    errors   bigint   NOT NULL,
    timed    bigint   NOT NULL,
    micros   bigint   NOT NULL,
    sketch   bytea    NOT NULL,
    PRIMARY KEY (minutes, client, start, endpoint, verb)
) PARTITION BY LIST (minutes);

CREATE TABLE endpoint_block_hour PARTITION OF endpoint_block FOR VALUES IN (60) WITH (fillfactor = 80);
CREATE TABLE endpoint_block_day PARTITION OF endpoint_block FOR VALUES IN (1440) WITH (fillfactor = 80);

-- By which old hours are found.
CREATE INDEX endpoint_block_hour_start ON endpoint_block_hour (start);

-- How far each stream is stored.
CREATE TABLE cursor (
    stream uuid   PRIMARY KEY,
    next   bigint NOT NULL
) WITH (fillfactor = 50);

-- Rows that were refused, kept with the reason.
CREATE TABLE set_aside (
    no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream  uuid   NOT NULL,
    payload bytea  NOT NULL,
    reason  text   NOT NULL,
    -- Whose row it was, so that it goes with its client. NULL where nobody could tell.
    client  bigint
);

-- Erased clients, by the SHA-256 of their ids: what still arrives of them is discarded. The highest
-- `no` tells a process that remembers numbers of clients whether one was erased since.
CREATE TABLE tombstone (
    no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client bytea  NOT NULL UNIQUE CHECK (length(client) = 32),
    at     bigint NOT NULL
);

-- Numbers of erased clients whose traces are not all gone. Their rows are shown nowhere. Days before minute
-- `day` are done; deltas up to `delta` have to be folded before the rest of the work can be done.
CREATE TABLE erasing (
    client bigint PRIMARY KEY,
    day    bigint NOT NULL,
    delta  bigint NOT NULL
);

-- Raw rows of before this instant are dropped and not taken again. One row.
CREATE TABLE retention_floor (
    one smallint PRIMARY KEY CHECK (one = 1),
    at  bigint   NOT NULL
);

INSERT INTO retention_floor VALUES (1, 0);
