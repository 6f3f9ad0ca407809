# fixdep.sh LIST TARGET COMMAND: the compiler's list of what it read, as a saved command.
printf 'cmd_%s := %s\n\n' "$2" "$3"
sed -e 's/^[^:]*://' -e 's/\\$//' "$1" | tr -s ' ' '\n' | grep . | awk -v target="$2" '
    NR == 1 { printf "source_%s := %s\n\ndeps_%s := \\\n", target, $0, target; next }
    /autoconf\.h$/ { next }
    { printf "  %s \\\n", $0 }
    END { printf "\n%s: $(deps_%s)\n\n$(deps_%s):\n", target, target, target }'
