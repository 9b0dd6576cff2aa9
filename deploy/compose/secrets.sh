#!/bin/sh
# Makes the files with secrets that compose.yml reads, each secret of 256 random bits. It does so once.
set -eu
cd "$(dirname "$0")"
umask 077

if [ -e secrets ]; then
    echo "there are secrets already; to change one, see docs/operations.md"
    exit 0
fi

random() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

database=$(random)
replication=$(random)
redis=$(random)
sentinel=$(random)
metrics=$(random)
# All of them or none: a run that breaks off leaves nothing that the next one would go on with.
rm -rf secrets.new
mkdir secrets.new

cat > secrets.new/postgres-primary.env <<ENV
POSTGRES_PASSWORD=$(random)
REPLICATION_PASSWORD=$replication
DATABASE_PASSWORD=$database
ENV
cat > secrets.new/postgres-replica.env <<ENV
REPLICATION_PASSWORD=$replication
ENV
cat > secrets.new/redis.env <<ENV
REDIS_PASSWORD=$redis
REDIS_SENTINEL_PASSWORD=$sentinel
ENV
# All servers of Postgres: whichever takes writes is used, also after a replica was promoted.
cat > secrets.new/server.env <<ENV
DATABASE_URL=postgres://activity_tracker:$database@postgres-1,postgres-2,postgres-3/activity_tracker?target_session_attrs=read-write
REDIS_PASSWORD=$redis
REDIS_SENTINEL_PASSWORD=$sentinel
ADMIN_API_KEY=$(random)
JWT_SECRET=$(random)
ENCRYPTION_KEY=$(random)
METRICS_TOKEN=$metrics
ENV
cat > secrets.new/grafana.env <<ENV
GF_SECURITY_ADMIN_PASSWORD=$(random)
ENV
printf '%s' "$metrics" > secrets.new/metrics_token
# Prometheus runs as another user than whoever calls this.
chmod 0444 secrets.new/metrics_token
mv secrets.new secrets
echo "the admin's key is ADMIN_API_KEY in $(pwd)/secrets/server.env"
