#!/usr/bin/env bash
# kcache make against make, step by step, on two copies of a built kernel tree:
#   real-twins.sh KCACHE TREE WORK [GOAL|VAR=VALUE…]
# TREE was built by make with the variables of `kcache env` and these words; it is only read. After each step the two
# must have ended alike, have made the same files anew, and hold the same files with the same bytes.
set -euo pipefail
kcache=$(realpath "$1") tree=$(realpath "$2") work=$3
shift 3
mkdir -p "$work"
work=$(realpath "$work")
variables=() goals=()
for word in "$@"; do case $word in *=*) variables+=("$word") ;; *) goals+=("$word") ;; esac; done
unset MAKEFLAGS MFLAGS MAKELEVEL KBUILD_BUILD_{USER,HOST,VERSION,TIMESTAMP}
export XDG_CACHE_HOME=$work/cache LC_ALL=C
pins=$("$kcache" env)
jobs=-j$(nproc)
# Names of one length, so that what holds the path can be compared with the path changed.
a=$work/a b=$work/b
stamp=$work/stamp
rows=0 failures=0 compared=0 elsewhere=0 stripped=0

say() { echo "real-twins: $*"; }
wrong() {
    failures=$((failures + 1))
    say "$name: $1"
    shift
    [ $# = 0 ] || tail -n 15 "$@"
}
place() { [ "$1" = a ] && echo "$a/tree" || echo "$b/tree"; }
neutral() { sed "s|$a/|$b/|g"; }

# What kcache make has to set by itself, make is given.
program() {
    if [ "$1" = a ]; then
        eval "$pins"
        exec make "${@:2}"
    fi
    exec "$kcache" make "${@:2}"
}

# edit SCRIPT: in both trees
edit() {
    # Longer than any tick of the filesystem's clock.
    sleep 0.05
    for side in a b; do (cd "$(place $side)" && eval "$1"); done
}

# row NAME WORDS…: make in one, kcache make in the other; `status` is what both must end with, @ the twin's folder.
row() {
    name=$1
    shift
    local -A ended=() took=()
    for side in a b; do
        local start=$EPOCHREALTIME
        ended[$side]=0
        (cd "$(place $side)" && program $side "$jobs" "${variables[@]}" "${@//@/$work/$side}") </dev/null >"$work/$side.log" 2>&1 ||
            ended[$side]=$?
        took[$side]=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    done
    rows=$((rows + 1))
    if [ "${ended[a]}" != "${ended[b]}" ]; then
        wrong "kcache make ends with ${ended[b]}, make with ${ended[a]}" "$work/a.log" "$work/b.log"
    elif [ -n "$status" ] && [ "${ended[a]}" != "$status" ]; then
        wrong "make ends with ${ended[a]}" "$work/a.log"
    fi
    # Targets that failed.
    for side in a b; do
        { grep -aoE '\*\*\* \[[^]]*\] Error.*|\*\*\* .*  Stop\.' "$work/$side.log" || true; } | neutral | sort -u >"$work/$side.failed"
    done
    cmp -s "$work/a.failed" "$work/b.failed" || wrong "other targets failed" "$work/a.failed" "$work/b.failed"
    compare
    printf '%-35s status %s  make %7s s  kcache make %7s s  %5d made anew  %5d compared\n' "$name" "${ended[a]}" \
        "${took[a]}" "${took[b]}" "$(wc -l <"$work/a.made")" "$last"
}

# Files that are new or changed since the stamp, their content and their names, in both trees.
compare() {
    for side in a b; do
        (
            cd "$work/$side"
            find . \( -type f -o -type l \) -printf '%P\n' | sort >"$work/$side.names"
            find . -cnewer "$stamp" \( -type f -o -type l \) -printf '%P\n' | sort >"$work/$side.changed"
            # Neither saved commands nor stamps of syncconfig, which makes no more of a symbol than its time.
            find . -newer "$stamp" -type f ! -name '.*.cmd' ! -name '*.d' ! -name '.tmp_*' \
                \( ! -path './tree/include/config/*' -o -path './tree/include/config/auto.conf*' \) -printf '%P\n' |
                sort >"$work/$side.made"
        )
    done
    if ! cmp -s "$work/a.names" "$work/b.names"; then
        diff "$work/a.names" "$work/b.names" >"$work/difference" || true
        wrong "files are missing (<) or there too much (>)" "$work/difference"
    fi
    if ! cmp -s "$work/a.made" "$work/b.made"; then
        diff "$work/a.made" "$work/b.made" >"$work/difference" || true
        wrong "not made anew (<), or by kcache make only (>)" "$work/difference"
    fi
    sort -u "$work/a.changed" "$work/b.changed" | comm -12 - "$work/a.names" | comm -12 - "$work/b.names" >"$work/files"
    contents
    touch "$stamp"
}

# contents: of the paths in $work/files
contents() {
    for side in a b; do
        (
            cd "$work/$side"
            tr '\n' '\0' <"$work/files" | xargs -0 -r sh -c \
                'for f; do if [ -L "$f" ]; then echo "$(readlink "$f")  $f"; else echo "$f" >&3; fi; done' sh 3>"$work/regular"
            tr '\n' '\0' <"$work/regular" | xargs -0 -r sha256sum
        ) | neutral >"$work/$side.sums"
    done
    local different=()
    while IFS= read -r file; do
        if same_text "$file"; then elsewhere=$((elsewhere + 1)); continue; fi
        if same_code "$file"; then stripped=$((stripped + 1)); continue; fi
        different+=("$file")
    done < <(diff "$work/a.sums" "$work/b.sums" | sed -n 's/^< [^ ]*  //p')
    last=$(wc -l <"$work/files")
    compared=$((compared + last))
    [ ${#different[@]} = 0 ] || wrong "${#different[@]} files differ: ${different[*]:0:20}"
}

same_text() { [ ! -L "$a/$1" ] && neutral <"$a/$1" | cmp -s - "$b/$1"; }
# Debug information holds the path where its length or hash decides about the order of the rest.
same_code() {
    grep -qaF "$a/" "$a/$1" || return 1
    for side in a b; do
        objcopy -D -g -R .note.gnu.build-id "$work/$side/$1" "$work/$side.stripped" 2>/dev/null || return 1
    done
    neutral <"$work/a.stripped" | cmp -s - "$work/b.stripped"
}

# interrupt NAME WORDS…: SIGINT to the group as soon as three files are compiled
interrupt() {
    name=$1
    shift
    local ended=()
    for side in a b; do
        : >"$work/$side.log"
        set -m
        (cd "$(place $side)" && program $side "$jobs" "${variables[@]}" "$@") </dev/null >"$work/$side.log" 2>&1 &
        set +m
        local group=$! code=0
        while kill -0 "$group" 2>/dev/null && [ "$(grep -c '^  CC ' "$work/$side.log")" -lt 3 ]; do sleep 0.02; done
        kill -INT -- "-$group" 2>/dev/null || wrong "it ended before" "$work/$side.log"
        wait "$group" 2>/dev/null || code=$?
        # As the signal ends it, or, up to make 4.3, as a recipe that was hit first.
        case $code in 130 | 2) ;; *) wrong "ends with $code on SIGINT" "$work/$side.log" ;; esac
        for _ in $(seq 100); do kill -0 -- "-$group" 2>/dev/null || break; sleep 0.1; done
        kill -0 -- "-$group" 2>/dev/null && wrong "something of it still runs"
        ended+=("$code")
    done
    rows=$((rows + 1))
    printf '%-35s status %s and %s\n' "$name" "${ended[0]}" "${ended[1]}"
}

# first TEST WORD…: the first word for which the test holds
first() {
    local test=$1 word
    shift
    for word in "$@"; do
        if (cd "$tree" && eval "$test"); then echo "$word"; return; fi
    done
}
users() { find . -name '.*.o.cmd' -exec grep -lF " $1 " {} + | wc -l; }

# --- the twins

started=$SECONDS
name=twins status=0 last=0
unit=$(first '[ -f $word.o ]' fs/isofs/util lib/math/gcd)
leaf=${unit%/*}
other=$(first '[ -f $word.o ] && [ "${word%/*}" != "$leaf" ]' fs/proc/version kernel/time/timeconv lib/cmdline)
header=$(first '[ "$(users $word)" -ge 10 ] && [ "$(users $word)" -le 500 ]' include/linux/{utsname,debugfs,seq_file}.h)
few=$(first '[ "$(users $word)" -ge 10 ] && [ "$(users $word)" -le 100 ]' include/linux/{binfmts,sort,utsname}.h)
symbol=$(first 'grep -q "^CONFIG_$word=y" .config' ISO9660_FS BINFMT_SCRIPT)
symbol=${symbol:-$(first 'grep -q "CONFIG_$word is not set" .config' BINFMT_SCRIPT)}
module=$( (cd "$tree" && grep -h '\.k\?o$' modules.order 2>/dev/null | sed 's/\.k\?o$//' | head -n 1) || true)
for found in "$unit" "$other" "$header" "$few" "$symbol"; do
    [ -n "$found" ] || { say "no leaf, header or option to edit was found in $tree"; exit 1; }
done
say "unit $unit.c, header $header ($(cd "$tree" && users "$header") objects), option $symbol, module ${module:-none}"
# A copy elsewhere is not warm by itself: some saved commands hold the path.
"$kcache" push -C "$tree" --quiet --without-sources
for side in a b; do
    mkdir -p "$work/$side"
    cp -a --reflink=auto "$tree" "$(place $side)"
    "$kcache" pull -C "$(place $side)" --quiet
    (cd "$(place $side)" && program a "$jobs" "${variables[@]}" "${goals[@]}") </dev/null >"$work/$side.log" 2>&1 ||
        { tail -n 20 "$work/$side.log"; say "make failed in the twin"; exit 1; }
    compiled=$(grep -cE '^  (CC|AS)( \[M\])? ' "$work/$side.log" || true)
    [ "$compiled" -le 60 ] || { say "the twins are not warm: $compiled units compiled"; exit 1; }
done
rm -rf "$work/cache/kcache/packs"
sleep 0.05
touch "$stamp"
name="all outputs before"
compare
(cd "$a" && find . \( -name '*.o' -o -name '*.a' -o -name '*.ko' -o -name 'vmlinux*' -o -name bzImage -o -name '*.cmd' \
    -o -name System.map -o -name Module.symvers -o -name modules.order -o -name .config -o -name auto.conf \
    -o -path '*/generated/*' \) \( -type f -o -type l \) -printf '%P\n' | sort) >"$work/files"
contents
say "ready after $((SECONDS - started)) s; $last outputs, same"

# --- the steps

all=("${goals[@]}")
row "nothing" "${all[@]}"
row "nothing, which shows that it rests" "${all[@]}"
row "nothing, again" "${all[@]}"
grep -qx 'kcache: nothing to do' "$work/b.log" || wrong "there was something to do" "$work/b.log"
edit "echo 'int kcache_twin_unit;' >>$unit.c"
row "one unit" "${all[@]}"
row "nothing after it" "${all[@]}"
grep -qx 'kcache: nothing to do' "$work/b.log" || wrong "there was something to do" "$work/b.log"
edit "touch $other.c"
row "a touched unit" "${all[@]}"
edit "rm $unit.o"
row "a deleted object" "${all[@]}"
edit "echo '#define KCACHE_TWIN 1' >>$header"
row "a header" "${all[@]}"
edit "cp -p .config ../config; if grep -q CONFIG_$symbol=y .config; then \
    sed -i 's/^CONFIG_$symbol=y/# CONFIG_$symbol is not set/' .config; else \
    sed -i 's/^# CONFIG_$symbol is not set/CONFIG_$symbol=y/' .config; fi"
row "a configuration flip" "${all[@]}"
edit "cp ../config .config"
row "and back" "${all[@]}"
edit "echo 'ccflags-y += -DKCACHE_TWIN' >>$leaf/Makefile"
row "flags in a Makefile" "${all[@]}"
edit "sed -i /KCACHE_TWIN/d $leaf/Makefile; \
    echo 'int kcache_twin;' >$leaf/kcache_twin.c; echo 'obj-y += kcache_twin.o' >>$leaf/Makefile"
row "a new file" "${all[@]}"
edit "rm $leaf/kcache_twin.c; sed -i /kcache_twin/d $leaf/Makefile"
row "a file less" "${all[@]}"

edit "cp -p $unit.c ../unit.c; echo '#error twin' >>$unit.c"
status=2
row "a compile error" "${all[@]}"
edit "echo 'int kcache_twin_other;' >>$other.c"
row "-k with an error" -k "${all[@]}"
status=0
edit "cp ../unit.c $unit.c"
row "repaired" "${all[@]}"

edit "touch $few"
interrupt "Ctrl-C" "${all[@]}"
row "going on" "${all[@]}"
row "nothing after that" "${all[@]}"

edit "touch $unit.c"
row "-n" -n "${all[@]}"
# make itself changes some in large trees: recipes with $(MAKE) run all the same.
comm -13 "$work/a.changed" "$work/b.changed" >"$work/difference"
[ ! -s "$work/difference" ] || wrong "-n changed files" "$work/difference"
for side in a b; do neutral <"$work/$side.log" | sort -u >"$work/$side.lines"; done
say "-n: $(wc -l <"$work/a.lines") lines, $(comm -3 "$work/a.lines" "$work/b.lines" | wc -l) differ"
row "an object" "$unit.o"
row "a directory" "$leaf/"
row "W=1 on a directory" W=1 "$leaf/"
# A module that needs another one ends in modpost's error, and so does what follows: in both.
status=
if [ -n "$module" ]; then
    edit "touch $module.c 2>/dev/null || touch ${module%/*}/*.c"
    row "a module" "$module.ko"
fi
row "all of it" "${all[@]}"
status=0
row "modules_prepare" modules_prepare
row "savedefconfig" savedefconfig
edit "rm defconfig"
edit "mkdir ../ext; printf '%s\n' '#include <linux/module.h>' '#include <linux/init.h>' \
    'static int __init twin_init(void) { return 0; }' 'static void __exit twin_exit(void) { }' \
    'module_init(twin_init);' 'module_exit(twin_exit);' 'MODULE_LICENSE(\"GPL\");' >../ext/twin.c; \
    echo 'obj-m := twin.o' >../ext/Makefile"
status=
row "an external module" M=@/ext
row "the module, again" M=@/ext
edit "echo 'int twin_edit;' >>../ext/twin.c"
row "the module, edited" M=@/ext
row "all after it" "${all[@]}"
status=0
row "clean" clean
say "$(wc -l <"$work/b.names") files remain, $(grep -cE '\.(o|ko|a|cmd)$' "$work/b.names" || true) of them outputs; the same in both"
say "$rows steps in $((SECONDS - started)) s; $compared comparisons, $elsewhere with the path changed, $stripped without debug information; $failures wrong"
[ "$failures" = 0 ]
