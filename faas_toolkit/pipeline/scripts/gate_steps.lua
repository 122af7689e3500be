-- pipeline/gate_steps.py in Lua. The first cell is the target's, the others are those of the caller's quotas.

local BUDGET_WINDOW, BUDGET_SHARE, BUDGET_FLOOR, BUDGET_PARTS = 60000000, 10, 3, 6

-- What the catalog says of the target stands in its cell as it was last said: whoever settles does not know it.
local function restate(cell, lines_text, rules_text)
  if field_of(cell, 'lines') ~= lines_text then
    put(cell, 'lines', lines_text)
  end
  if field_of(cell, 'rules') ~= rules_text then
    for _, field in ipairs({ 'breaker', 'answered', 'failed', 'slow', 'saturation' }) do
      drop(cell, field)
    end
    put(cell, 'rules', rules_text)
  end
end

-- Without its limits, which only who wants a place has to see.
local function target_in(cell)
  local text = field_of(cell, 'rules')
  local rules = text ~= 'null' and cjson.decode(text)
  return {
    cell = cell,
    breaker = rules and breaker_in(cell, rules),
    saturation = rules and rules[9] and saturation_in(cell, rules),
    not_before = number_in(cell, 'not_before'),
  }
end

local function keep_target(target)
  local cell, limits = target.cell, target.limits
  if limits and limits.memory ~= number_in(cell, 'memory') then
    put(cell, 'memory', whole(limits.memory))
  end
  local traffic = BUDGET_WINDOW / BUDGET_PARTS * (BUDGET_PARTS + 2)
  local till = math.max(lifetime_end(cell, number_in(cell, 'memory'), limits and limits.till), now + traffic)
  if target.breaker then
    keep_breaker(target.breaker)
    till = math.max(till, now + breaker_memory(target.breaker))
  end
  if target.saturation then
    till = math.max(till, now + target.saturation.rules[9])
  end
  keep(cell, math.max(cell.till, till, target.not_before))
end

local function close(target, quotas, call, end_)
  for _, quota in ipairs(quotas) do
    settle(quota.cell, call, end_.usage, end_.give_back)
  end
  local held = target and settle(target.cell, call, end_.usage, end_.give_back, end_.held)
  if held and target.breaker then
    learn(target.breaker, call, held[2], end_.answered, end_.took)
  end
end

-- pipeline/waiters.py in Lua: the calls that wait for a place in flight, and until when each is believed to, in the order in which
-- they came.
local SEEN_WITHIN = 500000

local function waiters_ahead(target, call)
  local text = field_of(target.cell, 'waiters')
  local kept, ahead = {}, nil
  for _, waiter in ipairs(text and cmsgpack.unpack(text) or {}) do
    if waiter[1] == call then
      ahead = #kept
    end
    if waiter[2] > now or waiter[1] == call then
      table.insert(kept, waiter)
    end
  end
  target.waiters = kept
  return ahead or #kept
end

local function note_waiter(target, call, patience)
  local kept, found = {}, false
  for _, waiter in ipairs(target.waiters) do
    if waiter[1] ~= call then
      table.insert(kept, waiter)
    elseif patience > 0 then
      found = true
      table.insert(kept, { call, now + math.min(SEEN_WITHIN, patience) })
    end
  end
  if patience > 0 and not found then
    table.insert(kept, { call, now + math.min(SEEN_WITHIN, patience) })
  end
  if #kept > 0 then
    put(target.cell, 'waiters', cmsgpack.pack(kept))
  elseif field_of(target.cell, 'waiters') then
    drop(target.cell, 'waiters')
  end
end

local function turned_away(target, outcome, wait, waited)
  local saturation, limits = target.saturation, target.limits
  if not saturation or outcome == 'never' or target.not_before > now then
    return false
  end
  local full = outcome == 'full'
  local cap = limits.cap and limits.lines[limits.cap][3]
  observe(saturation, waited + (full and 0 or wait), limits.in_flight or 0, cap)
  return (full or wait > 0) and saturated(saturation)
end

local function enter_anew(target, quotas, asked, first, waiting)
  local refused, pause = refused_share(quotas, asked.shares)
  if refused then
    return { 'quota', pause, 0, 0, refused }
  end
  local breaker, limits = target.breaker, target.limits
  local shut = breaker and ask(breaker) or 0
  if shut > 0 then
    return { breaker.why, shut, 0, 0, 0 }
  end
  local earliest_start, ahead = math.max(now, target.not_before), waiters_ahead(target, asked.call)
  local outcome, start, line = find(limits, asked.weights, earliest_start, now + asked.patience, ahead)
  local wait = start - now
  local away = turned_away(target, outcome, wait, asked.waited) and not waiting
  note_waiter(target, asked.call, outcome == 'full' and not away and asked.patience or 0)
  if away then
    return { 'saturated', wait, line, 0, 0 }
  end
  if outcome ~= 'reserved' then
    return { outcome == 'too_late' and line == 0 and 'left_alone' or outcome, wait, line, 0, 0 }
  end
  book(limits, asked.weights, asked.call, start, asked.lease, breaker and breaker.turn or 0)
  book_shares(quotas, asked.shares, asked.call, wait + asked.lease)
  if first then
    add(roll_in(target.cell, 'traffic', BUDGET_WINDOW, BUDGET_PARTS), now, 1)
  end
  local probe = breaker and passed(breaker, asked.call, wait + asked.probe_lease)
  return { wait > 0 and 'wait' or 'go', wait, line, probe and 1 or 0, 0 }
end

local function enter_again(target, quotas, asked, held)
  local breaker = target.breaker
  local passes = not breaker or still_passes(breaker, asked.call, held[2])
  local moment = passes and target.not_before <= now and due(target.cell, asked.call, held)
  if moment then
    return { moment <= now and 'go' or 'wait', moment - now, 0, breaker and breaker.open_until and 1 or 0, 0 }
  end
  local all = { requests = true, tokens = true, cost = true }
  close(target, quotas, asked.call, { usage = {}, give_back = all, answered = '', took = 0, held = held })
  return enter_anew(target, quotas, asked, false, true)
end

-- ARGV: time, lines, rules, call, first, patience, lease, probe_lease, waiting, waited, weights, shares.
-- Replies outcome, wait, index of the line from 1, probe, index of the refused share from 1.
local function enter()
  local asked = {
    call = ARGV[4],
    patience = tonumber(ARGV[6]),
    lease = tonumber(ARGV[7]),
    probe_lease = tonumber(ARGV[8]),
    waited = tonumber(ARGV[10]),
    weights = cjson.decode(ARGV[11]),
    shares = cjson.decode(ARGV[12]),
  }
  local lines = cjson.decode(ARGV[2])
  local fields = { 'lines', 'rules', 'memory', 'booked', 'not_before', 'breaker', 'saturation', 'traffic', 'waiters', 'h:' .. asked.call }
  for _, line in ipairs(lines) do
    table.insert(fields, ring_name(line))
  end
  local cell = open(1, fields)
  restate(cell, ARGV[2], ARGV[3])
  local target, quotas = target_in(cell), quotas_in(asked.shares, 2, asked.call)
  target.limits = limits_of(cell, lines)
  local held, reply = held_by(cell, asked.call), nil
  if held then
    reply = enter_again(target, quotas, asked, held)
  else
    reply = enter_anew(target, quotas, asked, ARGV[5] == '1', ARGV[9] == '1')
  end
  keep_target(target)
  keep_quotas(quotas)
  return reply
end

local function known_target(fields)
  local cell = open(1, { 'rules', 'memory', 'booked', 'not_before', unpack(fields) })
  return cell.known and target_in(cell) or nil, cell
end

-- ARGV: time. Replies 1 where one more may wait.
local function may_wait()
  local target = known_target({ 'saturation', 'breaker' })
  if not target then
    return 1
  end
  local full = target.saturation and saturated(target.saturation)
  keep_target(target)
  return full and 0 or 1
end

-- ARGV: time, call, took.
local function answered()
  local target = known_target({ 'breaker', 'answered', 'h:' .. ARGV[2] })
  if target then
    local held = held_by(target.cell, ARGV[2])
    if held and target.breaker then
      learn(target.breaker, ARGV[2], held[2], '1', tonumber(ARGV[3]))
    end
    keep_target(target)
  end
end

-- ARGV: time, call, answered, took, throttled, measures to give back, usage, retry_after or ''.
local function settle_call()
  local call = ARGV[2]
  local target, own = known_target({ 'breaker', 'answered', 'saturation', 'h:' .. call })
  local quotas = {}
  if not target then
    leave(own, call)
  end
  for index = 2, #KEYS / 2 do
    local cell = open(index, { 'booked', 'h:' .. call })
    if cell.known then
      table.insert(quotas, { cell = cell })
    else
      leave(cell, call)
    end
  end
  local give_back = {}
  for measure in string.gmatch(ARGV[6], '%a+') do
    give_back[measure] = true
  end
  close(target, quotas, call, { usage = cjson.decode(ARGV[7]), give_back = give_back, answered = ARGV[3], took = tonumber(ARGV[4]) })
  if target then
    if ARGV[5] == '1' then
      target.limits = limits_of(target.cell, cjson.decode(field_of(target.cell, 'lines')))
      shrink(target.limits)
    end
    if ARGV[8] ~= '' then
      target.not_before = math.max(target.not_before, now + tonumber(ARGV[8])) -- never shortened
      put(target.cell, 'not_before', whole(target.not_before))
    end
    keep_target(target)
  end
  for _, quota in ipairs(quotas) do
    keep_settled(quota.cell)
  end
end

-- ARGV: time. Replies 1 where one more repetition is within the target's budget, and takes it.
local function take_repetition()
  local target = known_target({ 'traffic', 'repeats', 'breaker', 'saturation' })
  if not target then
    return 0
  end
  local traffic = roll_in(target.cell, 'traffic', BUDGET_WINDOW, BUDGET_PARTS)
  local repeats = roll_in(target.cell, 'repeats', BUDGET_WINDOW, BUDGET_PARTS)
  advance(traffic, now)
  advance(repeats, now)
  local granted = repeats.used < math.max(BUDGET_FLOOR, math.floor(traffic.used / BUDGET_SHARE))
  if granted then
    add(repeats, now, 1)
  end
  keep_target(target)
  return granted and 1 or 0
end
