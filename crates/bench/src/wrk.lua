-- Arguments: PREFIX COUNT KIND FRESH. Tokens are built as in answer.rs.
--   kept   COUNT tokens, each request built before the clock starts
--   built  COUNT tokens, each request built when it is sent: for sets that would not fit beside the processor's caches
--   new    every request carries a token never sent before
--   mixed  as kept, but every tenth request carries a token never sent before
-- A prefix has 9 bytes. New tokens have the prefix FRESH, its last byte replaced by the thread's number.
local threads = 0
function setup(thread)
  thread:set("tid", threads)
  threads = threads + 1
end

local format = string.format
local function token(prefix, number)
  local digits = format("%09d", number)
  return prefix .. digits:reverse() .. "_aZ3xK9qLw7RtYu2" .. digits
end

local before, after = @BEFORE@, @AFTER@
local function question(prefix, number)
  return before .. token(prefix, number) .. after
end

function init(arguments)
  local prefix, count, kind = arguments[1], tonumber(arguments[2]), arguments[3]
  local own = arguments[4]:sub(1, 8) .. tid
  -- A stride, so that neighbours are not asked about one after the other; the threads start half a set apart.
  local at, fresh, turn = (tid * math.floor(count / 2)) % math.max(count, 1), 0, 0
  local function new()
    fresh = fresh + 1
    return question(own, fresh)
  end
  if kind == "new" then
    request = new
    return
  end
  if kind == "built" then
    request = function()
      at = (at + 7919) % count
      return question(prefix, at)
    end
    return
  end
  local kept = {}
  for number = 0, count - 1 do kept[number] = question(prefix, number) end
  request = function()
    if kind == "mixed" then
      turn = turn + 1
      if turn % 10 == 0 then return new() end
    end
    at = (at + 7919) % count
    return kept[at]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(format("RESULT requests=%d us=%d bytes=%d p50=%d p99=%d refused=%d broken=%d\n",
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
