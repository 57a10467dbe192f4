#!/usr/bin/env bash
# Debian 13 with QGIS 3.44 in a folder, so that one code base is proven on two QGIS versions.
#
#   qgis344.sh make            build it once (about 3 minutes, 2 GB); later calls return at once
#   qgis344.sh run COMMAND...  run a command in it, in the checkout, as root, cut off from this machine's processes
#
# The mirror is this machine's own (its apt sources), or debootstrap's default where those name no Debian mirror.
set -euo pipefail
# shellcheck source=tests/setup/common.sh
source "$(dirname "$0")/common.sh"

SUITE=trixie
PACKAGES="python3-numpy python3-matplotlib python3-venv xauth xvfb ca-certificates fonts-dejavu-core"
BACKPORTS="qgis python3-qgis"
RECIPE=$(printf '%s' "$SUITE $PACKAGES $BACKPORTS" | sha256sum | cut -c1-12)
TREE="$CACHE/qgis344-$RECIPE"

debian_mirror() {
    apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -F'|' '$1 == "Debian" && $2 == "main" && $3 !~ /security|updates|backports/ {print $4; exit}'
}

proxy_settings() { apt-config dump | grep -iE '^Acquire::https?::proxy' || true; }

in_tree() {  # in_tree COMMAND...: proc, dev and network settings of its own; everything is gone when it ends
    as_root unshare --mount --pid --fork bash -c '
        set -e
        tree=$1 checkout=$2; shift 2
        mount --make-rprivate /
        mount -t proc proc "$tree/proc"
        mount --rbind /dev "$tree/dev"
        mount -t tmpfs tmpfs "$tree/tmp"
        mkdir -p "$tree/checkout"
        mount --bind "$checkout" "$tree/checkout"
        cp -L /etc/resolv.conf "$tree/etc/resolv.conf" 2>/dev/null || true
        exec chroot "$tree" /usr/bin/env -i HOME=/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive QT_QPA_PLATFORM=offscreen XDG_RUNTIME_DIR=/tmp \
            PYTHONDONTWRITEBYTECODE=1 http_proxy="$http_proxy" https_proxy="$https_proxy" \
            sh -c "cd /checkout && exec \"\$@\"" sh "$@"' bash "$TREE" "$ROOT" "$@"
}

make_tree() {
    [ -e "$TREE/.done" ] && { say "QGIS 3.44 is there: $TREE"; return; }
    install_packages debootstrap debian-archive-keyring
    local old mirror script
    for old in "$CACHE"/qgis344-*; do
        [ -e "$old" ] && as_root rm -rf --one-file-system "$old"
    done
    mirror=$(debian_mirror)
    script=/usr/share/debootstrap/scripts/$SUITE
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    say "Building Debian $SUITE with QGIS 3.44 in $TREE"
    as_root debootstrap --variant=minbase "$SUITE" "$TREE" ${mirror:+"$mirror"} "$script" >"$BUILD/debootstrap.log" 2>&1 ||
        { tail -n 20 "$BUILD/debootstrap.log" >&2; fail "debootstrap failed."; }
    proxy_settings | as_root tee "$TREE/etc/apt/apt.conf.d/90proxy" >/dev/null
    sed -n "s/ $SUITE / $SUITE-backports /p" "$TREE/etc/apt/sources.list" |
        as_root tee "$TREE/etc/apt/sources.list.d/backports.list" >/dev/null
    in_tree sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends $PACKAGES &&
        apt-get install -y -qq --no-install-recommends -t $SUITE-backports $BACKPORTS && apt-get clean" \
        </dev/null >"$BUILD/qgis344.log" 2>&1 || { tail -n 20 "$BUILD/qgis344.log" >&2; fail "QGIS 3.44 could not be installed."; }
    as_root touch "$TREE/.done"
}

case "${1:-}" in
make)
    mkdir -p "$BUILD"
    as_root install -d -m 1777 "$CACHE"
    exec 9>"$CACHE/qgis344.lock"
    flock 9 # two checkouts on one machine share the folder
    make_tree
    ;;
run)
    shift
    [ -e "$TREE/.done" ] || fail "QGIS 3.44 is not there yet: run $0 make"
    in_tree "$@"
    ;;
*) fail "usage: $0 make | run COMMAND..." ;;
esac
