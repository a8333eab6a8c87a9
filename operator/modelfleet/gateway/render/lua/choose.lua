-- Before this come IS_LOW, and STAGES: each has `total`, perhaps `sticky`, and its choices {weight, chain, pool, most that
-- may wait for it}.

local bit = require("bit")

-- FNV-1a, and a mix of its bits at the end: names that differ in the last letter alone must not be neighbours.
local function hash(text)
  local h = 2166136261
  for i = 1, #text do
    h = bit.bxor(h, text:byte(i))
    h = bit.tobit(bit.lshift(h, 24) + bit.lshift(h, 8) + bit.lshift(h, 7) + bit.lshift(h, 4) + bit.lshift(h, 1) + h)
  end
  h = bit.bxor(h, bit.rshift(h, 15))
  h = bit.bxor(h, bit.lshift(h, 13))
  h = bit.bxor(h, bit.rshift(h, 17))
  h = bit.bxor(h, bit.lshift(h, 5))
  return h % 4294967296
end

local function key(headers, sticky)
  local value = sticky and headers:get(sticky)
  if value and value ~= "" then return value end
  value = headers:get("x-modelfleet-user")
  if value and value ~= "-" then return value end
  return headers:get("x-request-id") or ""
end

local function choice(stage, headers)
  if #stage == 1 then return stage[1] end
  local left = hash(key(headers, stage.sticky)) / 4294967296 * stage.total
  for i = 1, #stage do
    left = left - stage[i][1]
    if left < 0 then return stage[i] end
  end
  return stage[#stage]
end

-- A request waits too while its connection is opened. Few of low priority may wait, so those are left out.
local function waiting(cluster)
  local pending = cluster:numPendingRequests()
  if not IS_LOW then return pending end
  return pending + cluster:numRequests() - cluster:numConnections()
end

function envoy_on_route(handle)
  local headers, first = handle:headers(), nil
  for i = 1, #STAGES do
    local chosen = choice(STAGES[i], headers)
    first = first or chosen
    local cluster = chosen[3] and handle:getCluster(chosen[3])
    if not cluster or waiting(cluster) < chosen[4] then return chosen[2] end
  end
  return first[2]
end
