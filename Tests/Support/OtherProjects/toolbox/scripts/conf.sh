# Writes include/autoconf.h, with a date, and the list of what it was made from.
printf 'include/autoconf.h .config: Config.in\n' >.kconfig.d
date=$(date -u ${SOURCE_DATE_EPOCH:+-d @$SOURCE_DATE_EPOCH} '+%Y-%m-%d %H:%M:%S.%N')
{ echo "#define AUTOCONF_TIMESTAMP \"$date\""; sed -n 's/^CONFIG_\(.*\)=y$/#define CONFIG_\1 1/p' .config; } >include/autoconf.h
