-- How many answers the body of a completion asks for besides its `n`: each prompt of a list has answers of its own.
-- The body is JSON by now. Of a key that is given twice the greater counts.

local COUNTED = {prompt = true, prompt_embeds = true}
local MOST_PROMPTS = 100000
local MOST_STEPS = 200000 -- some 50 ms; who writes more brackets and texts than that reserves the most

local function after_text(body, at)
  while true do
    local found = body:find('["\\]', at)
    if not found then return #body + 1 end
    if body:byte(found) == 34 then return found + 1 end
    at = found + 2
  end
end

local function unescaped(key)
  return (key:gsub("\\u00(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Returns how many prompts there are, at least 1, and `best_of`, 1 where it is not given. A list of numbers is one prompt.
local function prompts_in(body)
  local counts, best_of = {}, 1
  local depth, at, key, is_key, list = 0, 1, nil, false, nil
  for _ = 1, MOST_STEPS do
    local found = body:find(depth == 1 and '["%[%]{},]' or '["%[%]{}]', at)
    if not found then
      local prompts = (counts.prompt or 0) + (counts.prompt_embeds or 0)
      return math.max(1, math.min(prompts, MOST_PROMPTS)), best_of
    end
    local sign = body:sub(found, found)
    at = found + 1
    if sign == '"' then
      at = after_text(body, at)
      if is_key then
        key, is_key = unescaped(body:sub(found + 1, at - 2)), false
        local given = key == "best_of" and tonumber(body:match("^%s*:%s*(%d+)", at))
        if given then best_of = math.max(best_of, given) end
      elseif list and depth == 2 then
        list.count = list.count + 1
      elseif depth == 1 and COUNTED[key] then
        counts[key] = math.max(counts[key] or 0, 1)
      end
    elseif sign == "," then
      is_key = true
    elseif sign == "[" or sign == "{" then
      if list and depth == 2 then list.count = list.count + 1 end
      if depth == 1 and sign == "[" and COUNTED[key] then list = {count = 0} end
      depth = depth + 1
      is_key = depth == 1
    else
      if list and depth == 2 then
        counts[key] = math.max(counts[key] or 0, list.count, 1)
        list = nil
      end
      depth = depth - 1
    end
  end
  return MOST_PROMPTS, best_of
end
