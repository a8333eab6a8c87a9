-- Runs only where no table answers for the requested name: the hosts of all tables turn it off.

function envoy_on_request(handle)
  local headers = handle:headers()
  local model = headers:get("x-modelfleet-model")
  if not model or model == NO_MODEL then return end
  headers:replace("x-modelfleet-model", NO_MODEL) -- no statistics under names that clients make up
  no_such_model(handle, model)
end
