"""The sliding window that all workers share, as it runs inside Redis: one script, so one step.

``KEYS[1]`` is a hash: "s<slot>" -> calls granted in that slot, "newest" slot, "blocked" (the slot before
which nothing is granted), "limit" (learned from answers). Arguments: slot now, slots per window, limit of the
table, our share in percent, most, at least, seconds to live. Answer: granted, slots to wait if none, slot of
the grant.

A window of ``slots`` slots touches at most ``slots`` + 1 of them, so the grants of that many are what counts.
"""

from __future__ import annotations

SCRIPT = """
local function text(number) return string.format('%.0f', number) end

local slot, slots, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local share, most, at_least = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local blocked, counts = 0, {}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local field, value = stored[i], tonumber(stored[i + 1])
  if field == 'newest' then
    -- Machines' clocks differ a little: time never goes back for the bucket.
    slot = math.max(slot, value)
  elseif field == 'blocked' then
    blocked = value
  elseif field == 'limit' then
    limit = value
  else
    counts[tonumber(string.sub(field, 2))] = value
  end
end

local used = 0
for at, count in pairs(counts) do
  if at < slot - slots then
    redis.call('HDEL', KEYS[1], 's' .. text(at))
  else
    used = used + count
  end
end

if blocked > slot then
  return {0, blocked - slot, slot}
end

local usable = math.max(1, math.floor(limit * share / 100))
local free = usable - used
if free < at_least then
  local wait = 1
  for at = slot - slots, slot do
    free = free + (counts[at] or 0)
    if free >= at_least then
      wait = at + slots + 1 - slot
      break
    end
  end
  return {0, wait, slot}
end

local granted = math.min(most, free)
redis.call('HINCRBY', KEYS[1], 's' .. text(slot), granted)
redis.call('HSET', KEYS[1], 'newest', text(slot))
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[7]))
return {granted, 0, slot}
"""
