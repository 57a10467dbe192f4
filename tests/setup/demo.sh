#!/usr/bin/env bash
# make demo: from a bare Debian or Ubuntu to a QGIS project with the unmixed sample scene.
set -euo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

mapfile -t missing < <("$ROOT/tests/setup/packages.sh" demo --missing)
home="${MIXEL_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/mixel}"
say "Mixel's demo will use:"
if [ "${#missing[@]}" -gt 0 ]; then
    say "  apt packages    ${missing[*]} and what they depend on (about 1.5 GB on a bare machine)"
else
    say "  apt packages    all there"
fi
say "  $home    a Python with torch for the networks (about 1.5 GB; made unless it is there)"
say "  $ROOT/demo    a QGIS profile of its own and the results (those of an earlier demo are replaced)"
say ""

start=$SECONDS
tests/setup/packages.sh demo
packages=$((SECONDS - start))
start=$SECONDS
"$QGIS_PYTHON" -m plugin.environment create </dev/null
python=$((SECONDS - start))
exec "$QGIS_PYTHON" tests/desk/demo.py --phase "packages=$packages" --phase "backend's Python=$python" "$@"
