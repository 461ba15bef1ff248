/* Greets by system calls alone: no C library. */
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

void _start(void) {
  static const char text[] = "Hello, C!\n";
  call(1, 1, (long)text, sizeof text - 1);
  call(60, 0, 0, 0);
  __builtin_unreachable();
}
