-- Who may compute the value of a key, in one step that nothing comes between.
--
-- KEYS: the value | the lease, which holds its token and since when it is out, in microseconds since 1970.
-- ARGV: what to do | token | then, by that:
--
--   ask      the time, or '' for that of Redis | how long a lease is good, in microseconds | the end of a value that
--            the caller has seen and does not want. Answers 1 and the value, if there is another; 2 if somebody else has
--            the lease; 3 if the caller has it now.
--   lease    the same, whether there is a value or not.
--   fill     value | its life in milliseconds. Answers whether the lease was good.
--   release

local what, token = ARGV[1], ARGV[2]

local function holder()
  local lease = redis.call('GET', KEYS[2])
  if lease then
    local separator = string.find(lease, ' ', 1, true)
    if separator then
      return string.sub(lease, 1, separator - 1), tonumber(string.sub(lease, separator + 1))
    end
  end
end

local function take()
  local now = tonumber(ARGV[3])
  if not now then
    local parts = redis.call('TIME')
    now = parts[1] * 1000000 + parts[2]
  end
  local good = tonumber(ARGV[4])
  local _, since = holder()
  if since and now >= since and now - since < good then
    return { 2 }
  end
  redis.call('SET', KEYS[2], token .. ' ' .. string.format('%.0f', now), 'PX', math.ceil(good / 1000))
  return { 3 }
end

if what == 'ask' then
  local value = redis.call('GET', KEYS[1])
  if value and (ARGV[5] == '' or string.sub(value, -#ARGV[5]) ~= ARGV[5]) then
    return { 1, value }
  end
  return take()
elseif what == 'lease' then
  return take()
end
if holder() ~= token then
  return { 0 }
end
redis.call('UNLINK', KEYS[2])
if what == 'fill' then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
return { 1 }
