#!/usr/bin/env bash
# One benchmark, tests/benchmarks/<name>.py, in the backend's Python from the checkout's root.
set -euo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"
name=${1:?usage: bench.sh NAME [ARGS...]}
shift
[ -e "tests/benchmarks/$name.py" ] || [ ! -e "tests/benchmarks/bench_$name.py" ] || name="bench_$name"
tests/setup/packages.sh demo
tests/setup/backend.sh make
exec tests/setup/backend.sh run -m "tests.benchmarks.$name" "$@"
