-- Takes one of the requests that a key may make in its minute, which begins with the first of them; answers how many
-- milliseconds to wait, 0 when it was taken. KEYS[1] the key's minute; ARGV: now, how many, the minute.
local now, minute = tonumber(ARGV[1]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'since', 'taken')
local since = tonumber(kept[1] or nil)
if not since or now >= since + minute then
  redis.call('HSET', KEYS[1], 'since', ARGV[1], 'taken', 1)
  -- By Redis's own clock: a minute that began in the future of an instance's clock ends all the same.
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 0
end
if tonumber(kept[2]) >= tonumber(ARGV[2]) then
  return math.min(minute, math.max(1, since + minute - now))
end
redis.call('HINCRBY', KEYS[1], 'taken', 1)
return 0
