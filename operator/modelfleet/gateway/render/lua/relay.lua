-- Which cluster the request wants, from its host; or the static answer, in the shape of the API that was asked.

local ANTHROPIC_PREFIX = "/v1/messages"

local function answer(handle, headers)
  local status, wait, message = (headers:get("x-modelfleet-final") or "503;;"):match("^(%d+);(%d*);(.*)$")
  local body
  local id = headers:get("x-request-id") or ""
  if headers:get(":path"):sub(1, #ANTHROPIC_PREFIX) == ANTHROPIC_PREFIX then
    local kind = status == "429" and "rate_limit_error" or "overloaded_error"
    body = '{"type":"error","error":{"type":"' .. kind .. '","message":"' .. message .. '"},"request_id":"' .. id .. '"}'
  else
    local kind = status == "429" and "rate_limit_error" or "server_error"
    body = '{"error":{"message":"' .. message .. '","type":"' .. kind
      .. '","param":null,"code":"fallback","request_id":"' .. id .. '"}}'
  end
  local answered = {[":status"] = status, ["content-type"] = "application/json", ["x-envoy-ratelimited"] = "true"}
  if wait ~= "" then answered["retry-after"] = wait end
  handle:respond(answered, body)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local host = headers:get(":authority")
  if host == "final" then return answer(handle, headers) end
  headers:replace("x-modelfleet-cluster", (host:gsub("%.", "/")))
end
