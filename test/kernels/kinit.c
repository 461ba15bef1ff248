/*
 * The init of the machines that boot.sh starts: runs each file of /t in the order of /list, one at a time under
 * ptrace, and reports on the second serial port. Freestanding: no libc.
 *
 * A line for each file, fields separated by tabs:
 *   name  outcome  auxv  maps
 * outcome: exit:N, signal:N, refused:N (execve returned error N), killed:N (signal N within execve), timeout.
 * auxv and maps are those before the first instruction: "type=value,..." and /proc/PID/maps with newlines as '|'.
 * Lines that begin with '#' say which kernel runs, and that all is reported.
 */
typedef unsigned long u64;

enum {
  SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_IOCTL = 16, SYS_DUP2 = 33, SYS_NANOSLEEP = 35,
  SYS_FORK = 57, SYS_EXECVE = 59, SYS_EXIT = 60, SYS_WAIT4 = 61, SYS_KILL = 62, SYS_UNAME = 63, SYS_MKDIR = 83,
  SYS_CHMOD = 90, SYS_PTRACE = 101, SYS_MKNOD = 133, SYS_MOUNT = 165, SYS_REBOOT = 169, SYS_PIPE2 = 293,
};
enum { PTRACE_TRACEME = 0, PTRACE_DETACH = 17, WNOHANG = 1, WALL = 0x40000000, SIGTRAP = 5, SIGKILL = 9 };
enum { O_RDWR = 2, O_NOCTTY = 0400, O_CLOEXEC = 02000000 };
enum { TICK_MS = 2, LIMIT_MS = 10000, PAGE = 4096 };

static long call(long number, long a, long b, long c, long d, long e) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
}
#define CALL(number, a, b, c, d) call(number, (long)(a), (long)(b), (long)(c), (long)(d), 0)

/* --- output ------------------------------------------------------------------------------------------------ */

static char out[1 << 16];
static int out_size, out_fd = 1;

static void flush(void) {
  for (int done = 0; done < out_size;) {
    long written = CALL(SYS_WRITE, out_fd, out + done, out_size - done, 0);
    if (written <= 0) break;
    done += written;
  }
  out_size = 0;
}

static void put(char c) {
  if (out_size == sizeof out) flush();
  out[out_size++] = c;
}

static void text(const char *s) {
  while (*s) put(*s++);
}

static void number(u64 value) {
  char digits[20];
  int count = 0;
  do digits[count++] = '0' + value % 10; while (value /= 10);
  while (count) put(digits[--count]);
}

/* --- files ------------------------------------------------------------------------------------------------- */

static char *append(char *to, const char *from) {
  while (*from) *to++ = *from++;
  *to = 0;
  return to;
}

/* Reads a file whole. Returns its size, 0 if it cannot be read. */
static int slurp(const char *path, char *to, int limit) {
  long fd = CALL(SYS_OPEN, path, 0, 0, 0);
  int size = 0;
  if (fd < 0) return 0;
  for (;;) {
    long got = CALL(SYS_READ, fd, to + size, limit - 1 - size, 0);
    if (got <= 0) break;
    size += got;
  }
  to[size] = 0;
  CALL(SYS_CLOSE, fd, 0, 0, 0);
  return size;
}

static void proc_path(char *path, u64 pid, const char *leaf) {
  char digits[21];
  int at = 20;
  digits[at] = 0;
  do digits[--at] = '0' + pid % 10; while (pid /= 10);
  append(append(append(path, "/proc/"), digits + at), leaf);
}

/* --- one process ------------------------------------------------------------------------------------------- */

static char auxv[PAGE], maps[8 * PAGE];
static int auxv_size, maps_size;

static void inspect(long pid) {
  char path[64];
  proc_path(path, pid, "/auxv");
  auxv_size = slurp(path, auxv, sizeof auxv);
  proc_path(path, pid, "/maps");
  maps_size = slurp(path, maps, sizeof maps);
}

static void report_process(void) {
  u64 *entry = (u64 *)auxv;
  put('\t');
  for (int i = 0; i + 1 < auxv_size / 8 && entry[i]; i += 2) {
    number(entry[i]);
    put('=');
    number(entry[i + 1]);
    put(',');
  }
  put('\t');
  for (int i = 0; i < maps_size; i++) put(maps[i] == '\n' ? '|' : maps[i]);
  put('\n');
}

/* In the child: execve; its error goes through the pipe. */
static void become(const char *path, int error_pipe) {
  const char *argv[] = {path, 0};
  long null = CALL(SYS_OPEN, "/dev/null", O_RDWR, 0, 0);
  for (int fd = 0; fd < 3; fd++) CALL(SYS_DUP2, null, fd, 0, 0);
  CALL(SYS_PTRACE, PTRACE_TRACEME, 0, 0, 0);
  int error = -CALL(SYS_EXECVE, path, argv, argv + 1, 0);
  CALL(SYS_WRITE, error_pipe, &error, sizeof error, 0);
  CALL(SYS_EXIT, 127, 0, 0, 0);
}

/* Waits for the end of a process that runs. Returns 0 where it had to be ended. */
static int await(long pid, int *status) {
  for (int waited = 0; waited < LIMIT_MS; waited += TICK_MS) {
    long tick[2] = {0, TICK_MS * 1000000};
    if (CALL(SYS_WAIT4, pid, status, WALL | WNOHANG, 0) == pid) return 1;
    CALL(SYS_NANOSLEEP, tick, 0, 0, 0);
  }
  CALL(SYS_KILL, pid, SIGKILL, 0, 0);
  CALL(SYS_WAIT4, pid, status, WALL, 0);
  return 0;
}

static void run(const char *name) {
  char path[300];
  int pipe[2], status = 0, error = 0, loaded = 0, ended = 1;
  append(append(path, "/t/"), name);
  CALL(SYS_CHMOD, path, 0755, 0, 0);
  CALL(SYS_PIPE2, pipe, O_CLOEXEC, 0, 0);
  flush();
  long pid = CALL(SYS_FORK, 0, 0, 0, 0);
  if (pid == 0) become(path, pipe[1]);
  CALL(SYS_CLOSE, pipe[1], 0, 0, 0);
  auxv_size = maps_size = 0;
  CALL(SYS_WAIT4, pid, &status, WALL, 0);
  if ((status & 0xff) == 0x7f) { /* stopped: SIGTRAP where execve is done */
    int signal = status >> 8 & 0xff;
    loaded = signal == SIGTRAP;
    if (loaded) inspect(pid);
    CALL(SYS_PTRACE, PTRACE_DETACH, pid, 0, loaded ? 0 : signal);
    ended = await(pid, &status);
  }
  int refused = CALL(SYS_READ, pipe[0], &error, sizeof error, 0) == sizeof error;
  CALL(SYS_CLOSE, pipe[0], 0, 0, 0);
  text(name);
  put('\t');
  if (!ended) text("timeout");
  else if (refused) text("refused:"), number(error);
  else if (status & 0x7f) text(loaded ? "signal:" : "killed:"), number(status & 0x7f);
  else text("exit:"), number(status >> 8 & 0xff);
  report_process();
}

/* --- the machine ------------------------------------------------------------------------------------------- */

static void open_port(void) {
  int termios[16] = {0};
  CALL(SYS_MKNOD, "/dev/ttyS1", 020600, 4 << 8 | 65, 0);
  long fd = CALL(SYS_OPEN, "/dev/ttyS1", O_RDWR | O_NOCTTY, 0, 0);
  if (fd < 0) return;
  CALL(SYS_IOCTL, fd, 0x5401, termios, 0); /* TCGETS */
  termios[1] = termios[3] = 0;             /* no translation, no echo */
  CALL(SYS_IOCTL, fd, 0x5402, termios, 0); /* TCSETS */
  CALL(SYS_DUP2, fd, 30, 0, 0);
  CALL(SYS_CLOSE, fd, 0, 0, 0);
  out_fd = 30;
}

static char list[1 << 20];

__attribute__((used)) void start(void) {
  static char uname[6 * 65];
  CALL(SYS_MKDIR, "/dev", 0755, 0, 0);
  CALL(SYS_MKDIR, "/proc", 0755, 0, 0);
  call(SYS_MOUNT, (long)"dev", (long)"/dev", (long)"devtmpfs", 0, 0);
  call(SYS_MOUNT, (long)"proc", (long)"/proc", (long)"proc", 0, 0);
  CALL(SYS_MKNOD, "/dev/null", 020666, 1 << 8 | 3, 0);
  open_port();
  CALL(SYS_UNAME, uname, 0, 0, 0);
  text("#kernel ");
  text(uname + 2 * 65);
  put(' ');
  text(uname + 3 * 65);
  put('\n');
  slurp("/list", list, sizeof list);
  for (char *name = list; *name;) {
    char *end = name;
    while (*end && *end != '\n') end++;
    int more = *end;
    *end = 0;
    if (*name) run(name);
    name = more ? end + 1 : end;
  }
  text("#end\n");
  flush();
  CALL(SYS_IOCTL, out_fd, 0x5409, 1, 0); /* TCSBRK: until all is sent */
  CALL(SYS_REBOOT, 0xfee1dead, 672274793, 0x1234567, 0);
  for (;;) CALL(SYS_NANOSLEEP, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call start\n hlt\n");
