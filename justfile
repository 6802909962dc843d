# Everything one does here, one command each. `python3 -m pip … -r deploy/tools.txt` gives `.tools/bin/just`.

# nextest runs every test in a process of its own; plain cargo does where it is not installed.
tester := if `command -v cargo-nextest || true` == "" { "cargo test" } else { "cargo nextest run" }

# List the recipes.
default:
    @just --justfile {{ quote(justfile()) }} --list --unsorted

# Format every file; the build finds the jobs, so cargo does not see them as modules.
fmt:
    cargo fmt --all
    rustfmt --edition 2024 crates/jobs/src/jobs/*.rs tests/own/src/jobs/*.rs

# Fail on any file that `fmt` would change.
fmt-check:
    cargo fmt --all --check
    rustfmt --edition 2024 --check crates/jobs/src/jobs/*.rs tests/own/src/jobs/*.rs

# Fail on any warning of the compiler or of clippy.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --workspace --features tests/sim --test sim --locked -- -D warnings

# The examples in the docs first, so that the last lines are the summary. The tests of the command
# line run the program, so it is built before them.

# Run every test.
test: doctest
    cargo build --package runner --package own --locked
    {{ tester }} --workspace --locked

# Run the examples in the docs that authors of ALT files and of jobs read.
doctest:
    cargo test --doc --package alt --package job --locked

# Fail on a crate that reaches past its place, or a file that breaks the house rules.
purity:
    {{ tester }} --package tests --locked -- purity:: tidy::

# Run a whole fleet on real servers, kill its parts one after another, and check every result.
e2e:
    cargo build --locked --package runner --package tests
    target/debug/e2e

# Play fleets in a simulated world: many seeds, or one seed with all that is said, or `planted` bugs.
sim WHAT="seeds":
    SIM_SEED={{ if WHAT =~ '^[0-9]+$' { WHAT } else { "" } }} \
        cargo test --workspace --features tests/sim --test sim --locked -- --nocapture \
        {{ if WHAT == "seeds" { "nothing_breaks a_seed_is" } else if WHAT == "planted" { "planted" } else { "nothing_breaks" } }}

# Feed random bytes to what reads bytes, by libFuzzer: each target for a minute, or `just fuzz read 600`.
fuzz TARGETS="codec expression last read subject yaml" SECONDS="60": nightly (cargo-tool "cargo-fuzz" "0.13.1")
    for target in {{ TARGETS }}; do \
        mkdir -p target/fuzz/corpus/$target && rustup run nightly .tools/cargo/bin/cargo-fuzz run \
            --fuzz-dir tests/fuzz --target-dir target/fuzz $target \
            target/fuzz/corpus/$target tests/fuzz/corpus/$target -- \
            -max_total_time={{ SECONDS }} -timeout=10 -print_final_stats=1 || exit 1; \
    done

[private]
nightly:
    @rustup run nightly cargo --version >/dev/null 2>&1 || { \
        echo "libFuzzer needs a nightly compiler: rustup toolchain install nightly"; \
        echo "\`just test\` feeds the same code with fewer bytes, and needs none"; exit 1; }

# Disturb a whole fleet by a seed, and judge it: `just chaos --seed 7 --minutes 20 --faults all`.
chaos *ARGS:
    cargo build --locked --package runner --package tests --package double
    target/debug/chaos {{ ARGS }}

# The same in about a minute, for every change.
chaos-short: (chaos "--seed" "1" "--minutes" "0.6" "--faults" "worker-kill,coordinator-kill,nats-kill,partition-worker,s3-503,client-kill,coordinator-stop")

# Measure a fleet beside its raw server and its peers; `just bench "runner raw"` only those, `just bench parts` what runs inside one process.
bench SYSTEMS="all":
    {{ if SYSTEMS == "parts" { "true" } else { "cargo build --release --package runner --locked" } }}
    cargo bench {{ if SYSTEMS == "parts" { "--workspace --exclude tests --benches" } else { "--package tests --bench fleet" } }} \
        --locked {{ if SYSTEMS == "parts" { "" } else { "-- " + SYSTEMS } }}

# Install the peers that `bench` measures beside us, some minutes and 1 GB; redis-server comes from Debian.
peers:
    for peer in celery dask hyperqueue ray; do \
        python3 -m venv .tools/peers/$peer && .tools/peers/$peer/bin/python -m pip install -q \
            -r tests/bench/peers/$peer/requirements.txt || exit 1; \
    done
    for peer in bullmq restate; do \
        mkdir -p .tools/peers/$peer && npm install --silent --no-fund --no-audit \
            --prefix .tools/peers/$peer $(cat tests/bench/peers/$peer/packages.txt) || exit 1; \
    done
    @command -v redis-server >/dev/null || echo "Celery and BullMQ need redis-server: apt-get install redis-server"

# Build the pages of the crates; a broken link fails.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Fail on a dependency that deploy/deny.toml does not allow; `just deny advisories` asks the network.
deny *CHECKS="licenses bans sources": (cargo-tool "cargo-deny" "0.20.2")
    .tools/cargo/bin/cargo-deny --config deploy/deny.toml check {{ CHECKS }}

# Write what the program is made of to target/runner.cdx.json (CycloneDX).
sbom: (cargo-tool "cargo-cyclonedx" "0.5.9")
    .tools/cargo/bin/cargo-cyclonedx cyclonedx --quiet --format json --no-build-deps
    mv crates/runner/runner.cdx.json target/
    find crates tests -name '*.cdx.json' -delete

# Build a tool of cargo's once, which takes minutes.
[private]
cargo-tool NAME VERSION:
    test -x .tools/cargo/bin/{{ NAME }} || cargo install --quiet --locked --root .tools/cargo {{ NAME }}@{{ VERSION }}

# Fetch what drives Chromium in the tests of the report into .tools/browser; Chromium itself is the system's.
browser-tools:
    mkdir -p .tools/browser
    cp deploy/browser/package.json deploy/browser/package-lock.json .tools/browser/
    npm ci --silent --no-audit --no-fund --ignore-scripts --prefix .tools/browser
    @command -v chromium >/dev/null || echo "Chromium is missing, and its tests skip: apt-get install chromium"

# All that a change must pass, cheapest first, whole fleets last.
ci: fmt-check lint doc purity test sim chaos-short

# Run an ALT file on this machine, for example `just run tests/alt/hello.alt.json`.
run FILE *ARGS:
    cargo run --locked --package runner -- run {{ quote(FILE) }} {{ ARGS }}

# Fetch the pinned tools into .tools/ (quietly, also when they are there).
tools:
    python3 -m pip install -q --upgrade --target .tools --no-deps -r deploy/tools.txt
