#include "led.h"
int led_blink(int number) { return number ^ 1; }
