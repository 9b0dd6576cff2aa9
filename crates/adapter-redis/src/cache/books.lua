-- How the cache does, by all instances: counts, the uses of keys, and what there is.
--
-- KEYS, all on one server: totals, a hash | keys by how often they were asked for | keys by misses times cost | keys by when
-- they were last asked for | hashes of hits, misses, cost | keys of values by when they end | a hash of their sizes | the
-- sum of these.
-- ARGV: time in microseconds | most keys | most values | most bytes | hits | stale | misses | number of keys; of each: key,
-- hits, misses, cost in microseconds or -1, when last; then of each new value: key, when it ends, size.
--
-- Answers hits | stale | misses | values | bytes, then keys of values that there is no room for.

local totals, asked, dear, last, hits, misses, costs, ends, sizes, bytes = unpack(KEYS)
-- Steps in one call.
local MOST = 1000

local function drop(key)
  local size = redis.call('HGET', sizes, key)
  if size then
    redis.call('HDEL', sizes, key)
    redis.call('DECRBY', bytes, size)
  end
end

redis.call('HINCRBY', totals, 'hits', ARGV[5])
redis.call('HINCRBY', totals, 'stale', ARGV[6])
redis.call('HINCRBY', totals, 'misses', ARGV[7])

local at = 9
for _ = 1, tonumber(ARGV[8]) do
  local key, hit, missed, cost, when = unpack(ARGV, at, at + 4)
  at = at + 5
  redis.call('HINCRBY', hits, key, hit)
  local count = redis.call('HINCRBY', misses, key, missed)
  if tonumber(cost) >= 0 then
    redis.call('HSET', costs, key, cost)
  else
    cost = redis.call('HGET', costs, key) or 0
  end
  redis.call('ZINCRBY', asked, hit + missed, key)
  redis.call('ZADD', dear, count * cost, key)
  redis.call('ZADD', last, 'GT', when, key)
end
-- A tenth more than there is too much of, so that this is not done for each key.
local many = redis.call('ZCARD', last) - tonumber(ARGV[2])
if many > 0 then
  local gone = redis.call('ZPOPMIN', last, math.min(many + math.floor(ARGV[2] / 10), MOST))
  for index = 1, #gone, 2 do
    local key = gone[index]
    redis.call('ZREM', asked, key)
    redis.call('ZREM', dear, key)
    redis.call('HDEL', hits, key)
    redis.call('HDEL', misses, key)
    redis.call('HDEL', costs, key)
  end
end

while at <= #ARGV do
  local key, ending, size = unpack(ARGV, at, at + 2)
  at = at + 3
  drop(key)
  redis.call('HSET', sizes, key, size)
  redis.call('INCRBY', bytes, size)
  redis.call('ZADD', ends, ending, key)
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', ARGV[1], 'LIMIT', 0, MOST)) do
  drop(key)
  redis.call('ZREM', ends, key)
end

local evicted = {}
local function is_full()
  return redis.call('ZCARD', ends) > tonumber(ARGV[3]) or tonumber(redis.call('GET', bytes) or 0) > tonumber(ARGV[4])
end
while #evicted < MOST and is_full() do
  local first = redis.call('ZPOPMIN', ends)
  if not first[1] then
    break
  end
  drop(first[1])
  evicted[#evicted + 1] = first[1]
end

local sums = redis.call('HMGET', totals, 'hits', 'stale', 'misses')
local answer = { sums[1], sums[2], sums[3], redis.call('ZCARD', ends), redis.call('GET', bytes) or 0 }
for _, key in ipairs(evicted) do
  answer[#answer + 1] = key
end
return answer
