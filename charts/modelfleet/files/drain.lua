-- Asked once a second by Envoy's own health check, in the Envoy that preStop starts beside the gateway's.
-- The gateway's Envoy is told to fail its health check: it is not ready any more, and closes each connection behind the
-- response under way. The hook ends once nobody has had an open request for a while; the pod's
-- grace period bounds it.

local SETTLE_TICKS = 5 -- until every node's proxy and every client's connection has left for another pod
local NOT_CLIENTS = {admin = true, health = true}

local ticks, idle_ticks = 0, 0

local function ask(handle, cluster, method, path)
  local headers = {[":method"] = method, [":path"] = path, [":authority"] = cluster}
  local answer, body = handle:httpCall(cluster, headers, "", 2000)
  return answer[":status"] == "200" and (body or "") or nil
end

local function open_requests(stats)
  local open = 0
  for listener, count in stats:gmatch("http%.([%w_.-]+)%.downstream_rq_active: (%d+)") do
    if not NOT_CLIENTS[listener] then open = open + tonumber(count) end
  end
  return open
end

function envoy_on_request(handle)
  ticks = ticks + 1
  local told = ask(handle, "gateway", "POST", "/healthcheck/fail")
  local stats = told and ask(handle, "gateway", "GET", "/stats?type=Gauges&filter=downstream_rq_active")
  if not stats then
    handle:logWarn("the gateway's admin does not answer; it is asked again in a second")
  end
  local open = stats and open_requests(stats) or 1
  idle_ticks = open == 0 and idle_ticks + 1 or 0
  if idle_ticks >= SETTLE_TICKS then ask(handle, "itself", "POST", "/quitquitquit") end
end
