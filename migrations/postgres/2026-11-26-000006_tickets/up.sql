-- Tickets for streams that were used. They are good for one use on all instances together, and forgotten an hour
-- after their time.
CREATE TABLE used_ticket (
    id    uuid   PRIMARY KEY,
    until bigint NOT NULL
);

-- By which old ones are found.
CREATE INDEX used_ticket_until ON used_ticket (until);
