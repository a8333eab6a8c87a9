-- How many tokens an answer used, as the engine says in `usage`: of several the last, in JSON or in a stream's events.
-- In the texts of JSON every quote has a backslash before it, so what is found here is never something that was said.

local MOST_BYTES = 4096 -- of one `usage`; those of engines have some 200

local NAMES = {
  prompt_tokens = {'"prompt_tokens"%s*:%s*(%d+)', '"input_tokens"%s*:%s*(%d+)'},
  completion_tokens = {'"completion_tokens"%s*:%s*(%d+)', '"output_tokens"%s*:%s*(%d+)'},
  cached_tokens = {'"cached_tokens"%s*:%s*(%d+)', '"cache_read_input_tokens"%s*:%s*(%d+)'},
}

local function note(usage, counts)
  for name, patterns in pairs(NAMES) do
    local value = usage:match(patterns[1]) or usage:match(patterns[2])
    if value then counts[name] = tonumber(value) end
  end
end

-- Returns the beginning of a `usage` that the next part of the answer may go on with.
local function read(text, counts)
  local at = text:find('"usage"', 1, true)
  while at do
    local usage = text:match("^%s*:%s*(%b{})", at + 7)
    local is_open = not usage and #text - at < MOST_BYTES and text:find("^%s*:%s*{", at + 7)
    if is_open or text:find("^%s*:?%s*$", at + 7) then return text:sub(at) end
    if usage then note(usage, counts) end
    at = text:find('"usage"', at + 7, true)
  end
  return text:sub(-6)
end

function envoy_on_response(handle)
  local kind = handle:headers():get("content-type") or ""
  if not kind:find("json", 1, true) and not kind:find("event-stream", 1, true) then return end
  local counts, rest = {}, ""
  for part in handle:bodyChunks() do
    rest = read(rest .. part:getBytes(0, part:length()), counts)
  end
  if next(counts) then handle:streamInfo():dynamicMetadata():set("modelfleet", "usage", counts) end
end
