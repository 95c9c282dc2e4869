-- The load over HTTP: `produce/direct` or `consume/direct`, each with an event number of its own, over some members.
-- wrk ... -- OPERATION FIRST MEMBERS: event numbers count up from FIRST, which no two runs share.
local threads = 0

function setup(thread)
    thread:set("thread", threads)
    threads = threads + 1
end

local bodies = {
    produce = '{"event_no":"EACH202206152028%016d","member_no":"ec_18165fd7455_%09d","action_scene":"order_pay",' ..
        '"event_type":"order","points":20,"expire_days":180,"freeze_hours":0,"store_code":"ec_mall",' ..
        '"cost_center":"cost_center001","operator":"小程序","event_desc":"用户购买了100元酸奶"}',
    spend = '{"event_no":"EACH202206152028%016d","member_no":"ec_18165fd7455_%09d","action_scene":"user_discount",' ..
        '"points":15,"store_code":"ec_mall","cost_center":"cost_center001","operator":"小程序","event_desc":"用户使用了积分"}',
}

function init(arguments)
    local body = bodies[arguments[1]]
    event = tonumber(arguments[2]) + thread * 1000000000
    members = tonumber(arguments[3])
    math.randomseed(event)
    wrk.method = "POST"
    wrk.headers["content-type"] = "application/json"
    -- Every body is as long as the first, so the head is made once: to make it anew each time takes as long as a quick server does.
    local first = body:format(event, 0)
    local head = wrk.format(nil, nil, nil, first)
    head = head:sub(1, #head - #first)
    whole = head:gsub("%%", "%%%%") .. body
end

function request()
    event = event + 1
    return whole:format(event, math.random(0, members - 1))
end

-- One line of JSON behind wrk's own words; times in microseconds.
function done(summary, latency)
    local errors = summary.errors
    io.write(('\n{"requests": %d, "micros": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}\n'):format(
        summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
