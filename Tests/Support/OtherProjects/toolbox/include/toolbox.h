int echo_main(void);
int cat_main(void);
int helper(int x);
const char *version(void);
