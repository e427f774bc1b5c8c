-- Notes a failed login. KEYS[1] the name's streak; ARGV: now, free failures, first wait, longest wait, how long it is remembered.
local now, free = tonumber(ARGV[1]), tonumber(ARGV[2])
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local wait = 0
if failures >= free then
  wait = math.min(tonumber(ARGV[3]) * 2 ^ math.min(failures - free, 30), tonumber(ARGV[4]))
end
redis.call('HSET', KEYS[1], 'until', now + wait)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 0
