#!/usr/bin/env bash
# make test: everything, stage by stage, each with a time limit; all stages run even if one fails.
#
#   test.sh            all stages
#   test.sh lint       ruff, mypy and bandit only
set -uo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT" || exit 1
export MIXEL_HOME="$CACHE/home" PYTHONDONTWRITEBYTECODE=1 QT_QPA_PLATFORM=offscreen LC_ALL=C.UTF-8
unset MIXEL_PYTHON DISPLAY WAYLAND_DISPLAY PYTHONPATH
SETUP="$ROOT/tests/setup"
REPORTS="$BUILD/reports"
rm -rf "$REPORTS"
mkdir -p "$REPORTS"
begin=$SECONDS
names=() verdicts=() spent=()

stage() { # stage NAME LIMIT COMMAND...: run it, say how it went and how long it took
    local name=$1 limit=$2 start=$SECONDS code
    shift 2
    printf '\n=== %s\n' "$name"
    # Into a pipe, because some tests limit the size of files and the log may be one; nobody waits for the pipe's end,
    # because a process left over would keep it open for ever.
    timeout --kill-after=15 "$limit" "$@" </dev/null > >(cat) 2>&1
    code=$?
    sleep 0.2
    case $code in
    0) verdicts+=(ok) ;;
    124) verdicts+=("FAILED: more than $limit s") ;;
    1) verdicts+=("FAILED") ;;
    *) verdicts+=("FAILED with exit code $code") ;;
    esac
    names+=("$name") spent+=($((SECONDS - start)))
    printf -- '--- %s: %s in %s s\n' "$name" "${verdicts[-1]}" "${spent[-1]}"
    return "$code"
}

finish() { # the table of stages, then the counts in pytest's words
    local index failed=0
    printf '\n=== Stages\n'
    for index in "${!names[@]}"; do
        printf '%6s s  %-44s %s\n' "${spent[index]}" "${names[index]}" "${verdicts[index]}"
        [ "${verdicts[index]}" = ok ] || failed=$((failed + 1))
    done
    "$QGIS_PYTHON" "$SETUP/count.py" "$REPORTS" "$failed" "$((SECONDS - begin))"
    exit
}

with_pytest() { # with_pytest REPORT: arguments for pytest
    printf '%s\n' -m pytest -o faulthandler_timeout=240 -p no:cacheprovider "--junitxml=$1"
}

lint() {
    stage "ruff check" 120 "$TOOLS/ruff" check .
    stage "ruff format" 120 "$TOOLS/ruff" format --check .
    stage "mypy, strict on backend" 600 "$TOOLS/mypy" --python-executable "$("$QGIS_PYTHON" -m plugin.environment find)" backend
    stage "bandit" 300 "$TOOLS/bandit" --quiet --recursive --configfile pyproject.toml backend plugin __init__.py
}

stage "system packages" 1800 "$SETUP/packages.sh" test || finish
stage "tools" 900 "$SETUP/tools.sh" || finish
stage "backend's Python" 1800 "$SETUP/backend.sh" make || finish
lint
[ "${1:-}" = lint ] && finish

mapfile -t arguments < <(with_pytest "$REPORTS/backend.xml")
# Two at a time, file by file: most of the work is on one core.
stage "backend without QGIS" 2700 "$SETUP/backend.sh" run "${arguments[@]}" --numprocesses=2 --dist=loadfile tests/backend
mapfile -t arguments < <(with_pytest "$REPORTS/plugin.xml")
stage "plugin without torch, this machine's QGIS" 900 env PYTHONPATH="$PYTEST" "$QGIS_PYTHON" "${arguments[@]}" tests/plugin
mapfile -t arguments < <(with_pytest "$REPORTS/qgis_process.xml")
stage "qgis_process runs mixel:unmix" 600 env PYTHONPATH="$PYTEST" "$QGIS_PYTHON" "${arguments[@]}" tests/desk/test_qgis_process.py
mapfile -t arguments < <(with_pytest "$REPORTS/desktop.xml")
stage "real desktop" 900 env PYTHONPATH="$PYTEST" "$QGIS_PYTHON" "${arguments[@]}" tests/desk/test_desktop.py
stage "QGIS 3.44 in a chroot" 1800 "$SETUP/qgis344.sh" make
mapfile -t arguments < <(with_pytest .build/reports/plugin344.xml)
stage "plugin without torch, QGIS 3.44" 900 "$SETUP/qgis344.sh" run \
    env PYTHONPATH=/checkout/.build/pytest python3 "${arguments[@]}" tests/plugin
mapfile -t arguments < <(with_pytest "$REPORTS/gate.xml")
stage "Qt 6 names and the package's gate" 600 env PYTHONPATH="$PYTEST" "$TOOLS/python" "${arguments[@]}" tests/gate
finish
