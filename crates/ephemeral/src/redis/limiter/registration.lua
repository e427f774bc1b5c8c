-- Takes one of the registrations that an address may make in any hour; answers how many milliseconds to wait, 0 when it
-- was taken. KEYS[1] the address's times; ARGV: now, how many, the hour.
local now, hour = tonumber(ARGV[1]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - hour)
local taken = redis.call('ZCARD', KEYS[1])
if taken >= tonumber(ARGV[2]) then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, tonumber(oldest[2]) + hour - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[1] .. ':' .. taken)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 0
