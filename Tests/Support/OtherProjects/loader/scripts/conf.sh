mkdir -p include/config
grep '^CONFIG_' .config >include/config/auto.conf
printf 'deps_config := \\\n\tKconfig\n\ninclude/config/auto.conf: $(deps_config)\n\n$(deps_config): ;\n' >include/config/auto.conf.cmd
