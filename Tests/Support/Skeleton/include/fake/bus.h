#ifndef FAKE_BUS_H
#define FAKE_BUS_H
#include <fake/task.h>
#include <fake/trace.h>
int bus_register(int number);
int shared_value(int number);
#endif
