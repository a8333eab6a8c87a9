-- How many tokens an answer used, as the engine says in `usage`: of several the last, in JSON or in a stream's events.
-- In the texts of JSON every quote has a backslash before it, so what is found here is never something that was said.

local MOST_BYTES = 4096 -- of one `usage`; those of engines have some 200

-- What engines call what the log calls so; of two names the first counts.
local NAMES = {
  {"prompt_tokens", '"prompt_tokens"', '"input_tokens"'},
  {"completion_tokens", '"completion_tokens"', '"output_tokens"'},
  {"cached_tokens", '"cached_tokens"', '"cache_read_input_tokens"'},
}

-- A pattern that has no anchor is tried at every byte: plain texts are looked for first.
local function number_of(usage, name)
  local _, last = usage:find(name, 1, true)
  return last and tonumber(usage:match("^%s*:%s*(%d+)", last + 1))
end

local function note(usage, counts)
  for i = 1, #NAMES do
    local names = NAMES[i]
    local value = number_of(usage, names[2]) or number_of(usage, names[3])
    if value then counts[names[1]] = value end
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
  if not next(counts) then return end
  counts.prompt_tokens, counts.completion_tokens = counts.prompt_tokens or 0, counts.completion_tokens or 0
  handle:streamInfo():dynamicMetadata():set("modelfleet", "usage", counts)
end
