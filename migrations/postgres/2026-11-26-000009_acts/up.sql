-- What admins did, written in the transaction of what was done where that is in this database. It holds no name, no
-- email and no secret, so that nothing of it has to go when its client is erased.
CREATE TABLE act (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          bigint NOT NULL,
    actor       text   COLLATE "C" NOT NULL,
    -- NULL: by the command line.
    request     text,
    action      text   NOT NULL,
    target      text   COLLATE "C",
    -- A line for each field: its name, what it was, what it is.
    differences text   NOT NULL
);

CREATE INDEX act_target ON act (target, no);
-- By which old ones are found.
CREATE INDEX act_at ON act (at);

CREATE FUNCTION refuse_to_change_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'acts are only added';
END $$;

CREATE TRIGGER act_stays BEFORE UPDATE ON act FOR EACH ROW EXECUTE FUNCTION refuse_to_change_act();
