-- How a cell is read and kept. KEYS holds two keys for each cell: a hash with its state, and a sorted set with the calls that hold
-- a place in it and the moment at which each counts as dead. ARGV[1] is the time in microseconds where a test is the master of it,
-- else empty. All numbers are whole and below 2^53, so doubles are exact.

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

-- A cell that was last changed so much later than now is of a time that the server's clock has taken back: it begins anew.
local SET_BACK = 10000000

local function whole(number)
  return string.format('%.0f', number)
end

local function open(index, fields)
  local cell = { key = KEYS[2 * index - 1], leases = KEYS[2 * index], fields = {}, set = {}, dropped = {}, rolls = {} }
  local values = redis.call('HMGET', cell.key, 'until', 'seen', unpack(fields))
  local till, seen = tonumber(values[1] or nil), tonumber(values[2] or nil)
  cell.known = till ~= nil and till > now and (seen or 0) <= now + SET_BACK
  if till and not cell.known then
    redis.call('DEL', cell.key, cell.leases)
  end
  cell.till = cell.known and till or 0
  for at, field in ipairs(fields) do
    cell.fields[field] = cell.known and values[at + 2] or false
  end
  return cell
end

-- The call holds no place any more. To be done also where nothing is known of it: a full Redis may push out a cell's state and keep
-- its leases.
local function leave(cell, call)
  redis.call('ZREM', cell.leases, call)
end

local function field_of(cell, field)
  if cell.fields[field] == nil then
    cell.fields[field] = cell.known and redis.call('HGET', cell.key, field) or false
  end
  return cell.fields[field]
end

-- Several fields that may not have been read yet, in one go.
local function fetch(cell, fields)
  if #fields > 0 then
    local values = redis.call('HMGET', cell.key, unpack(fields))
    for at, field in ipairs(fields) do
      cell.fields[field] = values[at]
    end
  end
end

local function number_in(cell, field)
  return tonumber(field_of(cell, field) or 0)
end

local function put(cell, field, value)
  cell.fields[field], cell.set[field] = value, value
end

local function drop(cell, field)
  cell.fields[field], cell.set[field], cell.rolls[field] = false, nil, nil
  table.insert(cell.dropped, field)
end

local function keep(cell, till)
  if till <= now then
    redis.call('DEL', cell.key, cell.leases)
    return
  end
  put(cell, 'until', whole(till))
  put(cell, 'seen', whole(now))
  for field, roll in pairs(cell.rolls) do
    if roll.dirty then
      cell.set[field] = struct.pack('>i7i7i7i7', roll.newest, roll.used, roll.limit, roll.quiet) .. roll.parts_text
    end
  end
  if #cell.dropped > 0 then
    redis.call('HDEL', cell.key, unpack(cell.dropped))
  end
  local changes = {}
  for field, value in pairs(cell.set) do
    table.insert(changes, field)
    table.insert(changes, value)
  end
  redis.call('HSET', cell.key, unpack(changes))
  redis.call('PEXPIRE', cell.key, whole(math.ceil((till - now) / 1000)))
end
