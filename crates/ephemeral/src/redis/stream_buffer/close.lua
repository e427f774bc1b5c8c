-- Ends the stream of a run that was another process's. KEYS[1] the stream; ARGV: fence, seconds until it expires.
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not top or top[2][1] == 'end' then return 0 end
if tonumber(string.match(top[1], '^(%d+)')) ~= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. string.format('%.0f', 2 ^ 53), 'end', '')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
