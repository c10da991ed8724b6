-- Gives a lease back, if it is still ours, with what came of it. KEYS: link, lease, failure. ARGV: token, channel, news,
-- the link or '', unix seconds, the failure or '', its life in ms. Answers whether it was ours.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
if ARGV[4] ~= '' then
  redis.call('HSETNX', KEYS[1], 'link', ARGV[4])
  redis.call('HSET', KEYS[1], 'used', ARGV[5])
end
if ARGV[6] ~= '' then
  redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[7])
end
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
