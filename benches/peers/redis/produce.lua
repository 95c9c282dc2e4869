-- POST produce/direct in one script. ARGV: how many members there are, a number that picks one of them, two halves of
-- the event number (redis-benchmark's random numbers have 31 bits at most), points (ten-thousandths), days to expiry,
-- then what the event says of itself: type, scene, store, cost center, operator, description.
--
-- m:MEMBER  hash: active                 e:MEMBER  hash: event number -> record, fingerprint, active points after it
-- l:MEMBER  sorted set: lots by expiry   r:MEMBER  hash: lot -> points that remain
-- records   stream: what happened, append-only; its ids are the auto_ids
local member = ('ec_18165fd7455_%09d'):format(tonumber(ARGV[2]) % tonumber(ARGV[1]))
local event = 'EACH2022' .. ARGV[3] .. ARGV[4]
local points, days = tonumber(ARGV[5]), tonumber(ARGV[6])
local content = table.concat(ARGV, '\0', 5)
local fingerprint = redis.sha1hex(content)

local known = redis.call('HGET', 'e:' .. member, event)
if known then
    local id, print_, after = known:match('^(%d+) (%x+) (%d+)$')
    if print_ ~= fingerprint then
        return redis.error_reply('40901 this number was used with other content')
    end
    return {tonumber(id), tonumber(after), 1}
end

local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local expire = at + days * 86400000

-- Lots that have expired meanwhile leave the active points.
local gone = redis.call('ZRANGEBYSCORE', 'l:' .. member, '-inf', at)
for _, lot in ipairs(gone) do
    local held = redis.call('HGET', 'r:' .. member, lot)
    redis.call('HINCRBY', 'm:' .. member, 'active', -held)
    redis.call('HDEL', 'r:' .. member, lot)
    redis.call('ZREM', 'l:' .. member, lot)
    local id = redis.call('INCR', 'last') .. '-0'
    redis.call('XADD', 'records', id, 't', 'expired', 'm', member, 'p', held, 'o', lot)
end

local id = redis.call('INCR', 'last')
local active = redis.call('HINCRBY', 'm:' .. member, 'active', points)
redis.call('ZADD', 'l:' .. member, expire, id)
redis.call('HSET', 'r:' .. member, id, points)
redis.call('HSET', 'e:' .. member, event, id .. ' ' .. fingerprint .. ' ' .. active)
redis.call('XADD', 'records', id .. '-0', 't', 'produce', 'm', member, 'e', event, 'p', points, 'at', at, 'x', expire,
    'a', active, 'c', content)
return {id, active, 0}
