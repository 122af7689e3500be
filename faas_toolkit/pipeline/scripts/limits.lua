-- pipeline/limits.py in Lua. A rolling count is one text: newest part, sum, limit, time of the last 429, then the parts in the order
-- of time, 14 bytes each; only the parts that have just expired, or that stand in the way, are read.

local PARTS, HEAD, STEP, ASK_AGAIN = 64, 28, 14, 1000000

local function roll_in(cell, field, period, parts)
  local roll = cell.rolls[field]
  if roll then
    return roll
  end
  local width = math.max(1, math.ceil(period / parts))
  roll = { width = width, parts = parts, memory = width * (parts + 2), newest = 0, used = 0, limit = 0, quiet = 0, parts_text = '' }
  local text = field_of(cell, field)
  if text then
    roll.newest, roll.used, roll.limit, roll.quiet = struct.unpack('>i7i7i7i7', text)
    roll.parts_text = string.sub(text, HEAD + 1)
  end
  roll.kept = text and true or false
  cell.rolls[field] = roll
  return roll
end

local function part_at(roll, at)
  return struct.unpack('>i7i7', roll.parts_text, at)
end

local function advance(roll, moment)
  local part = (moment - moment % roll.width) / roll.width
  if part <= roll.newest then
    return
  end
  roll.newest = part
  local oldest, at, size = part - roll.parts, 1, #roll.parts_text
  while at <= size do
    local first, count = part_at(roll, at)
    if first >= oldest then
      break
    end
    roll.used = roll.used - count
    at = at + STEP
  end
  if at > 1 then
    roll.parts_text, roll.dirty = string.sub(roll.parts_text, at), true
  end
end

local function add(roll, moment, amount)
  advance(roll, moment)
  local size = #roll.parts_text
  local last, count
  if size > 0 then
    last, count = part_at(roll, size - STEP + 1)
  end
  if last == roll.newest then
    roll.parts_text = string.sub(roll.parts_text, 1, size - STEP) .. struct.pack('>i7i7', last, count + amount)
  else
    roll.parts_text = roll.parts_text .. struct.pack('>i7i7', roll.newest, amount)
  end
  roll.used, roll.dirty = roll.used + amount, true
  return roll.newest
end

-- Where the part stands, or nil where it has expired.
local function place_of(roll, part)
  local low, high = 0, #roll.parts_text / STEP - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local found, count = part_at(roll, middle * STEP + 1)
    if found == part then
      return middle * STEP + 1, count
    elseif found < part then
      low = middle + 1
    else
      high = middle - 1
    end
  end
end

local function change(roll, part, difference)
  local at, count = place_of(roll, part)
  if at then
    local text = roll.parts_text
    local changed = struct.pack('>i7i7', part, count + difference)
    roll.parts_text = string.sub(text, 1, at - 1) .. changed .. string.sub(text, at + STEP)
    roll.used, roll.dirty = roll.used + difference, true
  end
end

-- A line is {unit, period, limit, adapt_to or 0}; its ring is named by unit and period, so a changed limit keeps what was counted,
-- and so does a line that another catalog leaves out meanwhile.
local function ring_name(line)
  return 'r:' .. line[1] .. '@' .. whole(line[2])
end

local function ring_named(cell, name)
  return roll_in(cell, name, tonumber(string.match(name, '@(%d+)$')), PARTS)
end

local function ring_of(cell, line)
  local ring = ring_named(cell, ring_name(line))
  if not ring.kept then
    ring.quiet, ring.kept, ring.dirty = now, true, true
  end
  local limit = math.min(math.max(ring.limit, line[3]), line[4] > 0 and line[4] or line[3])
  ring.dirty, ring.limit = ring.dirty or limit ~= ring.limit, limit
  return ring
end

local function grow(ring, line, moment)
  while ring.limit < line[4] and moment - ring.quiet >= line[2] do
    ring.limit = math.min(line[4], ring.limit + math.max(1, math.floor(ring.limit / 20)))
    ring.quiet, ring.dirty = ring.quiet + line[2], true
  end
end

local function earliest(ring, line, weight)
  if line[4] > 0 then
    grow(ring, line, now)
  end
  advance(ring, now)
  local excess, first = ring.used + weight - ring.limit, ring.newest
  if excess > 0 then
    local at, size = 1, #ring.parts_text
    while excess > 0 do
      if at > size then
        return nil
      end
      local part, count = part_at(ring, at)
      excess = excess - count
      if excess <= 0 then
        first = math.max(first, part + ring.parts + 1)
      end
      at = at + STEP
    end
  end
  return math.max(now, first * ring.width)
end

local function follow(ring, part, weight)
  if part >= (now - now % ring.width) / ring.width then
    return part
  end
  advance(ring, now)
  if not place_of(ring, part) then
    return nil
  end
  change(ring, part, -weight)
  return add(ring, now, weight)
end

-- All lines of one cell.
local function limits_of(cell, lines)
  local limits = { cell = cell, lines = lines, rings = {}, memory = 0 }
  for index, line in ipairs(lines) do
    if line[1] == 'concurrency' then
      if not limits.cap or line[3] < lines[limits.cap][3] then
        limits.cap = index
      end
    else
      limits.rings[index] = ring_of(cell, line)
      limits.memory = math.max(limits.memory, limits.rings[index].memory)
    end
  end
  return limits
end

local function forget_dead(cell)
  local dead = redis.call('ZRANGEBYSCORE', cell.leases, '-inf', whole(now))
  for _, call in ipairs(dead) do
    redis.call('HDEL', cell.key, 'h:' .. call)
    cell.fields['h:' .. call] = false
  end
  if #dead > 0 then
    redis.call('ZREMRANGEBYSCORE', cell.leases, '-inf', whole(now))
  end
end

-- Outcome, start, and the index of the line that decided, 0 where none did.
local function find(limits, weights, first, latest, ahead)
  local cell = limits.cell
  forget_dead(cell)
  if limits.cap then
    limits.in_flight = redis.call('ZCARD', cell.leases)
    if limits.in_flight + (ahead or 0) >= limits.lines[limits.cap][3] then
      return 'full', tonumber(redis.call('ZRANGE', cell.leases, 0, 0, 'WITHSCORES')[2] or now + ASK_AGAIN), limits.cap
    end
  end
  local start, deciding = first, 0
  for index, line in ipairs(limits.lines) do
    if limits.rings[index] then
      local due = earliest(limits.rings[index], line, weights[index])
      if not due then
        return 'never', now, index
      end
      if due > start then
        start, deciding = due, index
      end
    end
  end
  return start > latest and 'too_late' or 'reserved', start, deciding
end

local function note_held(cell, call, held)
  local text = cmsgpack.pack(held)
  redis.call('HSET', cell.key, 'h:' .. call, text)
  cell.fields['h:' .. call] = text
end

local function book(limits, weights, call, start, lease, turn)
  local cell, held = limits.cell, { start, turn }
  for index, line in ipairs(limits.lines) do
    if limits.rings[index] then
      table.insert(held, { ring_name(line), add(limits.rings[index], start, weights[index]), weights[index] })
    end
  end
  limits.till = math.max(limits.till or number_in(cell, 'booked'), start + math.max(lease, limits.memory))
  if lease > 0 then
    note_held(cell, call, held)
    redis.call('ZADD', cell.leases, whole(start + lease), call)
    redis.call('PEXPIRE', cell.leases, whole(math.ceil((limits.till - now) / 1000)))
  end
end

local function lifetime_end(cell, memory, booked)
  local till = math.max(booked or number_in(cell, 'booked'), now + memory)
  put(cell, 'booked', whole(till))
  return till
end

local function held_by(cell, call)
  local text = field_of(cell, 'h:' .. call)
  return text and cmsgpack.unpack(text) or nil
end

-- When a booked call may start, nil where its place is gone.
local function due(cell, call, held)
  if now < held[1] then
    return held[1]
  end
  for index = 3, #held do
    local booking = held[index]
    local later = follow(ring_named(cell, booking[1]), booking[2], booking[3])
    if not later then
      return nil
    end
    booking[2] = later
  end
  note_held(cell, call, held)
  return now
end

local function fetch_rings(cell, held)
  local names = {}
  for index = 3, #held do
    if cell.fields[held[index][1]] == nil then
      table.insert(names, held[index][1])
    end
  end
  fetch(cell, names)
end

local MOST_USED = 1000000000000

-- `held` as it stands now, where the caller has changed it.
local function settle(cell, call, usage, give_back, held)
  held = held or held_by(cell, call)
  if not held then
    leave(cell, call)
    return nil
  end
  fetch_rings(cell, held)
  redis.call('HDEL', cell.key, 'h:' .. call)
  leave(cell, call)
  cell.fields['h:' .. call] = false
  for index = 3, #held do
    local name, part, weight = unpack(held[index])
    local unit = string.match(name, '^r:(.*)@')
    local used = give_back[string.match(unit, '^%a+')] and 0 or math.min(math.max(0, usage[unit] or weight), MOST_USED)
    local ring = ring_named(cell, name)
    if used ~= weight and ring.kept then
      change(ring, part, used - weight)
    end
  end
  return held
end

local function shrink(limits)
  for index, ring in pairs(limits.rings) do
    ring.limit = math.max(limits.lines[index][3], math.floor(ring.limit / 2))
    ring.quiet, ring.dirty = now, true
  end
end
