-- Takes one call out of a bucket that holds a minute's calls and refills steadily. The bucket is kept as the instant at
-- which it will be full again, by the server's clock. KEYS: bucket. ARGV: microseconds that one call takes to refill.
-- Answers what is owed then, in microseconds; over a minute: the call was not taken.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local minute, one = 60000000, tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + one
local owed = full - now
if owed <= minute then
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil(owed / 1000))
end
return string.format('%.0f', owed)
