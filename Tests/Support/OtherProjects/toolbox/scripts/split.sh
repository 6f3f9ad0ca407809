mkdir -p include/config
sed -n 's/^CONFIG_\(.*\)=y$/\1/p' .config | while read -r name; do
	[ -e "include/config/$name.h" ] || touch "include/config/$name.h"
done
