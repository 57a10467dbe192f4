#!/usr/bin/env bash
# The checks' own tools: .build/tools (a virtual environment) and .build/pytest (a folder for PYTHONPATH).
set -euo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"

here="$ROOT/tests/setup"
recipe=$(cat "$here/tools.txt" "$here/pytest.txt" | sha256sum | cut -c1-12)
done_marker="$BUILD/tools/.done-$recipe"
[ -e "$done_marker" ] && { say "The tools are there: $BUILD/tools"; exit 0; }

install_packages python3 python3-venv
rm -rf "$BUILD/tools" "$PYTEST"
mkdir -p "$BUILD"
"$QGIS_PYTHON" -m venv "$BUILD/tools"
"$TOOLS/pip" install --quiet --quiet --requirement "$here/tools.txt" </dev/null
"$TOOLS/pip" install --quiet --quiet --target "$PYTEST" --requirement "$here/pytest.txt" </dev/null
touch "$done_marker"
say "Installed the tools in $BUILD/tools"
