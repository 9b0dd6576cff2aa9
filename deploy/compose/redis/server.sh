#!/bin/sh
# A Redis without a disk: nothing is kept in it that matters. Sentinels say who is the primary: one that starts asks
# them, and is redis-1's replica, or the primary, only where none of them answers.
set -eu

primary=
for sentinel in sentinel-1 sentinel-2 sentinel-3; do
    primary=$(timeout 2 redis-cli --no-auth-warning -h "$sentinel" -p 26379 -a "$REDIS_SENTINEL_PASSWORD" \
        sentinel get-master-addr-by-name mymaster 2>/dev/null | head -n 1) || primary=
    [ -z "$primary" ] || break
done
[ -n "$primary" ] || primary=redis-1

umask 077
cat > /tmp/redis.conf <<CONF
port 6379
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD
replica-announce-ip $HOSTNAME
CONF
[ "$primary" = "$HOSTNAME" ] || echo "replicaof $primary 6379" >> /tmp/redis.conf
exec redis-server /tmp/redis.conf
