# What the benchmarks share; sourced by bash scripts, which call begin first.
#   $work         a folder for everything, removed at the end
#   $warm         a built tree to work in
#   $kcache       the binary
#   $repetitions  how often each command runs; $builds how many edited builds
export LC_ALL=C

fail() { echo "Benchmarks/$(basename "$0"): $*" >&2; exit 1; }
say() { echo "[$(date +%H:%M:%S)] $*" >&2; }

# begin [--quick]: looks at the environment and makes the folder and the tree.
begin() {
    local here archive=/usr/src/linux-source-6.1.tar.xz parent argument tool file
    here=$(cd "$(dirname "$0")/.." && pwd)
    kcache=$(realpath "${KCACHE:-$here/.build/release/kcache}")
    repetitions=3 builds=10
    for argument in "$@"; do
        case $argument in
            --quick) repetitions=1 builds=3 ;;
            *) echo "Benchmarks/$(basename "$0"): unknown argument $argument" >&2; exit 2 ;;
        esac
    done
    [ -x "$kcache" ] || fail "no kcache at $kcache: make release"
    for tool in restic rsync zstd tar strace ccache /usr/bin/time; do
        command -v "$tool" >/dev/null || fail "$tool is missing: scripts/dependencies bench"
    done
    [ -z "${TREE:-}" ] || TREE=$(realpath "$TREE")
    if [ -n "${BENCH_DIR:-}" ]; then
        mkdir -p "$BENCH_DIR"
        parent=$(realpath "$BENCH_DIR")
    elif [ -n "${TREE:-}" ] && [ -w "$(dirname "$TREE")" ]; then
        parent=$(dirname "$TREE")
    else
        parent=${TMPDIR:-/var/tmp}
    fi
    work=$(mktemp -d -p "$parent" kcache-bench.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    export XDG_CACHE_HOME=$work/cache XDG_CONFIG_HOME=$work/config
    unset KCACHE_STORE
    jobs=$(nproc)
    mkdir -p "$work/times" "$work/peaks"

    warm=$work/warm
    mkdir "$warm"
    if [ -n "${TREE:-}" ]; then
        say "copying $TREE"
        cp -a "$TREE/." "$warm"
        # The text files that hold the tree's own path (KBUILD.md), so that the copy is as warm as the original.
        { grep -rlIF --include='*.cmd' --include='*.d' -e "$TREE/" "$warm" || true; } | while read -r file; do
            touch -r "$file" "$work/time"
            sed -i "s|$TREE/|$warm/|g" "$file"
            touch -r "$work/time" "$file"
        done
    else
        [ -e "$archive" ] || fail "no TREE is given, and there is no $archive: scripts/dependencies kernel"
        say "building ${configuration:-defconfig} (this is the long part)"
        tar -xJf "$archive" -C "$warm" --strip-components=1
        eval "$("$kcache" env)"
        make -C "$warm" -s "${configuration:-defconfig}"
        make -C "$warm" -s -j"$jobs" ${GOALS:-} >"$work/build.log" 2>&1 || { tail "$work/build.log" >&2; fail "make failed"; }
    fi
}

# pins SNAPSHOT STORE: exports what a snapshot was built with: the makes that follow use the same.
pins() {
    local pin
    while read -r pin; do export "${pin?}"; done < <("$kcache" show "$1" --store "$2" | sed -n 's/^pinned  *//p')
}

# --- measuring ---------------------------------------------------------------------------------------------

# timed NAME COMMAND…: runs it; appends its seconds to times/NAME, those of CPU to times/NAME.cpu, and
# its peak KiB to peaks/NAME.
timed() {
    local name=$1
    shift
    sync -f "$work"
    if ! /usr/bin/time -q -f '%e %U %S %M' -o "$work/measured" "$@" >"$work/output" 2>&1; then
        cat "$work/output" >&2
        fail "failed: $*"
    fi
    local seconds user system kib
    read -r seconds user system kib <"$work/measured"
    awk -v u="$user" -v s="$system" 'BEGIN { print u + s }' >>"$work/times/$name.cpu"
    echo "$seconds" >>"$work/times/$name"
    echo "$kib" >>"$work/peaks/$name"
}
median() { sort -n "$work/times/$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
peak() { sort -n "$work/peaks/$1" | tail -n 1; }
bytes_in() { find "$@" -type f -printf '%s\n' | awk '{ s += $1 } END { printf "%d\n", s }'; }

rows=()
# row WORK KCACHE OTHER BAR UNIT: BAR is the largest ratio, or with OTHER "-" the largest value; "-" for none.
# UNIT is s (seconds), b (bytes) or n (a count).
row() {
    rows+=("$(awk -v work="$1" -v a="$2" -v b="$3" -v bar="$4" -v unit="$5" '
        function shown(x) {
            return x == "-" ? "-" : unit == "s" ? sprintf("%.2f s", x) : unit == "n" ? sprintf("%d", x) : sprintf("%.1f MB", x / 1e6)
        }
        BEGIN {
            ratio = b == "-" || b == 0 ? "-" : sprintf(a / b < 0.1 ? "%.3f" : "%.2f", a / b)
            verdict = bar == "-" ? "-" : (b == "-" || b == 0 ? a : a / b) <= bar ? "holds" : "MISSED"
            if (bar != "-") bar = b == "-" || b == 0 ? shown(bar) : "<= " bar
            printf "%s|%s|%s|%s|%s|%s", work, shown(a), shown(b), ratio, bar, verdict
        }')")
}
table() {
    printf '%s\n' 'work|kcache|other|ratio|bar|verdict' '----|------|-----|-----|---|-------' "${rows[@]}" |
        column -t -s '|'
}
machine() {
    echo "$("$kcache" --version), $(nproc) cores, $(stat -f -c %T "$work"), $(uname -r); load at the end $(cut -d' ' -f1-3 /proc/loadavg)"
}
