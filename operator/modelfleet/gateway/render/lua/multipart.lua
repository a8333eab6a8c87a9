-- The field `model` of a form. Whatever two parsers could read differently is refused.

local MODEL_BYTES = 1024

-- A head may be as long as a body: a pattern for this would look at each blank again for every blank before it.
local function without_blanks_behind(value)
  local last = #value
  while last > 0 and (value:byte(last) == 32 or value:byte(last) == 9) do last = last - 1 end
  return value:sub(1, last)
end

-- Returns the name of a part's field and whether it is a file; nil where its head is not plainly one.
local function part_named(head)
  local name, is_file
  for line in (head .. "\r\n"):gmatch("(.-)\r\n") do
    local key, value = line:match("^([%w-]+):[ \t]*(.*)$")
    if not key then return nil end
    if key:lower() == "content-disposition" then
      if name then return nil end
      value = without_blanks_behind(value)
      local rest
      name, rest = value:match('^[Ff][Oo][Rr][Mm]%-[Dd][Aa][Tt][Aa];%s*name="([^"\\%%]*)"(.*)$')
      if not name then return nil end
      is_file = rest ~= ""
      if is_file and not rest:match('^;%s*filename="[^"]*"$') then return nil end
    end
  end
  return name, is_file
end

local function boundary_of(content_type)
  local given = content_type:match("^[Mm]ultipart/[Ff]orm%-[Dd]ata;%s*[Bb]oundary=(.+)$") or ""
  return (given:match('^"(.*)"$') or given):match("^[%w'()+_,./:=?-]+$")
end

-- Returns the value, nothing, and where it begins and ends; or nil and what is wrong.
local function model_in_form(content_type, body)
  local boundary = boundary_of(content_type)
  if not boundary or #boundary > 70 then return nil, "The body must be `multipart/form-data` with a boundary." end
  local delimiter = "--" .. boundary
  if body:sub(1, #delimiter) ~= delimiter then return nil, "The form must begin with its boundary." end
  local model, first, last
  local at = #delimiter + 1
  while body:sub(at, at + 1) ~= "--" do
    local head_end, value_start = body:find("\r\n\r\n", at, true)
    local value_end, next_at = body:find("\r\n" .. delimiter, value_start or at, true)
    if body:sub(at, at + 1) ~= "\r\n" or not head_end or not value_end or head_end > value_end then
      return nil, "The form is malformed or ends early."
    end
    local name, is_file = part_named(body:sub(at + 2, head_end - 1))
    if not name then return nil, "A part of the form has a malformed head." end
    if name == "model" then
      if model or is_file then return nil, "`model` must be one plain field of the form." end
      if value_end - value_start > MODEL_BYTES then return nil, "`model` is too long." end
      first, last = value_start + 1, value_end - 1
      model = body:sub(first, last)
    end
    at = next_at + 1
  end
  if not model or model == "" then return nil, "`model` must be set." end
  return model, nil, first, last
end
