-- Adds deltas to a turn's stream. Entries are named <fence>-<n>, so an older run can add nothing to a newer one's.
--
-- KEYS[1] the stream; ARGV: fence, number of the first delta given, "1" when the writer holds nothing before it, "1" when no
-- more will come, seconds until the stream expires, how many entries it may have, and the deltas.
-- Answers the number of the last delta held; -1 when the stream is not the writer's any more or has ended; -2 when
-- everything must be given again from the first delta on.
local key, fence, first = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local whole, last = ARGV[3] == '1', ARGV[4] == '1'
local function name(n) return ARGV[1] .. '-' .. string.format('%.0f', n) end
local top = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
local held
if top then
  local f, n = string.match(top[1], '(%d+)-(%d+)')
  f, n = tonumber(f), tonumber(n)
  if f > fence then return -1 end
  if f == fence then
    if top[2][1] == 'end' then return -1 end
    held = n
    if first > held + 1 then
      if not whole then return held end
      held = nil
    end
  end
end
if not held then
  if not whole then return -2 end
  redis.call('DEL', key)
  held = first - 1
  redis.call('XADD', key, name(held), 'begin', '')
end
for i = 7, #ARGV do
  local n = first + i - 7
  if n > held then
    redis.call('XADD', key, 'MAXLEN', '~', ARGV[6], name(n), 'text', ARGV[i])
    held = n
  end
end
if last then redis.call('XADD', key, name(2 ^ 53), 'end', '') end
redis.call('EXPIRE', key, ARGV[5])
return held
