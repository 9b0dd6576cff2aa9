#!/bin/sh
# A Sentinel. It writes what it learns into its file, which is made once.
set -eu

file=/data/sentinel.conf
if [ ! -s "$file" ]; then
    umask 077
    cat > "$file" <<CONF
port 26379
dir /data
# Containers keep their names and not their addresses.
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $HOSTNAME
sentinel monitor mymaster redis-1 6379 2
sentinel auth-pass mymaster $REDIS_PASSWORD
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 10000
sentinel parallel-syncs mymaster 1
requirepass $REDIS_SENTINEL_PASSWORD
sentinel sentinel-pass $REDIS_SENTINEL_PASSWORD
CONF
fi
exec redis-sentinel "$file"
