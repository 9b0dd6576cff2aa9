-- The limiter's decisions, each in one step that nothing comes between.
--
-- KEYS[1] is the subject. Its value holds a ring for each quota that it has taken from, one behind the other:
--
--   length of the name, 1 byte | name | bytes of a count, 1 to 4 | window in seconds, 4 | total, 4
--   | latest instant seen, 7 | counting since, 7 | 61 counts
--
-- all numbers without a sign, the lowest byte first. Instants are microseconds since 1970, slots a sixtieth of the window:
-- slot n begins at n times its width, and its count lies at place n modulo 61. The key ends when nothing counts any more.
--
-- ARGV: what to do | the time, or '' for that of Redis | what it is about.
--
-- Time does not run back for a subject whose rings count something: they keep the latest that a call saw, whoever made it.

local PARTS, SLOTS = 60, 61
-- Quotas that a call does not name and that are remembered all the same.
local OTHERS = 8
-- With a time that was given, keys live an hour longer: it may stand still.
local GRACE = 3600000
local HEADER = '<Bc0BI4I4I7I7'
local COUNT = { '<I1', '<I2', '<I3', '<I4' }
local LIMIT = { 256, 65536, 16777216, 4294967296 }
local EMPTY = string.rep('\0', SLOTS)

local call, floor, max, min = redis.call, math.floor, math.max, math.min
local sub, pack, unpack_from = string.sub, struct.pack, struct.unpack

-- What most calls do without is made by the first that needs it: making functions takes as long as deciding.
local made
local function tools()
  if made then
    return made
  end
  local function newest_of(ring)
    return floor(ring.now / ring.width)
  end

  local function oldest_of(ring)
    return max(newest_of(ring) - PARTS, 0)
  end

  -- When a slot is no longer in the ring.
  local function expiry(ring, slot)
    return (slot + 1 + PARTS) * ring.width
  end

  local function get(ring, slot)
    local bytes = ring.bytes
    return (unpack_from(COUNT[bytes], ring.text, ring.base + slot % SLOTS * bytes))
  end

  -- Gives counts more bytes, if that one needs more.
  local function widen(ring, count)
    local was, counts = ring.bytes, {}
    if count < LIMIT[was] then
      return
    end
    while count >= LIMIT[ring.bytes] do
      ring.bytes = ring.bytes + 1
    end
    for place = 0, SLOTS - 1 do
      local narrow = unpack_from(COUNT[was], ring.text, ring.base + place * was)
      counts[place + 1] = pack(COUNT[ring.bytes], narrow)
    end
    ring.text, ring.base = table.concat(counts), 1
  end

  local function put(ring, slot, count)
    widen(ring, count)
    local bytes, first = ring.bytes, ring.base
    local at = first + slot % SLOTS * bytes
    ring.text = sub(ring.text, first, at - 1) .. pack(COUNT[bytes], count)
      .. sub(ring.text, at + bytes, first + SLOTS * bytes - 1)
    ring.base = 1
  end

  local function add(ring, slot, count)
    count = min(count, LIMIT[4] - 1 - ring.total)
    put(ring, slot, get(ring, slot) + count)
    ring.total = ring.total + count
  end

  -- Goes over to another window. What a shorter one had let go of stays forgotten; the rest moves to the end of its slot,
  -- so that it counts too long rather than too short.
  local function change(ring, window, width)
    local moved, oldest = {}, max(floor(ring.now / width) - PARTS, 0)
    for slot = oldest_of(ring), newest_of(ring) do
      local target = floor(min((slot + 1) * ring.width - 1, ring.now) / width)
      if target >= oldest then
        moved[target] = (moved[target] or 0) + get(ring, slot)
      end
    end
    ring.window, ring.width, ring.total = window, width, 0
    ring.text, ring.base, ring.bytes = EMPTY, 1, 1
    for slot, count in pairs(moved) do
      add(ring, slot, count)
    end
  end

  -- Lets go of what has left the window. Takes as many steps as slots have come by since.
  local function advance(ring, now)
    local newest = newest_of(ring)
    ring.now = now
    local passed = newest_of(ring) - newest
    if passed >= SLOTS then
      ring.text, ring.base, ring.bytes, ring.total = EMPTY, 1, 1, 0
    elseif ring.total > 0 then
      for slot = newest + 1, newest + passed do
        -- A slot that comes into the ring takes the place of the one that has left it.
        local count = get(ring, slot)
        if count > 0 then
          put(ring, slot, 0)
          ring.total = ring.total - count
        end
      end
    end
  end

  -- When at least this much of the total will have left the window.
  local function leaves(ring, amount)
    local left = 0
    for slot = oldest_of(ring), newest_of(ring) do
      left = left + get(ring, slot)
      if left >= amount then
        return expiry(ring, slot)
      end
    end
    return expiry(ring, newest_of(ring))
  end

  -- When nothing of what counts now will count any more; 0 if nothing does.
  local function empties(ring)
    if ring.total > 0 then
      for slot = newest_of(ring), oldest_of(ring), -1 do
        if get(ring, slot) > 0 then
          return expiry(ring, slot)
        end
      end
    end
    return 0
  end

  local function give_back(ring, at, count)
    local slot = floor(at / ring.width)
    if at < ring.since or slot < oldest_of(ring) or slot > newest_of(ring) then
      return
    end
    -- After a change of the window the slot may hold less; what was put elsewhere stays there.
    local there = get(ring, slot)
    local given = min(count, there)
    put(ring, slot, there - given)
    ring.total = ring.total - given
  end

  -- Lets go of quotas that the subject may no longer have: those where nothing counts, then those that soonest will not.
  local function forget(rings, quotas, now)
    local is_named, kept, others = {}, {}, {}
    for _, quota in ipairs(quotas) do
      is_named[quota.name] = true
    end
    for _, ring in ipairs(rings) do
      local last = empties(ring)
      if is_named[ring.name] then
        kept[#kept + 1] = ring
      elseif last > now then
        others[#others + 1] = { ring = ring, last = last }
      end
    end
    table.sort(others, function(one, other) return one.last > other.last end)
    for index = 1, min(#others, OTHERS) do
      kept[#kept + 1] = others[index].ring
    end
    return kept
  end

  made = {
    widen = widen, add = add, change = change, advance = advance, leaves = leaves, empties = empties, give_back = give_back,
    forget = forget,
  }
  return made
end

-- The rings of the subject, in order and by name. Counts lie in a text, from a base on.
local value, rings, named = call('GET', KEYS[1]) or '', {}, {}
local from = 1
while from <= #value do
  local name, bytes, window, total, now, since, base = unpack_from(HEADER, value, from)
  from = base + SLOTS * bytes
  local ring = {
    name = name, bytes = bytes, window = window, width = floor((window * 1000000 + PARTS - 1) / PARTS), total = total,
    now = now, since = since, text = value, base = base,
  }
  rings[#rings + 1], named[name] = ring, ring
end

-- The value again. Where one count of a ring is new, it lies beside the others.
local function text()
  local parts, last = {}, 0
  for index = 1, #rings do
    local ring = rings[index]
    local first, after = ring.base, ring.base + SLOTS * ring.bytes - 1
    parts[last + 1] = pack(HEADER, #ring.name, ring.name, ring.bytes, ring.window, ring.total, ring.now, ring.since)
    if ring.fresh then
      parts[last + 2] = sub(ring.text, first, ring.fresh - 1)
      parts[last + 3] = pack(COUNT[ring.bytes], ring.count)
      parts[last + 4] = sub(ring.text, ring.fresh + ring.bytes, after)
      last = last + 4
    else
      parts[last + 2] = sub(ring.text, first, after)
      last = last + 2
    end
  end
  return table.concat(parts)
end

-- Gives back: ARGV[2] is when it was taken; from ARGV[3] on name and count of each quota.
if ARGV[1] == 'refund' then
  for at = 3, #ARGV, 2 do
    local ring = named[ARGV[at]]
    if ring then
      tools().give_back(ring, tonumber(ARGV[2]), tonumber(ARGV[at + 1]))
    end
  end
  if #rings > 0 then
    call('SET', KEYS[1], text(), 'KEEPTTL')
  end
  return {}
end

-- What the clock shows, by which keys end, and the time to count at, which does not run back.
local shown, grace = tonumber(ARGV[2]), GRACE
if not shown then
  local parts = call('TIME')
  shown, grace = parts[1] * 1000000 + parts[2], 0
end
local now = shown
for index = 1, #rings do
  now = max(now, rings[index].now)
end

local function save(by)
  local last = 0
  for index = 1, #rings do
    local ring = rings[index]
    if ring.total > 0 then
      last = max(last, (floor(ring.now / ring.width) + SLOTS) * ring.width)
    end
  end
  by('SET', KEYS[1], text(), 'PX', max(math.ceil((last - shown) / 1000), 1) + grace)
end

-- Counts what was taken elsewhere. From ARGV[3] on: name | window in seconds | how many parts | of each its age and how much it
-- is; then the next quota.
if ARGV[1] == 'merge' then
  local at = 3
  while at <= #ARGV do
    local name, window, last = ARGV[at], tonumber(ARGV[at + 1]), at + 1 + 2 * ARGV[at + 2]
    local ring, width = named[name], floor((window * 1000000 + PARTS - 1) / PARTS)
    if not ring then
      ring = {
        name = name, bytes = 1, window = window, width = width, total = 0, now = now, since = now, text = EMPTY, base = 1,
      }
      rings[#rings + 1], named[name] = ring, ring
    elseif ring.window ~= window then
      tools().change(ring, window, width)
    end
    tools().advance(ring, now)
    for part = at + 3, last, 2 do
      local slot = floor((now - ARGV[part]) / width)
      if slot >= floor(now / width) - PARTS then
        tools().add(ring, slot, tonumber(ARGV[part + 1]))
      end
    end
    at = last + 2
  end
  save(call)
  return {}
end

-- Gives back tokens before anything is decided: ARGV[4] is when they were handed out, ARGV[5] of how many quotas; then name and
-- count of each.
local first, is_less = 6 + 2 * ARGV[5], false
for at = 6, first - 1, 2 do
  local ring = named[ARGV[at]]
  if ring then
    tools().give_back(ring, tonumber(ARGV[4]), tonumber(ARGV[at + 1]))
    is_less = true
  end
end
if is_less then
  -- Now, because of what follows a refused call and a peek leave nothing behind.
  call('SET', KEYS[1], text(), 'KEEPTTL')
end

-- After that: name | window in seconds | limit | cost, -1 if it never fits | 1 if it is a shadow | tokens that are wanted
-- beside the cost; then the next quota. Of the real ones without room the one that has to be waited for longest refuses.
local quotas, by, free, is_later, is_other = {}, -1, 0, false, false
for at = first, #ARGV, 6 do
  local name, window = ARGV[at], tonumber(ARGV[at + 1])
  local ring, width = named[name], floor((window * 1000000 + PARTS - 1) / PARTS)
  local limit, cost, over = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), 0
  if ring then
    if ring.window ~= window then
      tools().change(ring, window, width)
      is_other = true
    end
    if floor(now / width) ~= floor(ring.now / width) then
      tools().advance(ring, now)
      is_later = true
    end
    ring.now = now
    over = cost > 0 and ring.total + cost - limit or 0
  end
  local is_shadow = ARGV[at + 4] == '1'
  quotas[#quotas + 1] = {
    name = name, window = window, width = width, limit = limit, cost = cost, wanted = tonumber(ARGV[at + 5]),
    ring = ring or false, empties = -1, handed = 0, would_refuse = is_shadow and (over > 0 or cost < 0),
  }
  if over > 0 and not is_shadow then
    local until_free = tools().leaves(ring, over)
    if until_free >= free then
      by, free = #quotas - 1, until_free
    end
  end
end

-- Counts a call that no real quota refuses, and with it the tokens that it is handed: as many as leave ARGV[3] percent of a
-- limit. What counted the call, and which shadows would have refused it, are bits.
local counted, refusing, is_more = 0, 0, false
if by < 0 and ARGV[1] == 'take' then
  if #rings > OTHERS then
    rings = tools().forget(rings, quotas, now)
  end
  for index = 1, #quotas do
    local quota = quotas[index]
    local ring = quota.ring
    if quota.would_refuse then
      refusing = refusing + 2 ^ (index - 1)
    elseif quota.wanted > 0 then
      local rest = quota.limit - (ring and ring.total or 0) - quota.cost - math.ceil(quota.limit * ARGV[3] / 100)
      quota.handed = max(min(quota.wanted, rest), 0)
    end
    local amount = quota.would_refuse and 0 or quota.cost + quota.handed
    if amount > 0 then
      if quota.cost == 0 then
        -- What is not spent yet need not be waited for.
        quota.empties = ring and tools().empties(ring) or 0
      end
      if not ring then
        ring = {
          name = quota.name, bytes = 1, window = quota.window, width = quota.width, total = 0, now = now, since = now,
          text = EMPTY, base = 1,
        }
        rings[#rings + 1], quota.ring = ring, ring
      end
      local slot, bytes = floor(now / ring.width), ring.bytes
      local place = slot % SLOTS
      local count = unpack_from(COUNT[bytes], ring.text, ring.base + place * bytes) + amount
      if count >= LIMIT[bytes] then
        tools().widen(ring, count)
      end
      ring.fresh, ring.count = ring.base + place * ring.bytes, count
      ring.total = ring.total + amount
      is_more = true
      if quota.cost > 0 then
        quota.empties = (slot + SLOTS) * ring.width
        counted = counted + 2 ^ (index - 1)
      end
    end
  end
end
-- What was not counted leaves nothing behind but the time, where that is in another slot: what has left the window then stays
-- gone, and what comes after is not counted before. A Redis without memory need not keep it.
if is_more then
  save(call)
elseif is_later and not is_other then
  save(redis.pcall)
end

-- shown | counted at | index of the quota that refuses, or -1 | until when | bits: counted | bits: would refuse; then of each
-- quota its total, when it empties, and the tokens that were handed out.
local answer = { shown, now, by, free, counted, refusing }
for index = 1, #quotas do
  local quota = quotas[index]
  local ring = quota.ring
  answer[4 + 3 * index] = ring and ring.total or 0
  answer[5 + 3 * index] = ring and (quota.empties < 0 and tools().empties(ring) or quota.empties) or 0
  answer[6 + 3 * index] = quota.handed
end
return answer
