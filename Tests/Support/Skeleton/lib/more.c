int more_value(void) { return 9; }
