int led_set(int number, int on);
int led_blink(int number);
