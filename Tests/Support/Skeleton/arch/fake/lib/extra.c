int fake_extra(void) { return 7; }
