"""The sliding window that all workers share, as it runs inside Redis: one script, so one step.

``KEYS[1]`` is a hash of one account and bucket:

* "s<slot>": calls granted in that slot, "newest": the latest time seen, "window" and "slots": the seconds of the
  window that they are of, and how many it has;
* "blocked": nothing is granted before this time;
* "limit", "per", "told": a limit learned from answers (calls, seconds, when);
* "kept<rank>": until when lower lanes leave the next free call to this one;
* "left", "left_told": calls left by the provider's own count, and when it said so. For an hour it counts beside ours.

All times are seconds on the wire clock. A window of n slots touches at most n + 1 of them, so the grants of that
many are what counts. A window is that of our pace (``Limit.ours`` of ``connector.brevo.buckets``), not of the limit.
"""

from __future__ import annotations

GRAB = """
local function text(number) return string.format('%.6f', number) end
local function whole(number) return string.format('%.0f', number) end

local now, limit, seconds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local share, part, rank = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local most, at_least = tonumber(ARGV[7]), tonumber(ARGV[8])
local coarse, fine, long, few = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local memory, life = tonumber(ARGV[13]), tonumber(ARGV[14])
local key, facts, counts = KEYS[1], {}, {}

local stored = redis.call('HGETALL', key)
for i = 1, #stored, 2 do
  local slot = string.match(stored[i], '^s(%d+)$')
  if slot then
    counts[tonumber(slot)] = tonumber(stored[i + 1])
  else
    facts[stored[i]] = tonumber(stored[i + 1])
  end
end

-- Machines' clocks differ a little: time never goes back for the bucket.
now = math.max(now, facts.newest or now)
local told = 0
if facts.limit and now - facts.told < memory then
  -- Without a rank it is the plan's day, for which the merchant's own figure holds too.
  limit, seconds, told = rank > 0 and facts.limit or math.min(limit, facts.limit), facts.per, facts.told
end

local share_of_limit = limit * share / 100
local ours = math.max(1, math.ceil(share_of_limit - 1e-9))
local told_seconds = seconds
if share_of_limit > 0 then seconds = seconds * ours / share_of_limit end

local slots = (seconds > long or ours <= few) and fine or coarse
local before, slots_before = facts.window or seconds, facts.slots or slots
-- Written with six digits, which is not enough to number slots by.
local same = math.abs(before - seconds) <= 1e-6 and slots_before == slots
if same then before = seconds end
local used, oldest = 0, math.floor(now * slots_before / before) - slots_before
for at, count in pairs(counts) do
  if at < oldest then
    redis.call('HDEL', key, 's' .. whole(at))
    counts[at] = nil
  else
    used = used + count
  end
end
local slot = math.floor(now * slots / seconds)
if not same then
  -- Slots of another length: what they count is taken for as new as can be.
  for at, _ in pairs(counts) do redis.call('HDEL', key, 's' .. whole(at)) end
  counts = {[slot] = used}
  if used > 0 then redis.call('HSET', key, 's' .. whole(slot), whole(used)) end
end
redis.call('HSET', key, 'newest', text(now), 'window', text(seconds), 'slots', whole(slots))
redis.call('EXPIRE', key, whole(life))

local function answer(granted, wait)
  return {granted, text(wait), whole(slot), text(limit), text(told_seconds), text(told)}
end

if (facts.blocked or 0) > now then
  return answer(0, facts.blocked - now)
end
for higher = 1, rank - 1 do
  if (facts['kept' .. higher] or 0) > now then
    return answer(0, facts['kept' .. higher] - now)
  end
end

local allowed = math.max(1, math.floor(ours * part / 100))
at_least = math.min(at_least, allowed)
local free = allowed - used
local left = facts.left and now - facts.left_told < 3600 and facts.left - (ours - allowed)
if left and left < math.min(free, at_least) then
  return answer(0, facts.left_told + 3600 - now)
end
free = math.min(free, left or free)
if free < at_least then
  local wait = 1
  for at = slot - slots, slot do
    free = free + (counts[at] or 0)
    if free >= at_least then
      wait = (at + slots + 1) * seconds / slots - now
      break
    end
  end
  if rank > 0 then
    local grace = math.max(seconds / slots, math.min(seconds, 1))
    redis.call('HSET', key, 'kept' .. rank, text(now + wait + grace))
  end
  return answer(0, wait)
end

local granted = math.min(most, free)
redis.call('HINCRBY', key, 's' .. whole(slot), granted)
if left then redis.call('HINCRBY', key, 'left', -granted) end
return answer(granted, 0)
"""

# Arguments: the slot's field, how many calls.
GIVE_BACK = """
for field, sign in pairs({[ARGV[1]] = -1, left = 1}) do
  if redis.call('HEXISTS', KEYS[1], field) == 1 then
    redis.call('HINCRBY', KEYS[1], field, sign * tonumber(ARGV[2]))
  end
end
"""

# Arguments: "blocked" at least (0: as it is), seconds to live, then names and values to set.
TELL = """
local blocked = tonumber(redis.call('HGET', KEYS[1], 'blocked') or '0')
if tonumber(ARGV[1]) > blocked then redis.call('HSET', KEYS[1], 'blocked', ARGV[1]) end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[2]))
"""
