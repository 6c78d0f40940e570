#!/usr/bin/env bash
# Installs what the tests need and runs all of them. On a fresh Debian machine
# Go is all that has to be there; elsewhere, what is missing is said and left
# out. VENUECAST_NO_SKIP=1 makes what is left out a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

# 1. The peers that the tests talk to.
need=()
command -v ffmpeg >/dev/null || need+=(ffmpeg)
command -v nginx >/dev/null || need+=(nginx)
[ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ] || need+=(libnginx-mod-rtmp)
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || need+=(libnginx-mod-stream)
command -v openssl >/dev/null || need+=(openssl)
# rtmpsink, which is librtmp, and rtmp2sink; what they depend on has the rest.
{ command -v gst-inspect-1.0 && gst-inspect-1.0 rtmpsink && gst-inspect-1.0 rtmp2sink; } >/dev/null 2>&1 ||
  need+=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
# The race detector is C.
command -v gcc >/dev/null || need+=(gcc libc6-dev)
command -v setsid >/dev/null || need+=(util-linux)
# Runs the programs of the boxes' processors.
command -v qemu-arm-static >/dev/null && command -v qemu-aarch64-static >/dev/null || need+=(qemu-user-static)
if [ ${#need[@]} -gt 0 ]; then
  if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    say "installing ${need[*]}"
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
    # The tests start their own nginx; the system's is not wanted.
    "${root[@]}" sh -c 'service nginx stop >/dev/null 2>&1 || true'
    export VENUECAST_NO_SKIP=1
  else
    say "missing, so what needs them is skipped: ${need[*]}"
  fi
else
  export VENUECAST_NO_SKIP=1
fi

# 2. The code as it is written.
say "format, vet, staticcheck"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "not gofmt-ed: $unformatted"; exit 1; }
go vet ./...
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# 3. The programs that are shipped: one static file for each kind of box.
say "build for the boxes"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for target in arm/6 arm64/ amd64/; do
  arch=${target%/*} arm=${target#*/}
  echo "linux/$arch${arm:+ GOARM=$arm}"
  CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOARM=$arm go build -trimpath -o "$out/venuecast-$arch" ./cmd/venuecast
done

# 4. The tests. Those that measure times want the machine for themselves, so
# packages run one after another.
say "tests, with the race detector"
go test -race -p 1 -count=1 -timeout 15m ./...

# 5. What the boxes will run, as their processors see it: 32-bit int and its
# alignment, memory order. The emulator does not pass on SIOCOUTQ, which
# TestKernelProgress is about.
emulated() { # GOARCH GOARM emulator
  if ! command -v "$3" >/dev/null; then
    echo "no $3, so tests for $1 are left out"
    [ "${VENUECAST_NO_SKIP:-}" != 1 ]
    return
  fi
  echo "linux/$1${2:+ GOARM=$2}"
  CGO_ENABLED=0 GOARCH=$1 GOARM=$2 go test -p 1 -count=1 -timeout 10m -exec "$3" -skip '^TestKernelProgress$' \
    ./h264 ./aac ./flv ./rtmp ./broadcaster
}
say "tests on the boxes' processors"
emulated arm 6 qemu-arm-static
emulated arm64 "" qemu-aarch64-static

# 6. Every parser of bytes from outside, for a few seconds each.
say "fuzzing for ${FUZZTIME:=4s} each"
while read -r package target; do
  echo "$package $target"
  go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 20x >"$out/fuzz" 2>&1 || { cat "$out/fuzz"; exit 1; }
done < <(
  for package in $(go list ./...); do
    go test -list '^Fuzz' "$package" | sed -n "s|^Fuzz|$package Fuzz|p"
  done
)

say "all tests passed"
