#!/usr/bin/env bash
# The backend's Python for tests and benchmarks, made by the plugin itself but apart from the user's: in the cache.
#
#   backend.sh make            make it unless it is there
#   backend.sh run ARGS...     run it, in the checkout, with pytest at hand
set -euo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"
export MIXEL_HOME="$CACHE/home"
TRITON="$CACHE/triton-3.7.1" # which torch 2.13 for CUDA brings

case "${1:-}" in
make)
    [ -d "$CACHE" ] || as_root install -d -m 1777 "$CACHE"
    "$QGIS_PYTHON" -m plugin.environment create --accelerator "${ACCELERATOR:-cpu}" </dev/null
    python=$("$QGIS_PYTHON" -m plugin.environment find)
    for old in "$MIXEL_HOME"/python-*; do # of earlier lock files
        case "$python" in "$old"/*) ;; *) rm -rf "$old" ;; esac
    done
    if [ ! -e "$TRITON/.done" ]; then # its interpreter and compiler test the GPU's kernels without a GPU
        rm -rf "${TRITON%-*}"-*
        "$python" -m pip install --quiet --no-deps --target "$TRITON" "triton==${TRITON##*-}" </dev/null
        touch "$TRITON/.done"
    fi
    ;;
run)
    shift
    python=$("$QGIS_PYTHON" -m plugin.environment find)
    PYTHONPATH="$PYTEST:$TRITON" exec "$python" "$@"
    ;;
*) fail "usage: $0 make | run ARGS..." ;;
esac
