#define TEXT "built\n"
