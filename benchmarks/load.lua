-- One body posted again and again by wrk, and what came of it as JSON: wrk … -s load.lua URL -- BODY CONNECTIONS

-- Each connection is made half a second before its first request: a busy server that takes one new
-- connection a turn would leave the last of them waiting for seconds, and that is not measured here.
local SETTLE_MS = 500

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   local file = assert(io.open(args[1], "rb"))
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   wrk.body = file:read("*a")
   file:close()
   unsettled = tonumber(args[2])
   statuses = {}
end

function delay()
   if unsettled == 0 then
      return 0
   end
   unsettled = unsettled - 1
   return SETTLE_MS
end

function response(status)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency, requests)
   local counts = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("statuses")) do
         table.insert(counts, string.format('"%d": %d', status, count))
      end
   end
   io.write(string.format(
      '{"seconds": %f, "requests": %d, "statuses": {%s}, "broken": %d, "unanswered": %d,'
         .. ' "p50": %f, "p99": %f, "p999": %f}\n',
      summary.duration / 1e6 - SETTLE_MS / 1e3, summary.requests, table.concat(counts, ", "),
      summary.errors.connect + summary.errors.read + summary.errors.write,
      summary.errors.timeout,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3
   ))
end
