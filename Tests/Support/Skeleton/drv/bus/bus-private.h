int bus_probe(int number);
void bus_debug(int number);
