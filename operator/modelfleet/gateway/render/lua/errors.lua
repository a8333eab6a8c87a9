-- Errors in the shape of the API that was asked. Whoever includes this file defines ANTHROPIC_PREFIX and NO_MODEL before.

local ANTHROPIC_TYPES = {["400"] = "invalid_request_error", ["401"] = "authentication_error", ["404"] = "not_found_error"}
local WHO = {"x-modelfleet-scope", "x-modelfleet-user", "x-modelfleet-team", "x-modelfleet-claims", "x-request-id"}
local LISTED_MODELS = 50
local LISTING_MILLISECONDS = 500

-- Names come from clients: no quote, backslash or control character of theirs gets into our JSON.
local function shown(name)
  return (name:sub(1, 100):gsub('[^ -~]', "?"):gsub('["\\]', "?"))
end

local function is_anthropic(headers)
  return headers:get(":path"):sub(1, #ANTHROPIC_PREFIX) == ANTHROPIC_PREFIX
end

local function body_of(headers, status, message, code, param)
  local request_id = headers:get("x-request-id") or ""
  if is_anthropic(headers) then
    return string.format(
      '{"type":"error","error":{"type":"%s","message":"%s"},"request_id":"%s"}',
      ANTHROPIC_TYPES[status], message, request_id)
  end
  return string.format(
    '{"error":{"message":"%s","type":"invalid_request_error","param":%s,"code":%s,"request_id":"%s"}}',
    message, param and '"' .. param .. '"' or "null", code and '"' .. code .. '"' or "null", request_id)
end

-- Answers instead of an engine, and ends the script.
local function refuse(handle, status, message, code, param)
  local body = body_of(handle:headers(), status, message, code, param)
  handle:respond({[":status"] = status, ["content-type"] = "application/json"}, body)
end

-- What the caller may use, as the operator says; nil where none answers in time. Also whether credentials may open more.
local function listed_models(handle)
  local headers = handle:headers()
  local asked = {[":method"] = "GET", [":path"] = "/v1/models", [":authority"] = "modelfleet-operator"}
  for _, name in ipairs(WHO) do asked[name] = headers:get(name) end
  local answer, body = handle:httpCall("operator-api", asked, "", LISTING_MILLISECONDS)
  if not answer or answer[":status"] ~= "200" or not body then return nil, true end
  local names = {}
  for name in body:gmatch('"id"%s*:%s*"([^"\\]*)"') do
    if #names == LISTED_MODELS then
      names[#names + 1] = "…"
      break
    end
    names[#names + 1] = shown(name)
  end
  return names, answer["www-authenticate"] ~= nil
end

-- Whoever shows no credentials is not told which names exist: the router refuses them, in the words for names that do.
local function no_such_model(handle, name)
  handle:headers():replace("x-modelfleet-asked-for", shown(name))
  local names, may_hide = listed_models(handle)
  if may_hide and not handle:headers():get("x-modelfleet-scope") then return end
  local message = "The model `" .. shown(name) .. "` does not exist or you may not use it."
  if names and #names > 0 then
    message = message .. " You may use: " .. table.concat(names, ", ") .. "."
  elseif names then
    message = message .. " There is no model that you may use."
  end
  refuse(handle, "404", message, "model_not_found", "model")
end
