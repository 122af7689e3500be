-- pipeline/breaker.py and pipeline/saturation.py in Lua. The rules are {window, minimum, failure_rate, open_for, slow, slow_rate,
-- wait, in_flight, period}, where false stands for what is not given; without `period` nothing is saturated.

local RAMP = { 10, 25, 50 }
local WINDOW_PARTS, PROBE_PATIENCE, PROBE_PAUSE = 10, 240, 1000000
local COUNTS = { 'answered', 'failed', 'slow' }

local function breaker_in(cell, rules)
  local text = field_of(cell, 'breaker')
  local state = text and cmsgpack.unpack(text) or { 0, false, 'failed', false, 0, false, 0 }
  return {
    cell = cell,
    rules = rules,
    turn = state[1],
    open_until = state[2],
    why = state[3],
    probe = state[4],
    probe_until = state[5],
    ramp_from = state[6],
    credit = state[7],
  }
end

local function keep_breaker(breaker)
  local b = breaker
  if b.dirty then
    put(b.cell, 'breaker', cmsgpack.pack({ b.turn, b.open_until, b.why, b.probe, b.probe_until, b.ramp_from, b.credit }))
  end
end

local function counts_in(breaker, field)
  return roll_in(breaker.cell, field, breaker.rules[1], WINDOW_PARTS)
end

local function breaker_memory(breaker)
  local window = math.max(1, math.ceil(breaker.rules[1] / WINDOW_PARTS)) * (WINDOW_PARTS + 2)
  if breaker.open_until or breaker.ramp_from then
    return math.max(window, PROBE_PATIENCE * breaker.rules[4])
  end
  return window
end

local function forget_counts(breaker)
  for _, field in ipairs(COUNTS) do
    drop(breaker.cell, field)
  end
end

local function ask_ramp(breaker)
  local third = math.max(1, math.floor(breaker.rules[4] / #RAMP))
  local stage = math.floor((now - breaker.ramp_from) / third)
  breaker.dirty = true
  if stage >= #RAMP then
    breaker.ramp_from = false
    return 0
  end
  breaker.credit = breaker.credit + RAMP[stage + 1]
  if breaker.credit >= 100 then
    breaker.credit = breaker.credit - 100
    return 0
  end
  return breaker.ramp_from + (stage + 1) * third - now
end

local function ask(breaker)
  if breaker.open_until then
    if now < breaker.open_until then
      return breaker.open_until - now
    end
    return breaker.probe and now < breaker.probe_until and PROBE_PAUSE or 0
  end
  return breaker.ramp_from and ask_ramp(breaker) or 0
end

local function passed(breaker, call, lease)
  if not breaker.open_until then
    return false
  end
  breaker.probe, breaker.probe_until, breaker.dirty = call, now + lease, true
  return true
end

local function still_passes(breaker, call, turn)
  return turn == breaker.turn and (not breaker.open_until or call == breaker.probe)
end

local function trip(breaker, why)
  breaker.why, breaker.turn, breaker.dirty = why, breaker.turn + 1, true
  breaker.open_until, breaker.probe, breaker.ramp_from = now + breaker.rules[4], false, false
  forget_counts(breaker)
end

local function settle_probe(breaker, call, answered, slow)
  if call ~= breaker.probe then
    return
  end
  breaker.probe, breaker.dirty = false, true
  if slow or answered == '0' then
    trip(breaker, slow and 'slow' or 'failed')
  elseif answered == '1' then
    breaker.open_until, breaker.ramp_from, breaker.credit = false, now, 100 - RAMP[1]
    forget_counts(breaker)
  end
end

local function count_answer(breaker, slow)
  local answers = counts_in(breaker, 'answered')
  add(answers, now, 1)
  if not slow then
    return
  end
  local slows = counts_in(breaker, 'slow')
  add(slows, now, 1)
  if answers.used >= breaker.rules[2] and slows.used >= breaker.rules[6] * answers.used then
    trip(breaker, 'slow')
  end
end

local function count_failure(breaker)
  local answers, failures = counts_in(breaker, 'answered'), counts_in(breaker, 'failed')
  advance(answers, now)
  add(failures, now, 1)
  local total = answers.used + failures.used
  if total >= breaker.rules[2] and failures.used >= breaker.rules[3] * total then
    trip(breaker, 'failed')
  end
end

-- `answered`: '1' it did, '0' it failed, '' says nothing.
local function learn(breaker, call, turn, answered, took)
  if turn ~= breaker.turn then
    return
  end
  local slow = answered == '1' and breaker.rules[5] and took >= breaker.rules[5]
  if breaker.open_until then
    settle_probe(breaker, call, answered, slow)
  elseif answered == '1' then
    count_answer(breaker, slow)
  elseif answered == '0' then
    count_failure(breaker)
  end
end

local function saturation_in(cell, rules)
  local text = field_of(cell, 'saturation')
  local state = text and cmsgpack.unpack(text) or { false, 0 }
  return { cell = cell, rules = rules, since = state[1], last = state[2] }
end

local function observe(saturation, wait, in_flight, cap)
  local rules = saturation.rules
  local busy = (rules[7] and wait >= rules[7]) or (rules[8] and cap and in_flight >= rules[8] * cap)
  if not busy then
    if saturation.since then
      put(saturation.cell, 'saturation', cmsgpack.pack({ false, saturation.last }))
    end
    saturation.since = false
    return
  end
  if not saturation.since or now - saturation.last > rules[9] then
    saturation.since = now
  end
  saturation.last = now
  put(saturation.cell, 'saturation', cmsgpack.pack({ saturation.since, now }))
end

local function saturated(saturation)
  local period = saturation.rules[9]
  return saturation.since and saturation.last - saturation.since >= period and now - saturation.last <= period
end
