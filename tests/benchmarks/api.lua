-- Asks the addresses of a file in turn, each client after its think time; prints figures as JSON.
-- wrk ... -- FILE THINK_MILLISECONDS SEED; a line of FILE is address, tab, key, tab, ETag or nothing.

local asked, turn = {}, 0

function init(args)
  math.randomseed(tonumber(args[3]))
  for line in io.lines(args[1]) do
    local path, key, tag = line:match("([^\t]*)\t([^\t]*)\t(.*)")
    local headers = { ["Authorization"] = "Bearer " .. key }
    if tag ~= "" then headers["If-None-Match"] = tag end
    asked[#asked + 1] = wrk.format("GET", path, headers)
  end
  local think = tonumber(args[2])
  if think > 0 then -- half to one and a half times, so that clients don't march in step
    function delay() return math.floor(think * (0.5 + math.random())) end
  end
end

function request()
  turn = turn % #asked + 1
  return asked[turn]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers": %d, "seconds": %.3f, "p50_ms": %.1f, "p95_ms": %.1f, "p99_ms": %.1f, '
      .. '"failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
