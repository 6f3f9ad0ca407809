#!/usr/bin/env bash
# usage: other-user.sh KCACHE BUILT TARBALL WORK [GOAL…]
# A snapshot from a machine whose clock ran a day ahead, pulled by another user with another umask into another
# directory: plain make has nothing to do. Prints what it compiled otherwise, and exits with 1.
set -euo pipefail
kcache=$1 built=$2 tarball=$3 work=$4
shift 4
mkdir -p "$work"
chmod 755 "$work"
# In place, since a copy elsewhere is not warm itself. What was written a day from now: every time in the built tree, sources and outputs alike.
(cd "$built" && find . -type f -print0 | perl -0 -ne 'chomp; my @s = lstat; utime $s[8] + 86400, $s[9] + 86400, $_')
export XDG_CACHE_HOME=$work/cache
eval "$("$kcache" env)"
(cd "$built" && "$kcache" push --quiet)
mkdir "$work/another-users-tree"
tar -xJf "$tarball" -C "$work/another-users-tree" --strip-components=1
cp "$built/.config" "$work/another-users-tree/.config"
chown -R 12345:12345 "$work/another-users-tree"
mkdir "$work/home"
chown 12345:12345 "$work/home"
chmod -R a+rX "$work/cache"
as_user() { setpriv --reuid=12345 --regid=12345 --clear-groups env HOME="$work/home" XDG_CACHE_HOME="$work/home/cache" "$@"; }
cp "$kcache" "$work/kcache"
cd "$work/another-users-tree"
(umask 077 && as_user "$work/kcache" pull "$work/cache/kcache")
(umask 077 && as_user make -j"$(nproc)" "$@") >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
if grep -E '^  (CC|AS|LD|AR|HOSTCC|HOSTLD|LDS|OBJCOPY|UPD) ' "$work/log"; then exit 1; fi
future=$(find . -newermt '+1 minute' | head -n 3)
[ -z "$future" ] || { echo "files from the future: $future"; exit 1; }
echo "nothing to do"
