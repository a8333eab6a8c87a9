-- Who shows a token: nobody in particular until the table is known, whose virtual host says how to read what it claims.

local PRIORITIES = {Low = true, Normal = true, High = true}
local CLAIM_BYTES = 256
local EXACT = 2 ^ 53 -- from here on numbers stand for several, and one user could be taken for another

-- Returns the issuer of the token that was verified, and what it claims; nil where there was none.
local function verified_token(metadata)
  local payloads = metadata:get("envoy.filters.http.jwt_authn")
  if payloads then return next(payloads) end
end

local function identify_by_unread_token(headers, issuer)
  headers:replace("x-modelfleet-scope", issuer)
  headers:replace("x-modelfleet-realm", issuer)
  headers:replace("x-modelfleet-user", "-")
  headers:replace("x-modelfleet-team", "-")
  headers:replace("x-modelfleet-priority", "Normal")
end

local function is_one_of(value, wanted)
  for _, each in ipairs(wanted) do
    if each == value then return true end
  end
  return false
end

local function is_for(audiences, wanted)
  if type(audiences) ~= "table" then return is_one_of(audiences, wanted) end
  for _, each in ipairs(audiences) do
    if is_one_of(each, wanted) then return true end
  end
  return false
end

-- Returns what a header can carry as it is, false for what it cannot, and nil for nothing.
local function name_in(value)
  if value == nil or value == "" then return nil end
  if type(value) == "number" and value % 1 == 0 and math.abs(value) < EXACT then return string.format("%d", value) end
  if type(value) ~= "string" or #value > CLAIM_BYTES then return false end
  return value:find("^[!-~][ -~]*$") and value:sub(-1) ~= " " and value or false
end

local function refuse_claim(handle, claim, what)
  local message = "The token's claim `%s` must name the %s: %d printable ASCII characters at most, without spaces "
    .. "around them, or a whole number; not a list."
  refuse(handle, "401", message:format(shown(claim), what, CLAIM_BYTES), "invalid_api_key")
end

-- Reads the token as the table of the model does, once the route cache was cleared; a table that takes no such token is
-- left to refuse it.
local function identify_by_token(handle, issuer, claims)
  handle:metadata() -- looks for the route; Envoy 1.40 knows no virtual host before that
  local host = handle:virtualHost()
  local reading = host and host:metadata():get("tokens")
  if not reading or reading.issuer ~= issuer or not is_for(claims.aud, reading.audiences) then return end
  local user, team = name_in(claims[reading.user]), reading.team and name_in(claims[reading.team])
  if not user then return refuse_claim(handle, reading.user, "user") end
  if team == false then return refuse_claim(handle, reading.team, "team") end
  local headers, priority = handle:headers(), reading.priority and claims[reading.priority]
  headers:remove("x-modelfleet-claims")
  headers:replace("x-modelfleet-scope", reading.scope)
  headers:replace("x-modelfleet-realm", reading.scope)
  headers:replace("x-modelfleet-user", user)
  if team then headers:replace("x-modelfleet-team", team) end
  if PRIORITIES[priority] then headers:replace("x-modelfleet-priority", priority) end
  handle:clearRouteCache()
end
