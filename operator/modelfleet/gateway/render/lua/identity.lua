-- Who asks for which model, as headers that the route, the limits and the log look at. The client's own are gone by now.
-- Before this file come the tables PATHS (where each method and path has its model) and PRICES (by model), ONE_MODEL
-- (how a method and path begin that ask about one model), and the files whose functions are called.

local NAME_BYTES = 256
local MOST_TOKENS = 1000000000 -- far above every budget, and far below what a bucket cannot hold

-- A header can carry it as it is: `replace` cuts at a NUL, and a line break would be a header of its own.
local function is_plain(value, most_bytes)
  return value ~= "" and #value <= most_bytes and not value:find("[^!-~]")
end

local function identify_by_key(headers, client)
  local scope, realm, user, team, priority = client:match("^(([^|/]*)/[^|]*)|([^|]*)|([^|]*)|([^|]*)$")
  headers:remove("x-modelfleet-client")
  headers:replace("x-modelfleet-scope", scope)
  headers:replace("x-modelfleet-realm", realm)
  headers:replace("x-modelfleet-user", user)
  headers:replace("x-modelfleet-team", team ~= "" and team or "-")
  headers:replace("x-modelfleet-priority", priority)
end

local function identify_nobody(headers)
  headers:replace("x-modelfleet-realm", "-")
  headers:replace("x-modelfleet-user", "-")
  headers:replace("x-modelfleet-team", "-")
  headers:replace("x-modelfleet-priority", "Normal")
end

-- Returns the issuer and the claims of a token, which the table of the model will read.
local function identify(headers, metadata)
  local client, issuer, claims = headers:get("x-modelfleet-client"), nil, nil
  if client then
    identify_by_key(headers, client)
  else
    issuer, claims = verified_token(metadata)
    if issuer then identify_by_unread_token(headers, issuer) else identify_nobody(headers) end
  end
  headers:remove("authorization")
  headers:remove("x-api-key")
  return issuer, claims
end

-- Returns false where it is no whole number of at least 1; nil and a list count as not given, and the engine judges them.
local function is_count(value)
  return value == nil or type(value) == "number" and value >= 0 and value % 1 == 0
end

-- The greatest of the maxima counts, whichever the engine heeds, so that naming two reserves no less.
local function reserve(handle, headers, fields, body)
  local most, answers = nil, fields.n
  for _, name in ipairs({"max_tokens", "max_completion_tokens", "max_output_tokens"}) do
    local value = fields[name]
    if not is_count(value) then
      return refuse(handle, "400", "`" .. name .. "` must be a whole number of at least 0.", nil, name)
    end
    if value and value > (most or -1) then most = value end
  end
  if not is_count(answers) or answers == 0 then
    return refuse(handle, "400", "`n` must be a whole number of at least 1.", nil, "n")
  end
  if body then
    local prompts, best_of = prompts_in(body:getBytes(0, body:length()))
    answers = prompts * math.max(answers or 1, best_of)
  end
  if most then
    local tokens = math.max(1, math.min(most * (answers or 1), MOST_TOKENS))
    headers:replace("x-modelfleet-tokens", string.format("%d", tokens))
  elseif answers and answers > 1 then
    headers:replace("x-modelfleet-answers", string.format("%d", math.min(answers, 100000)))
  end
end

local function model_in_json(handle, headers, fields, body)
  if not fields or fields.unreadable then
    local given = (headers:get("content-type") or ""):lower()
    if given ~= "application/json" and not given:find("^application/json%s*;") then
      return nil, "The header `content-type` must be `application/json`."
    end
    return nil, fields and "The body must be a JSON object." or "`model` must be set."
  end
  if type(fields.model) ~= "string" or fields.model == "" then return nil, "`model` must be a text, and not empty." end
  reserve(handle, headers, fields, body)
  return fields.model
end

local function model_in_multipart(headers, body)
  if not body then return nil, "The body must be a form." end
  return model_in_form(headers:get("content-type") or "", body:getBytes(0, body:length()))
end

local function price(headers, model)
  local prices = PRICES[model]
  if prices then
    headers:replace("x-modelfleet-prompt-price", prices[1])
    headers:replace("x-modelfleet-completion-price", prices[2])
  end
end

-- The script waits for the body only where it has to: the codec has held a given length against the body by now.
-- What was got from the handle before is of no use after waiting, so it is got again.
local function read(handle, model_in, has_prompts)
  local length = handle:headers():get("content-length")
  if length and model_in == "json" and not has_prompts then return length end
  local body = handle:body()
  return tostring(body and body:length() or 0), body
end

-- Returns where a request has its model, nil for what is not served.
local function place_of_model(method, path)
  local asked = method .. path
  local model_in = PATHS[asked]
  if model_in then return model_in end
  asked = asked:match("^[^?#]*")
  if #asked > #ONE_MODEL and asked:sub(1, #ONE_MODEL) == ONE_MODEL then return "nowhere" end
  return PATHS[asked]
end

local function nowhere(handle, method, path)
  refuse(handle, "404", "There is no " .. shown(method .. " " .. path:match("^[^?#]*")) .. " here.", "unknown_url")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local issuer, claims = identify(headers, handle:streamInfo():dynamicMetadata())
  local method, path = headers:get(":method"), headers:get(":path")
  local model_in = place_of_model(method, path)
  if not model_in then return nowhere(handle, method, path) end
  if model_in == "nowhere" then
    headers:replace("x-modelfleet-model", NO_MODEL)
    return handle:clearRouteCache()
  end
  if headers:getNumValues("content-type") > 1 then
    return refuse(handle, "400", "The header `content-type` must be given once.")
  end
  local has_prompts = path:match("^[^?#]*") == "/v1/completions"
  local bytes, body = read(handle, model_in, has_prompts)
  if body then headers = handle:headers() end
  local model, problem
  if model_in == "multipart" then
    model, problem = model_in_multipart(headers, body)
  else
    model, problem = model_in_json(handle, headers, handle:streamInfo():dynamicMetadata():get("modelfleet"), has_prompts and body)
  end
  if not model then return refuse(handle, "400", problem, nil, "model") end
  if model == NO_MODEL or not is_plain(model, NAME_BYTES) then return no_such_model(handle, model) end
  headers:replace("x-modelfleet-model", model)
  headers:replace("x-modelfleet-body-bytes", bytes)
  price(headers, model)
  handle:clearRouteCache()
  if issuer then identify_by_token(handle, issuer, claims) end
  keep_together(handle)
end
