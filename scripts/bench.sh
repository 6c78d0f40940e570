#!/bin/sh
# Measures what venuecast, and ffmpeg where it is installed, add to a camera's
# latency, and what they spend. Everything stays on the loopback.
#
#   scripts/bench.sh [-for DURATION] [-v]
set -eu
cd "$(dirname "$0")/.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT INT TERM
CGO_ENABLED=0 go build -trimpath -o "$bin/venuecast" ./cmd/venuecast
go build -o "$bin/bench" ./internal/rig/cmd/bench
"$bin/bench" -venuecast "$bin/venuecast" "$@"
