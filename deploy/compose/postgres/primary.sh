#!/bin/sh
# Runs once, when the primary's folder is made: the user of the replicas, and that of the instances.
set -eu

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set replication_password="$REPLICATION_PASSWORD" --set password="$DATABASE_PASSWORD" <<'SQL'
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replication_password';
CREATE ROLE activity_tracker LOGIN PASSWORD :'password';
CREATE DATABASE activity_tracker OWNER activity_tracker ENCODING 'UTF8' TEMPLATE template0;
SQL

# What a replica has not fetched yet is kept for it, by its slot, up to max_slot_wal_keep_size.
for slot in replica_1 replica_2; do
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --command "SELECT pg_create_physical_replication_slot('$slot')"
done

echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"
