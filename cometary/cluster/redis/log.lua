#!lua name=cometary_log_1

-- What cometary/cluster/path_logs.py says, done by the engine. A shelf's keys, all in one slot: its state (a hash), its
-- paths of which something is kept, and those of which nothing is, by their latest numbers (sorted sets).
-- Beside them, each with the name of the first without its last letter in front: `e:PATH`, the entries (a list),
-- `m:PATH`, what else is known of a path (a hash), `t:NODE`, what a node was answered last, `k:KEY`, what had a key.
-- Whoever changes what a function takes, does or answers raises the number in all names here, and in `LOG_LIBRARY`
-- (cometary/cluster/redis/logs.py).

local NEW, REPEAT, REUSED = 0, 1, 2
local LEFT_OUT = 1000000  -- numbers that a process of the engine leaves out, since the one before may have given them
local REMEMBERED = 3600000  -- milliseconds for which a node is known that appends nothing more

local server  -- which process of the engine this is: the library is loaded anew in each

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Returns the epoch, which is another one if this is another process than before.
local function epoch_of(state)
  if not server then server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
  local had = redis.call('HMGET', state, 'base', 'server', 'life')
  if not had[1] then
    local base = string.format('%s%x', string.sub(server, 1, 4), now())
    redis.call('HSET', state, 'base', base, 'server', server, 'life', 1, 'number', 0, 'forgotten', 0, 'bytes', 0)
    return base .. '.1'
  end
  if had[2] == server then return had[1] .. '.' .. had[3] end
  redis.call('HSET', state, 'server', server)
  redis.call('HINCRBY', state, 'number', LEFT_OUT)
  return had[1] .. '.' .. redis.call('HINCRBY', state, 'life', 1)
end

local function head_of(entry)
  local number, when, size = string.match(entry, '^(%d+) (%d+) (%d+) ')
  return number, tonumber(when), tonumber(size)
end

local function drop_first(base, path)
  local number, when, size = head_of(redis.call('LPOP', base .. 'e:' .. path))
  redis.call('HSET', base .. 'm:' .. path, 'lost', number, 'lost_at', when)
  redis.call('HINCRBY', base .. 's', 'bytes', -size)
  return redis.call('HINCRBY', base .. 'm:' .. path, 'bytes', -size)
end

local function drop_all(base, path, number)
  local log, about = base .. 'e:' .. path, base .. 'm:' .. path
  local last = redis.call('LINDEX', log, -1)
  local had = redis.call('HGET', about, 'bytes')
  if last then
    local _, when = head_of(last)
    redis.call('HSET', about, 'lost_at', when)
  end
  redis.call('HINCRBY', base .. 's', 'bytes', 0 - tonumber(had or 0))
  redis.call('HSET', about, 'lost', number, 'bytes', 0)
  redis.call('DEL', log)
end

-- Two paths for each that is appended to: so those of which all is too old never pile up.
local function drop_old(keys, base, before)
  for _, path in ipairs(redis.call('ZRANGE', keys[2], 0, 1)) do
    local first = redis.call('LINDEX', base .. 'e:' .. path, 0)
    while first do
      local _, when = head_of(first)
      if when >= before then return end
      drop_first(base, path)
      first = redis.call('LINDEX', base .. 'e:' .. path, 0)
    end
    redis.call('ZADD', keys[3], redis.call('ZSCORE', keys[2], path), path)
    redis.call('ZREM', keys[2], path)
  end
end

local function make_room(keys, base, most_paths, most_bytes)
  while tonumber(redis.call('HGET', keys[1], 'bytes')) > most_bytes do
    local path, number = unpack(redis.call('ZPOPMIN', keys[2]))
    drop_all(base, path, number)
    redis.call('ZADD', keys[3], number, path)
  end
  while redis.call('ZCARD', keys[2]) + redis.call('ZCARD', keys[3]) > most_paths do
    local from = redis.call('ZCARD', keys[3]) > 0 and keys[3] or keys[2]
    local path, number = unpack(redis.call('ZPOPMIN', from))
    drop_all(base, path, number)
    redis.call('DEL', base .. 'm:' .. path)
    if tonumber(number) > tonumber(redis.call('HGET', keys[1], 'forgotten')) then
      redis.call('HSET', keys[1], 'forgotten', number)
    end
  end
end

-- Returns the number of the entry, and that of the one before it on its path.
local function keep(keys, base, args)
  local path, size = args[1], tonumber(args[3])
  local log, about = base .. 'e:' .. path, base .. 'm:' .. path
  local number = redis.call('HINCRBY', keys[1], 'number', 1)
  local before = redis.call('ZSCORE', keys[2], path) or redis.call('ZSCORE', keys[3], path)
  if not before then
    before = redis.call('HGET', keys[1], 'forgotten')
    redis.call('HSET', about, 'lost', before)
  end
  local time = now()
  redis.call('ZREM', keys[3], path)
  redis.call('ZADD', keys[2], number, path)
  redis.call('RPUSH', log, string.format('%d %d %d ', number, time, size) .. args[2])
  redis.call('HINCRBY', keys[1], 'bytes', size)
  local bytes = redis.call('HINCRBY', about, 'bytes', size)
  while redis.call('LLEN', log) > tonumber(args[4]) or bytes > tonumber(args[5]) do
    bytes = drop_first(base, path)
  end
  drop_old(keys, base, time - tonumber(args[6]))
  make_room(keys, base, tonumber(args[7]), tonumber(args[8]))
  return number, tonumber(before)
end

-- args: path, update, its size, packets, bytes and milliseconds that are kept of a path, paths and bytes of the shelf,
-- who appends, the how-many-th this is of theirs, up to which they have had answers, key or '', digest, its milliseconds
-- Returns what has become of it, epoch, number, the number before.
local function append(keys, args)
  local base = string.sub(keys[1], 1, -2)
  local epoch = epoch_of(keys[1])
  local told = base .. 't:' .. args[9]
  local again = redis.call('HGET', told, args[10])
  if again then
    local kind, of, number, before = string.match(again, '^(%d) (%S+) (%d+) (%d+)$')
    return {tonumber(kind), of, tonumber(number), tonumber(before)}
  end
  local kind, number, before = NEW, 0, 0
  local key = base .. 'k:' .. args[12]
  local digest = args[12] ~= '' and redis.call('GET', key)
  if digest then
    kind = digest == args[13] and REPEAT or REUSED
  else
    number, before = keep(keys, base, args)
    if args[12] ~= '' then redis.call('SET', key, args[13], 'PX', args[14]) end
  end
  local answered = tonumber(args[11])
  for token = tonumber(redis.call('HGET', told, 'answered') or answered) + 1, answered do
    redis.call('HDEL', told, token)
  end
  redis.call('HSET', told, 'answered', answered, args[10], string.format('%d %s %d %d', kind, epoch, number, before))
  redis.call('PEXPIRE', told, REMEMBERED)
  return {kind, epoch, number, before}
end

-- args: path, the number behind which entries are wanted; below 0: all.
-- Returns epoch, latest number, the latest that was lost, when that was appended or '', the time, entries.
local function read(keys, args)
  local base = string.sub(keys[1], 1, -2)
  local epoch, path, behind = epoch_of(keys[1]), args[1], tonumber(args[2])
  local log, forgotten = base .. 'e:' .. path, redis.call('HGET', keys[1], 'forgotten')
  local number = redis.call('ZSCORE', keys[2], path) or redis.call('ZSCORE', keys[3], path) or forgotten
  local had = redis.call('HMGET', base .. 'm:' .. path, 'lost', 'lost_at')
  local entries = {}
  if behind < 0 then
    entries = redis.call('LRANGE', log, 0, -1)
  else
    local count = 0
    local entry = redis.call('LINDEX', log, -1)
    while entry and tonumber((head_of(entry))) > behind do
      count = count + 1
      entry = redis.call('LINDEX', log, -1 - count)
    end
    if count > 0 then entries = redis.call('LRANGE', log, -count, -1) end
  end
  return {epoch, tonumber(number), tonumber(had[1] or forgotten), had[2] or '', now(), entries}
end

-- args: a number, how many paths. Returns epoch, the shelf's latest number, paths and their latest numbers.
local function changed(keys, args)
  local epoch, found = epoch_of(keys[1]), {}
  for place = 2, 3 do
    local above = redis.call('ZRANGEBYSCORE', keys[place], '(' .. args[1], '+inf', 'WITHSCORES', 'LIMIT', 0, args[2])
    for at = 1, #above, 2 do table.insert(found, {above[at], tonumber(above[at + 1])}) end
  end
  table.sort(found, function(one, other) return one[2] < other[2] end)
  local paths = {}
  for at = 1, math.min(#found, tonumber(args[2])) do
    table.insert(paths, found[at][1])
    table.insert(paths, found[at][2])
  end
  return {epoch, tonumber(redis.call('HGET', keys[1], 'number')), paths}
end

redis.register_function('cometary_log_1_append', append)
redis.register_function('cometary_log_1_read', read)
redis.register_function('cometary_log_1_changed', changed)
