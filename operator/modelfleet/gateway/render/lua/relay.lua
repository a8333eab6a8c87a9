-- Which cluster the request wants, from its host; or the static answer, in the shape of the API that was asked.

local ANTHROPIC_PREFIX = "/v1/messages"

local BUSY = "429;1;The model is busy; try again."

local function answer(handle, headers, what)
  local status, wait, message = what:match("^(%d+);(%d*);(.*)$")
  local body
  local id = headers:get("x-request-id") or ""
  if headers:get(":path"):sub(1, #ANTHROPIC_PREFIX) == ANTHROPIC_PREFIX then
    local kind = status == "429" and "rate_limit_error" or "overloaded_error"
    body = '{"type":"error","error":{"type":"' .. kind .. '","message":"' .. message .. '"},"request_id":"' .. id .. '"}'
  else
    local kind = status == "429" and "rate_limit_error" or "server_error"
    body = '{"error":{"message":"' .. message .. '","type":"' .. kind
      .. '","param":null,"code":"' .. (what == BUSY and "model_saturated" or "fallback")
      .. '","request_id":"' .. id .. '"}}'
  end
  local answered = {[":status"] = status, ["content-type"] = "application/json", ["x-envoy-ratelimited"] = "true"}
  if wait ~= "" then answered["retry-after"] = wait end
  handle:respond(answered, body)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local host = headers:get(":authority")
  if host == "final" then return answer(handle, headers, headers:get("x-modelfleet-final")) end
  if host == "busy" then return answer(handle, headers, BUSY) end
  headers:replace("x-modelfleet-cluster", (host:gsub("%.", "/")))
end
