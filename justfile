# Two verbs: `just verify` never writes, `just fix` rewrites. Without just: the commands below as they stand.

# All that must hold before a change goes in
verify:
    .ci/run

# Formats, and applies what clippy can mend
fix:
    cargo clippy --fix --allow-dirty --all-targets
    cargo fmt

# Kills the release binary 500 times under load (about twenty minutes)
crash-long:
    EROS_CRASH_ROUNDS=500 cargo test --release --test suite crash -- --nocapture

# Longer random histories against the naive model
model-long:
    PROPTEST_CASES=200000 cargo test --release --test suite model -- --nocapture

# Holds the OpenAPI document against the service for ten minutes, with another seed each time
openapi-long:
    tests/openapi/run 600 "$RANDOM"

# A hundred long histories of overlapping requests, each held against one order
linearizable-long:
    EROS_HISTORIES=100 cargo test --release --test suite linearizable -- --nocapture

# The binary on a disk that fails at each call (hours), is full, stalls; and among hostile clients
real-long:
    tests/real/run failing-disk
    tests/real/run full-disk
    tests/real/run slow-disk
    tests/real/run hostile

# An hour of fuzzing
fuzz-long:
    tests/fuzz/run --minutes 60

# The README's figures, short version
bench:
    benches/run

# The pure parts, one by one
bench-pure:
    cargo bench --bench pure

# What users would pick instead, beside the service (about five minutes)
bench-peers:
    benches/peers/run

# Where a request's microseconds go (needs perf)
bench-profile:
    benches/profile
