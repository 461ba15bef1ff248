#include <stdio.h>
int main(int c,char**v){printf("hi %d %s %f\n",c,"x",1.5);return 0;}