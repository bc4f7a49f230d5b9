#!lua name=cometary_1

-- What cometary/cluster/record.py says, done by the engine. A session's keys, all in one slot:
-- its state (a hash), its outbox, its inbox (lists), its fields (a hash).
-- Whoever changes what a function takes, does or answers raises the number in all names here, and in `LIBRARY`
-- (cometary/cluster/redis/arguments.py): nodes of the version before go on with the functions that they know.

local OK, FENCED, BEHIND, ENDED, OVER = 0, 1, 2, 3, 4
-- OVER: done, and with it the session is a tombstone

local function is_gone(ended, inbox)
  return ended and redis.call('EXISTS', inbox) == 0
end

-- Appends the counted values that begin at args[at]; returns where the next ones begin.
local function append(key, args, at)
  local count = tonumber(args[at])
  for place = at + 1, at + count do
    redis.call('RPUSH', key, args[place])
  end
  return at + count + 1
end

local function set_fields(key, args, at)
  for place = at, #args, 2 do
    redis.call('HSET', key, args[place], args[place + 1])
  end
end

local function bury(keys, milliseconds)
  redis.call('DEL', keys[2], keys[4])
  redis.call('PEXPIRE', keys[1], milliseconds)
end

-- args: generation, version, rid or '', settled, begun, acknowledged, 'end' or '', reason, life of a tombstone,
-- count and values of accepted, count and values of out, names and values of fields
local function commit(keys, args)
  local state, outbox, inbox = keys[1], keys[2], keys[3]
  local had = redis.call('HMGET', state, 'generation', 'version', 'begun', 'ended', 'rid')
  local generation, version = tonumber(args[1]), tonumber(args[2])
  if not had[1] or tonumber(had[1]) < generation then return BEHIND end
  if tonumber(had[1]) > generation then return FENCED end
  if version < tonumber(had[2]) then return OK end
  if version > tonumber(had[2]) then return BEHIND end
  if is_gone(had[4], inbox) then return ENDED end

  local settled, acknowledged = tonumber(args[4]), tonumber(args[6])
  redis.call('HINCRBY', state, 'version', 1)
  if args[3] ~= '' and tonumber(args[3]) > tonumber(had[5]) then
    redis.call('HSET', state, 'rid', args[3])
  end
  local at = append(outbox, args, append(inbox, args, 10))
  set_fields(keys[4], args, at)
  if settled > 0 then redis.call('LTRIM', inbox, settled, -1) end
  if acknowledged > 0 then
    redis.call('LTRIM', outbox, acknowledged, -1)
    redis.call('HINCRBY', state, 'base', acknowledged)
  end
  if args[7] ~= '' then redis.call('HSET', state, 'ended', args[8]) end
  local has_inbox = redis.call('EXISTS', inbox) == 1
  local begun = has_inbox and (args[5] == '1' or (had[3] == '1' and settled == 0))
  if begun ~= (had[3] == '1') then redis.call('HSET', state, 'begun', begun and '1' or '0') end
  if not has_inbox and (args[7] ~= '' or had[4]) then
    bury(keys, args[9])
    return OVER
  end
  return OK
end

-- args: generation, version, rid, base, begun, 'end' or '', reason, life of a tombstone, owner,
-- count and values of the inbox, count and values of the outbox, names and values of fields
local function put(keys, args)
  redis.call('DEL', unpack(keys))
  redis.call('HSET', keys[1], 'generation', args[1], 'version', args[2], 'rid', args[3], 'base', args[4],
    'begun', args[5], 'owner', args[9])
  if args[6] ~= '' then redis.call('HSET', keys[1], 'ended', args[7]) end
  local at = append(keys[2], args, append(keys[3], args, 10))
  set_fields(keys[4], args, at)
  if is_gone(args[6] ~= '', keys[3]) then
    bury(keys, args[8])
    return OVER
  end
  return OK
end

local function open(keys, args)
  if redis.call('EXISTS', keys[1]) == 1 then return OK end
  return put(keys, args)
end

local function restore(keys, args)
  local had = redis.call('HMGET', keys[1], 'generation', 'version', 'ended')
  if had[1] then
    local generation, version = tonumber(args[1]), tonumber(args[2])
    if tonumber(had[1]) > generation then return FENCED end
    if tonumber(had[1]) == generation and tonumber(had[2]) >= version then
      local kept_is_gone = args[6] ~= '' and args[10] == '0'
      return is_gone(had[3], keys[3]) and not kept_is_gone and ENDED or OK
    end
  end
  return put(keys, args)
end

-- args: owner, the generation that was seen. Returns nothing, or the owner and what else there is if it is the new one.
local function adopt(keys, args)
  local had = redis.call('HMGET', keys[1], 'generation', 'version', 'owner', 'rid', 'base', 'begun', 'ended')
  if not had[1] or is_gone(had[7], keys[3]) then return false end
  if had[1] ~= args[2] then return {had[3]} end
  redis.call('HSET', keys[1], 'generation', tonumber(had[1]) + 1, 'owner', args[1])
  return {
    args[1], tonumber(had[1]) + 1, had[2], had[4], had[5], had[6], had[7] and '1' or '', had[7] or '',
    redis.call('LRANGE', keys[2], 0, -1), redis.call('LRANGE', keys[3], 0, -1), redis.call('HGETALL', keys[4]),
  }
end

local function owner(keys)
  local had = redis.call('HMGET', keys[1], 'owner', 'generation', 'ended')
  if not had[1] or is_gone(had[3], keys[3]) then return false end
  return {had[1], had[2]}
end

-- keys: who has a lease until when (a sorted set), and who that is (a hash).
-- args: node, its incarnation, where it is reached, milliseconds, milliseconds for which it is remembered.
-- Returns nothing if another incarnation has the lease, else name, incarnation and address, and what is left, of each.
local function renew(keys, args)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local mine = args[2] .. ' ' .. args[3]
  local holder = redis.call('HGET', keys[2], args[1])
  local till = redis.call('ZSCORE', keys[1], args[1])
  if holder and till and tonumber(till) > now and string.match(holder, '^%S+') ~= args[2] then return false end
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', keys[1], '-inf', now - args[5])) do
    redis.call('ZREM', keys[1], node)
    redis.call('HDEL', keys[2], node)
  end
  redis.call('ZADD', keys[1], now + args[4], args[1])
  redis.call('HSET', keys[2], args[1], mine)
  local lessees = {}
  local leases = redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')
  for place = 1, #leases, 2 do
    local left = string.format('%d', tonumber(leases[place + 1]) - now)
    table.insert(lessees, {leases[place], redis.call('HGET', keys[2], leases[place]), left})
  end
  return lessees
end

redis.register_function('cometary_1_commit', commit)
redis.register_function('cometary_1_open', open)
redis.register_function('cometary_1_restore', restore)
redis.register_function('cometary_1_adopt', adopt)
redis.register_function('cometary_1_renew', renew)
redis.register_function{function_name = 'cometary_1_owner', callback = owner, flags = {'no-writes'}}
