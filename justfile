# The usual commands by name: https://just.systems. Each is also in CONTRIBUTING.md.

# What there is
default:
    @just --list

# All tests; they start their own Postgres
test:
    cargo test

# Some tests: just test-one api login::
test-one suite filter="":
    cargo test --test {{ suite }} -- {{ filter }}

# Clippy, with warnings as errors, also without optional features
lint:
    cargo clippy --quiet --all-targets -- -D warnings
    cargo clippy --quiet --no-default-features -- -D warnings

# Format the source
fmt:
    cargo fmt

# Everything that must hold before a change lands
gate:
    .ci/run

# The figures of docs/performance.md: just bench --only checks
bench *options:
    cargo bench -- {{ options }}

# Write .sqlx/ anew after a query or a migration has changed
queries:
    db/prepare-queries

# Write docs/openapi.json, db/schema.sql and the access matrix anew
generated:
    UPDATE_GENERATED=1 cargo test --test generated
    UPDATE_GOLDEN=1 cargo test --test api -- access::

# A server with demo data
demo:
    cargo run --release -- demo
