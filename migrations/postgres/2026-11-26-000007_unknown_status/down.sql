-- Fails where such a call was recorded: the earlier program cannot read it.
ALTER TABLE activity DROP CONSTRAINT activity_status_check;
ALTER TABLE activity ADD CONSTRAINT activity_status_check CHECK (status BETWEEN 100 AND 599);
