-- Counts deliveries of a composite that has a link. KEYS: link. ARGV: how many, unix seconds.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'hits', ARGV[1])
redis.call('HSET', KEYS[1], 'used', ARGV[2])
return 1
