#!/bin/sh
# kcache make on a real kernel tree, against make: real-make.sh KCACHE TREE WORK [GOAL…]
# The tree was built by make with the variables of `kcache env`. Ends in a comparison with a clean build by make.
set -eu
kcache=$1 tree=$2 work=$3
shift 3
mkdir -p "$work"
export XDG_CACHE_HOME="$work/cache" LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL
eval "$("$kcache" env)"
cd "$tree"
jobs=-j$(nproc)

say() { echo "real-make: $*"; }
fail() { say "$*"; tail -n 40 "$work/log"; exit 1; }
# run WORDS…: into $work/log
run() { "$@" >"$work/log" 2>&1 || fail "failed: $*"; }
steps() { grep -cE '^  (CC|AS|HOSTCC)( \[M\])? ' "$work/log" || true; }
# trace FILE WORDS…: -z shows calls that succeed, and each on one line.
trace() {
    file=$1
    shift
    run strace -z -f -qq -e trace=execve -e signal=none -o "$work/$file" "$@"
}
started() { grep -cE "execve\\(\"[^\"]*/($2)\"" "$work/$1" || true; }
# makes FILE link|whole: makes started before the kernel's objects are linked, or in all
makes() {
    awk -v part="$2" '/execve\("[^"]*\/make"/ { n++ }
        part == "link" && /execve\("[^"]*\/ld".*"vmlinux.o"/ { exit }
        END { print n + 0 }' "$work/$1"
}
sums() {
    find . \( -name '*.o' -o -name '*.a' -o -name '*.ko' -o -name vmlinux -o -name bzImage -o -name System.map \) \
        -type f ! -path './tools/*' ! -path './scripts/*' ! -name '.*' -exec sha256sum {} + | sort -k 2 >"$work/$1"
}

run make "$jobs" "$@"
run "$kcache" make "$jobs" "$@"
[ "$(steps)" = 0 ] || fail "something was compiled in a warm tree"
run "$kcache" make "$jobs" "$@"
run "$kcache" make "$jobs" "$@"
grep -qx 'kcache: nothing to do' "$work/log" || fail "there was something to do"

trace plain make "$jobs" "$@"
trace always "$kcache" make --always "$jobs" "$@"
compilers=$(started always 'gcc|g\+\+|clang|cc1|cc1plus|as') plain=$(started plain 'gcc|cc1|as')
say "nothing to do, --always: $compilers compilers started, make starts $plain; $(started always make) makes, make has $(started plain make)"
[ "$compilers" = 0 ] || fail "compilers were started"
[ "$plain" -gt 0 ] || fail "the trace of make shows no compiler"
[ "$(($(started always make) * 3))" -lt "$(started plain make)" ] || fail "every directory was walked"
run "$kcache" make "$jobs" "$@"
grep -qx 'kcache: nothing to do' "$work/log" || fail "plain make in between left something to do"

# Only of a configuration with enough directories to leave out; a tiny one has not ten makes for each that is needed.
leaf=drivers/hid/hid-a4tech.c
if [ -e "${leaf%.c}.o" ]; then
    cp -p "$leaf" "$work/leaf.c"
    echo 'static const char kcache_leaf[] __attribute__((used)) = "edited";' >>"$leaf"
    trace leaf "$kcache" make "$jobs" "$@"
    [ "$(steps)" -le 12 ] || fail "more than an edited leaf was made"
    cat "$work/leaf.c" >"$leaf"
    trace leaf-plain make "$jobs" "$@"
    for part in link whole; do
        ours=$(makes leaf "$part") plain=$(makes leaf-plain "$part")
        say "one leaf driver, $part: $ours makes, make has $plain"
        [ "$((ours * 10))" -le "$plain" ] || fail "too many sub-makes for one leaf driver"
    done
    cp -p "$work/leaf.c" "$leaf"
    run "$kcache" make "$jobs" "$@"
    run "$kcache" make "$jobs" "$@"
fi

cp -p lib/string.c "$work/string.c"
echo 'static const char kcache_edit[] __attribute__((used)) = "edited";' >>lib/string.c
run "$kcache" make --explain "$jobs" "$@"
grep -q '^  CC      lib/string.o' "$work/log" || fail "an edited unit was not compiled"
grep -q 'kcache: the same make again will have nothing to do' "$work/log" || fail "an edit made the tree restless"
say "one edit: $(steps) compiled"
[ "$(steps)" -le 4 ] || fail "more than the edit was compiled"
rm kernel/fork.o
run "$kcache" make "$jobs" "$@"
grep -q '^  CC      kernel/fork.o' "$work/log" || fail "a removed object was not made again"
touch include/linux/seq_file.h
run "$kcache" make "$jobs" "$@"
[ "$(steps)" -gt 4 ] || fail "a touched header rebuilt nothing"
run "$kcache" make -s "$jobs" "$@"
sums kcache
run make clean
run make "$jobs" "$@"
sums clean
cmp "$work/kcache" "$work/clean" || fail "the outputs differ from a clean build's"
say "$(wc -l <"$work/clean") files compared, same"
# As it was found, for whoever comes next.
cp "$work/string.c" lib/string.c
run make "$jobs" "$@"
