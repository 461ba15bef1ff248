/*
 * What starts a generated program and shows what it sees. Defined are, as the program needs it: SUM (to add up instead
 * of printing), HOSTED (there is a C library), THREADS, ARRAYS, INDIRECT, UNWIND.
 */
typedef unsigned long u64;
#define NAKED __attribute__((naked, used))

extern void run_all(void);

static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

static u64 total = 1;

void see(long what, u64 value) {
#ifdef SUM
  total = (total ^ value ^ ((u64)what << 40)) * 0x100000001b3ul;
  total ^= total >> 31;
#else
  char line[32];
  int at = 32;
  line[--at] = '\n';
  do line[--at] = "0123456789abcdef"[value & 15];
  while (value >>= 4);
  line[--at] = ' ';
  do line[--at] = '0' + what % 10;
  while (what /= 10);
  call(1, 1, (long)(line + at), 32 - at);
#endif
}

#ifdef HOSTED

int main(void) {
  run_all();
  return (int)(total & 127);
}

#else

struct Header {
  unsigned type, flags;
  u64 offset, address, physical, file_size, memory_size, align;
};

static struct Header *headers;
static u64 header_count;

static inline const struct Header *find_header(unsigned type) {
  for (u64 k = 0; k < header_count; k++)
    if (headers[k].type == type) return &headers[k];
  return 0;
}

#ifdef THREADS
#define PT_TLS 7
static char thread_block[1 << 17] __attribute__((aligned(1 << 13)));

static inline void start_thread(void) {
  const struct Header *h = find_header(PT_TLS);
  /* The thread pointer lies behind the block, and is as aligned as the segment. */
  u64 end = h ? (h->address + h->memory_size + h->align - 1) & -h->align : 0;
  char *pointer = thread_block + (1 << 16);
  char *block = h ? pointer - (end - h->address) : pointer;
  for (u64 k = 0; h && k < h->file_size; k++) block[k] = ((const char *)h->address)[k];
  *(char **)pointer = pointer;
  call(158, 0x1002, (long)pointer, 0);
}

/* Calls of it are rewritten in every executable. */
void __tls_get_addr(void) { __builtin_trap(); }
#endif

#ifdef ARRAYS
typedef void (*Function)(void);
#define BOUND(name) extern Function name[] __attribute__((visibility("hidden")))
BOUND(__preinit_array_start);
BOUND(__preinit_array_end);
BOUND(__init_array_start);
BOUND(__init_array_end);
BOUND(__fini_array_start);
BOUND(__fini_array_end);
#endif

#ifdef INDIRECT
struct Rela {
  u64 *place;
  u64 info;
  u64 (*resolver)(void);
};
extern const struct Rela __rela_iplt_start[] __attribute__((weak, visibility("hidden")));
extern const struct Rela __rela_iplt_end[] __attribute__((weak, visibility("hidden")));
#endif

#ifdef UNWIND
#define PT_GNU_EH_FRAME 0x6474e550
struct Found {
  u64 flags;
  char *start, *end, *map;
  u64 table;
  u64 reserved[7];
};

int _dl_find_object(void *address, struct Found *found) {
  const struct Header *h = find_header(PT_GNU_EH_FRAME);
  if (!h) return -1;
  found->table = h->address;
  found->start = 0;
  found->end = (char *)-1;
  return 0;
}

static char heap[1 << 16];
static u64 used;

void *malloc(u64 size) {
  void *block = heap + used;
  used += (size + 15) & -16ul;
  return block;
}
void *calloc(u64 count, u64 size) { return malloc(count * size); }
void *realloc(void *old, u64 size) { return malloc(size); }
void free(void *block) {}
void abort(void) { call(60, 99, 0, 0); __builtin_unreachable(); }
int dl_iterate_phdr(void *function, void *data) { return 0; }
void *memset(void *to, int c, u64 size) {
  for (volatile char *p = to; size--; p++) *p = (char)c;
  return to;
}
void *memcpy(void *to, const void *from, u64 size) {
  volatile char *p = to;
  for (const char *q = from; size--; p++, q++) *p = *q;
  return to;
}
u64 strlen(const char *text) {
  u64 length = 0;
  while (((volatile const char *)text)[length]) length++;
  return length;
}
#endif

__attribute__((used)) void start_in_c(u64 *stack) {
  u64 *word = stack + 1 + *stack + 1;
  while (*word++) {
  }
  for (; *word; word += 2) {
    if (word[0] == 3) headers = (struct Header *)word[1];
    if (word[0] == 5) header_count = word[1];
  }
#ifdef INDIRECT
  for (const struct Rela *r = __rela_iplt_start; r < __rela_iplt_end; r++) *r->place = r->resolver();
#endif
#ifdef THREADS
  start_thread();
#endif
#ifdef ARRAYS
  for (Function *f = __preinit_array_start; f < __preinit_array_end; f++) (*f)();
  for (Function *f = __init_array_start; f < __init_array_end; f++) (*f)();
#endif
  run_all();
#ifdef ARRAYS
  for (Function *f = __fini_array_end; f > __fini_array_start;) (*--f)();
#endif
#ifdef SUM
  call(60, (long)(total & 127), 0, 0);
#else
  call(60, 0, 0, 0);
#endif
  __builtin_unreachable();
}

NAKED void _start(void) { __asm__("mov %rsp, %rdi\nand $-16, %rsp\ncall start_in_c\nhlt"); }

#endif
