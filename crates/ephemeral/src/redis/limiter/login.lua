-- May a login for this name be tried now? Answers how many milliseconds to wait; 0 lets the try through.
-- KEYS[1] the name's streak; ARGV: now, free failures, first wait, longest wait, how long a try holds the name.
local now, free = tonumber(ARGV[1]), tonumber(ARGV[2])
local streak = redis.call('HMGET', KEYS[1], 'failures', 'until')
local failures, till = tonumber(streak[1] or 0), tonumber(streak[2] or 0)
if failures < free then return 0 end
local wait = math.min(tonumber(ARGV[3]) * 2 ^ math.min(failures - free, 30), tonumber(ARGV[4]))
local held = tonumber(ARGV[5])
-- A place further away than any wait is the mark of a clock that went wrong.
if now < till and till - now <= math.max(wait, held) then return till - now end
redis.call('HSET', KEYS[1], 'until', now + math.min(wait, held))
return 0
