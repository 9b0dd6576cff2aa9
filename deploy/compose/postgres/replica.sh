#!/bin/sh
# A streaming replica: copies the primary when its folder is empty, and follows it.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    until pg_isready --quiet --host postgres-1 --username replicator; do
        sleep 1
    done
    # A copy that broke off is begun anew.
    rm -rf "${PGDATA:?}"/*
    PGPASSWORD="$REPLICATION_PASSWORD" pg_basebackup --host postgres-1 --username replicator --pgdata "$PGDATA" \
        --wal-method=stream --checkpoint=fast --write-recovery-conf --slot="$REPLICATION_SLOT"
    chmod 0700 "$PGDATA"
fi
exec postgres -c hot_standby=on -c hot_standby_feedback=on
