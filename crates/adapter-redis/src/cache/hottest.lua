-- The hottest keys.
--
-- KEYS: keys by how hot they are | by when they were last asked for | hashes of hits, misses, cost. ARGV: how many.
-- Answers of each: key, hits, misses, cost in microseconds, when it was last asked for.

local answer = {}
for _, key in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local when = redis.call('ZSCORE', KEYS[2], key)
  if when then
    answer[#answer + 1] = key
    for index = 3, 5 do
      answer[#answer + 1] = redis.call('HGET', KEYS[index], key) or '0'
    end
    answer[#answer + 1] = when
  end
end
return answer
