-- One GET after the other from a list of "path token" lines; the result as one line of JSON.
local requests, at = {}, 0

function init(arguments)
   for line in io.lines(arguments[1]) do
      local path, token = line:match("^(%S+) (%S+)$")
      requests[#requests + 1] = wrk.format("GET", path, { Host = "bench", Authorization = "Token " .. token })
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"micros":%d,"bytes":%d,"p50":%d,"p99":%d,"bad":%d,"broken":%d}\n',
      summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout
   ))
end
