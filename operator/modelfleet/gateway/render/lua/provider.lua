-- The request as a provider wants it: its path, and its name of the model. All other bytes stay as they came.
-- Before this file comes `multipart.lua`.

local function after_string(text, at)
  local stop = text:find('["\\]', at + 1)
  while stop and text:byte(stop) == 92 do stop = text:find('["\\]', stop + 2) end
  return (stop or #text) + 1
end

local function after_value(text, at)
  local first = text:sub(at, at)
  if first == '"' then return after_string(text, at) end
  if first ~= "{" and first ~= "[" then return text:find("[,}%]%s]", at) or #text + 1 end
  local depth = 0
  while at and at <= #text do
    local c = text:sub(at, at)
    if c == '"' then
      at = after_string(text, at)
    else
      if c == "{" or c == "[" then depth = depth + 1 else depth = depth - 1 end
      at = at + 1
      if depth == 0 then return at end
    end
    at = text:find('["{}%[%]]', at)
  end
  return #text + 1
end

-- A key may be written with escapes: `mod\u0065l` is `model` too.
local function plain(key)
  if not key:find("\\", 1, true) then return key end
  return (key:gsub("\\u00(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Every first-level key counts: which of two equal ones an engine heeds is its own affair, and so is (as with Go's
-- parser) whether `Model` means `model`.
local function renamed(text, model)
  local parts, copied = {}, 1
  local at = text:find("{", 1, true)
  at = at and text:find("%S", at + 1)
  while at and text:byte(at) == 34 do
    local key_end = after_string(text, at)
    local key = text:sub(at + 1, key_end - 2)
    local value = text:find("%S", (text:find(":", key_end, true) or #text) + 1)
    if not value then break end
    local value_end = after_value(text, value)
    if plain(key):lower() == "model" then
      parts[#parts + 1] = text:sub(copied, value - 1)
      parts[#parts + 1] = model
      copied = value_end
    end
    local comma = text:find("[,}]", value_end)
    if not comma or text:sub(comma, comma) == "}" then break end
    at = text:find("%S", comma + 1)
  end
  parts[#parts + 1] = text:sub(copied)
  return table.concat(parts)
end

local function renamed_in_form(content_type, text, model)
  local name, _, first, last = model_in_form(content_type, text)
  return name and text:sub(1, first - 1) .. model .. text:sub(last + 1) or text
end

function envoy_on_request(handle)
  local how = handle:filterContext()
  -- Without a name of the provider's own it is the requested one that goes out, whatever else the body says.
  local path, requested = handle:headers():get(":path"), handle:headers():get("x-modelfleet-model")
  local model = how:get("model") or requested and '"' .. requested .. '"'
  if path:sub(1, 4) == "/v1/" then handle:headers():replace(":path", how:get("base") .. path:sub(4)) end
  local body = model and handle:body()
  if not body then return end
  -- What was taken from the handle before it waited for the body cannot be used any more.
  local headers, text = handle:headers(), body:getBytes(0, body:length())
  local content_type = headers:get("content-type") or ""
  local is_form = content_type:lower():find("^multipart/")
  local changed = is_form and renamed_in_form(content_type, text, model:sub(2, -2)) or renamed(text, model)
  local length = body:setBytes(changed)
  if headers:get("content-length") then headers:replace("content-length", tostring(length)) end
end
