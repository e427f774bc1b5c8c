-- Takes a room's list away. KEYS[1] the note about it, which stays for a while: whoever read the room before it was
-- gone must not lay it out again.
local list = redis.call('HGET', KEYS[1], 'list')
if list then redis.call('DEL', list) end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', '9007199254740991')
redis.call('EXPIRE', KEYS[1], 3600)
return 1
