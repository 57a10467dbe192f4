#!/usr/bin/env bash
# The system packages Mixel's demo and tests need, by apt. Installs what is missing, nothing twice.
#
#   packages.sh demo|test [--missing]     --missing only names what would be installed
set -euo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"

DEMO=(python3 python3-venv qgis python3-qgis python3-numpy python3-matplotlib python3-gdal ca-certificates
    xvfb xauth procps util-linux libegl1 libgl1 libgl1-mesa-dri libopengl0 fonts-dejavu-core)
TEST=("${DEMO[@]}" git debootstrap debian-archive-keyring)

case "${1:-}" in
demo) wanted=("${DEMO[@]}") ;;
test) wanted=("${TEST[@]}") ;;
*) fail "usage: $0 demo|test [--missing]" ;;
esac
if [ "${2:-}" = --missing ]; then
    missing_packages "${wanted[@]}"
    exit 0
fi
install_packages "${wanted[@]}"
"$QGIS_PYTHON" -c 'from qgis.core import Qgis; print("QGIS", Qgis.QGIS_VERSION, "is there")' 2>/dev/null ||
    fail "QGIS is installed, but $QGIS_PYTHON cannot import it."
