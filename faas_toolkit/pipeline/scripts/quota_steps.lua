-- pipeline/quota_steps.py in Lua. A share is {unit, period, limit, weight}; the cell of the first has the index `first`.

local function quotas_in(shares, first, call)
  local quotas = {}
  for index, share in ipairs(shares) do
    local line = { share[1], share[2], share[3], 0 }
    local cell = open(first + index - 1, { 'booked', 'h:' .. call, ring_name(line) })
    quotas[index] = limits_of(cell, { line })
  end
  return quotas
end

-- The index of the first share for which there is no room now, and the wait; nil where there is room for all.
local function refused_share(quotas, shares)
  for index, share in ipairs(shares) do
    local outcome, start = find(quotas[index], { share[4] }, now, now)
    if outcome == 'never' then
      return index, 0
    elseif outcome ~= 'reserved' then
      return index, math.max(1, start - now)
    end
  end
end

local function book_shares(quotas, shares, call, lease)
  for index, share in ipairs(shares) do
    book(quotas[index], { share[4] }, call, now, lease, 0)
  end
end

local function keep_quotas(quotas)
  for _, quota in ipairs(quotas) do
    keep(quota.cell, lifetime_end(quota.cell, quota.memory, quota.till))
  end
end

-- A cell of a quota of which the line is not known: its rings say for how long it matters.
local function keep_settled(cell)
  local memory = 0
  for _, roll in pairs(cell.rolls) do
    memory = math.max(memory, roll.memory)
  end
  keep(cell, lifetime_end(cell, memory))
end

-- ARGV: time, call, lease, shares. Replies the index of the refused share from 1 and the wait, or 0.
local function spend()
  local call, lease, shares = ARGV[2], tonumber(ARGV[3]), cjson.decode(ARGV[4])
  local quotas = quotas_in(shares, 1, call)
  local refused, wait = refused_share(quotas, shares)
  if not refused then
    for index, share in ipairs(shares) do
      book(quotas[index], { share[4] }, call, now, share[1] == 'concurrency' and lease or 0, 0)
    end
  end
  keep_quotas(quotas)
  return { refused or 0, wait or 0 }
end

-- ARGV: time, call.
local function release()
  local call = ARGV[2]
  for index = 1, #KEYS / 2 do
    local cell = open(index, { 'booked', 'h:' .. call })
    if cell.known then
      settle(cell, call, {}, {})
      keep_settled(cell)
    else
      leave(cell, call)
    end
  end
end
