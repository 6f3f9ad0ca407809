int boot(int board);
int crc(int x);
extern const char version[];
