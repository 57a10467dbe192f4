# Sourced by the scripts beside it: where things are, how to become root, how to install packages.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD="$ROOT/.build"                                       # tools of this checkout; safe to delete
CACHE="${MIXEL_TEST_CACHE:-/var/tmp/mixel-test-cache}"     # dear things that outlive a checkout; safe to delete
TOOLS="$BUILD/tools/bin"
PYTEST="$BUILD/pytest"                                     # pytest as a folder, for any Python's PYTHONPATH
QGIS_PYTHON=/usr/bin/python3
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export ROOT BUILD CACHE TOOLS PYTEST QGIS_PYTHON

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

as_root() {  # as_root COMMAND...: sudo only where it is needed
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else
        fail "Administrator rights are needed for: $*. Run it as root, or install sudo."
    fi
}

missing_packages() {  # missing_packages NAME...: the ones that are not installed
    local name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || printf '%s\n' "$name"
    done
}

install_packages() {  # install_packages NAME...: only what is missing, the package list fetched once
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "This machine has no apt. Install these by hand: ${missing[*]}"
    say "Installing by apt: ${missing[*]}"
    as_root apt-get update -qq </dev/null
    as_root apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        "${missing[@]}" </dev/null >"${TMPDIR:-/tmp}/mixel-apt-$$.log" 2>&1 || {
        tail -n 20 "${TMPDIR:-/tmp}/mixel-apt-$$.log" >&2
        fail "apt could not install the packages above."
    }
    rm -f "${TMPDIR:-/tmp}/mixel-apt-$$.log"
}
