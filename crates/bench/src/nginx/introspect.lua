-- Checks the caller, answers from the shared dictionary; one asker for each token on a miss; kept until exp.
if ngx.var.http_authorization ~= "@BASIC@" then return ngx.exit(401) end
ngx.req.read_body()
local arguments = ngx.req.get_post_args(20)
local token = arguments and arguments.token
if type(token) ~= "string" then return ngx.exit(400) end
local tokens, locks = ngx.shared.tokens, ngx.shared.locks
ngx.header["Content-Type"] = "application/json"

local body = tokens:get(token)
local mine = false
local waited = 0
while not body do
  mine = locks:add(token, 1, 5)
  if mine then
    body = tokens:get(token)
    break
  end
  ngx.sleep(0.01)
  waited = waited + 1
  body = tokens:get(token)
  if waited > 500 then break end
end
if not body then
  local answer = ngx.location.capture("/ask", { method = ngx.HTTP_POST, body = ngx.req.get_body_data() })
  if answer.status ~= 200 then
    if mine then locks:delete(token) end
    ngx.status = 502
    ngx.print('{"error":"temporarily_unavailable"}')
    return
  end
  local fact = cjson.decode(answer.body)
  local left = fact and fact.active and fact.exp and (fact.exp - ngx.time()) or 10
  if left > 0 then tokens:set(token, answer.body, left) end
  body = answer.body
end
if mine then locks:delete(token) end
ngx.header["Content-Length"] = #body
ngx.print(body)
