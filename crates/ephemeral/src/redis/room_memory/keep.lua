-- Lays out a room. KEYS[1] its list, KEYS[2] the note about it; ARGV: the room's version, and what was said, the newest first.
local known = redis.call('HGET', KEYS[2], 'version')
if known and tonumber(known) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
redis.call('HSET', KEYS[2], 'version', ARGV[1], 'list', KEYS[1])
return 1
