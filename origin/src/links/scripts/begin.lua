-- May this instance render? KEYS: link, lease, failure. ARGV: token, or '' of one who only looks; life of the lease in
-- ms; '1' if the link is known to point at nothing. Who only looks is told the time, in Unix seconds: one clock for all.
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
end
local link = redis.call('HMGET', KEYS[1], 'link', 'hits', 'used')
if link[1] then
  return {'found', link[1], link[2] or '0', link[3] or '0'}
end
local failure = redis.call('GET', KEYS[3])
if failure then
  return {'failed', failure}
end
if ARGV[1] == '' then
  local left = redis.call('PTTL', KEYS[2])
  if left > 0 then
    return {'taken', tostring(left)}
  end
  return {'free', redis.call('TIME')[1]}
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return {'granted'}
end
return {'taken', tostring(redis.call('PTTL', KEYS[2]))}
