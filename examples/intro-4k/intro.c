/*
 * Skeleton of a 4k intro: rings on a terminal with 24-bit colours, or one frame of 640 × 480 pixels of 32 bits in a file.
 * /dev/fb0 in that mode is such a file.
 *
 *   intro            runs until interrupted
 *   intro -          one frame on the terminal
 *   intro FILE       one frame in FILE
 */
enum { WRITE = 1, OPEN = 2, NANOSLEEP = 35, EXIT = 60 };
enum { COLUMNS = 80, ROWS = 24, WIDTH = 640, HEIGHT = 480 };

static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
}

/* Red, green and blue of a point at a time, in the range of 0 to 255 each: the part to be replaced. */
static unsigned colour(int x, int y, int time) {
  unsigned colour = 0;
  for (int i = 0; i < 3; i++) {
    int dx = x - 320 - (i - 1) * 90, dy = y - 240 + (i - 1) * 40;
    unsigned ring = (unsigned)((dx * dx + dy * dy) >> 7) - (unsigned)time * 4;
    unsigned wave = ring & 255;
    colour = colour << 8 | (wave < 128 ? wave * 2 : 511 - wave * 2);
  }
  return colour;
}

static char frame[COLUMNS * ROWS * 24 + 64];
static unsigned pixels[WIDTH * HEIGHT];

static char *put(char *to, const char *text) {
  while (*text) *to++ = *text++;
  return to;
}

static char *put_number(char *to, unsigned number) {
  if (number >= 100) *to++ = '0' + number / 100;
  if (number >= 10) *to++ = '0' + number / 10 % 10;
  *to++ = '0' + number % 10;
  return to;
}

static void draw_terminal(int time) {
  char *to = put(frame, "\033[H");
  for (int row = 0; row < ROWS; row++) {
    for (int column = 0; column < COLUMNS; column++) {
      unsigned rgb = colour(column * 8, row * 20, time);
      to = put(to, "\033[48;2;");
      to = put_number(to, rgb >> 16);
      *to++ = ';';
      to = put_number(to, rgb >> 8 & 255);
      *to++ = ';';
      to = put_number(to, rgb & 255);
      to = put(to, "m ");
    }
    to = put(to, "\033[0m\n");
  }
  call(WRITE, 1, (long)frame, to - frame);
}

static void draw_file(const char *path) {
  long file = call(OPEN, (long)path, 1, 0);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) pixels[y * WIDTH + x] = colour(x, y, 0);
  call(WRITE, file, (long)pixels, sizeof pixels);
}

__attribute__((used)) static _Noreturn void run(long argc, char **argv) {
  static const long pause[2] = {0, 40000000};
  if (argc < 2)
    for (int time = 0;; time++) {
      draw_terminal(time);
      call(NANOSLEEP, (long)pause, 0, 0);
    }
  if (argv[1][0] == '-')
    draw_terminal(0);
  else
    draw_file(argv[1]);
  call(EXIT, 0, 0, 0);
  __builtin_unreachable();
}

/* At the start rsp points to argc, and argv lies behind it. */
__asm__(".globl _start\n"
        ".section .text._start, \"ax\"\n"
        "_start: pop %rdi\n"
        "mov %rsp, %rsi\n"
        "push %rdi\n"
        "call run\n");
