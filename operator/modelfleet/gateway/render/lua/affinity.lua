-- The header that requests have alike which should meet the same replica. What begins alike shares a cached prefix.

local bit = require("bit")
local SEARCHED_BYTES = 4096

-- Where what the engine caches begins: neither the model's name nor the sampling parameters before it.
local function beginning(text)
  for _, field in ipairs({'"messages"', '"prompt"', '"input"'}) do
    local at = text:find(field, 1, true)
    if at and at <= SEARCHED_BYTES then return at end
  end
  return 1
end

local function prefix(handle, bytes)
  local body = handle:body()
  if not body then return nil end
  local text = body:getBytes(0, math.min(body:length(), SEARCHED_BYTES + bytes))
  local from = beginning(text)
  local x, y = 5381, 52711
  for i = from, math.min(from + bytes - 1, #text) do
    local c = text:byte(i)
    x = bit.bxor(bit.tobit(bit.rol(x, 5) + x), c)
    y = bit.bxor(bit.tobit(bit.rol(y, 7) + y), c)
  end
  return bit.tohex(x) .. bit.tohex(y)
end

local function key_of(handle, how)
  if how.key == "Session" then return handle:headers():get(how.header) end
  if how.key == "Prefix" then return prefix(handle, how.bytes) end
  local user = handle:headers():get("x-modelfleet-user")
  return user ~= "-" and user or nil
end

-- Asks the route, once the route cache was cleared, what its requests should have alike.
local function keep_together(handle)
  local how = handle:metadata():get("affinity")
  local key = how and key_of(handle, how)
  if key and key ~= "" then handle:headers():replace("x-modelfleet-affinity", key) end
end
