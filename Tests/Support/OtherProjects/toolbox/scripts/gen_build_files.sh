# Writes what the sources say of themselves: include/applets.h and the Kbuild files.
fill() {
	{ printf '%s\n' "$3"; sed -n '/^INSERT$/q;p' "$1"; cat; sed -n '/^INSERT$/,$p' "$1" | tail -n +2; } >"$2.tmp"
	if cmp -s "$2" "$2.tmp"; then rm "$2.tmp"; else echo "  GEN     $2"; mv "$2.tmp" "$2"; fi
}
sed -n 's@^//applet:@@p' */*.c | fill include/applets.src.h include/applets.h '#define APPLET(name)'
for file in */Kbuild.src; do
	dir=${file%/*}
	sed -n 's@^//kbuild:@@p' "$dir"/*.c | fill "$file" "$dir/Kbuild" '# DO NOT EDIT. This file is generated from Kbuild.src'
done
