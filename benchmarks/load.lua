-- For wrk: ask for a random line of the file named in the first argument; print what benchmarks/load.py prints.
local asked = {}

function init(arguments)
   math.randomseed(os.time())
   for line in io.lines(arguments[1]) do
      asked[#asked + 1] = wrk.format("GET", line)
   end
end

function request()
   return asked[math.random(#asked)]
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.timeout
   io.write(string.format(
      '\n{"refused": %d, "failed": %d, "answers": %d, "per_second": %.2f, "p50": %.4f, "p99": %.4f}\n',
      errors.status, failed, summary.requests, summary.requests / summary.duration * 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
