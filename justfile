# Daily commands. `just` lists them, `just check` and `just test` together are what .ci/run asks for.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

# Build files outside the clone, shared by all clones and by .ci/run (the same rule stands there).
export CARGO_TARGET_DIR := `echo "${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/maru-target}"`

[private]
default:
    @just --list --unsorted

# start the server from source: `just run`, `just run --store postgres://...`
run *args:
    cargo run --release -- serve "$@"

# build everything and run every test, installing what is missing: `just test`, `just test rooms::`
test *args:
    ./scripts/test -- "$@"

# everything but the tests: format, lints, rustdoc, dependencies, layers
check: fmt-check lint docs deny layers

# format the code
fmt:
    cargo fmt --all

# say what `just fmt` would change
fmt-check:
    cargo fmt --all --check

# clippy on every target, warnings refused
lint:
    scripts/setup compiler
    cargo clippy --locked --workspace --all-targets -- -D warnings

# rustdoc of our own crates, warnings refused
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

# dependencies: who may use what, licences, sources (deny.toml)
deny:
    scripts/setup cargo-deny
    cargo deny --log-level error check --hide-inclusion-graph bans licenses sources

# the arrows between our crates
layers:
    scripts/check-layers

# crates we have in more than one version, and other things deny.toml only warns about
duplicates:
    scripts/setup cargo-deny
    cargo deny check bans licenses sources

# known vulnerabilities; fetches the advisory database, so it needs the network and is not part of `check`
advisories:
    scripts/setup cargo-deny
    cargo deny check advisories

# spelling (_typos.toml)
typos:
    scripts/setup typos
    typos

# benchmarks against their yardsticks: `just bench`, `just bench history`
bench *args:
    cargo run --release -p maru-bench --bin bench -- "$@"

# a command with a throwaway PostgreSQL and Redis beside it: `just servers bash`
servers *command:
    scripts/with-servers "$@"

# install what tests and checks need
setup:
    scripts/setup compiler tests cargo-deny

# the build directory for plain cargo: `eval "$(just env)"`
env:
    @echo "export CARGO_TARGET_DIR='$CARGO_TARGET_DIR'"
