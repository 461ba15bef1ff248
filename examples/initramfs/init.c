/* The first program of a machine: greets, and turns it off. */
#define WRITE 1
#define GETPID 39
#define EXIT 60
#define REBOOT 169
#define POWER_OFF 0x4321fedc

static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

void _start(void) {
  static const char text[] = "Hello from init!\n";
  call(WRITE, 1, (long)text, sizeof text - 1);
  if (call(GETPID, 0, 0, 0) == 1) call(REBOOT, 0xfee1dead, 672274793, POWER_OFF);
  call(EXIT, 0, 0, 0);
  __builtin_unreachable();
}
