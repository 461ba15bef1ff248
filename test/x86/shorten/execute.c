/*
 * Executes pairs of instructions from the same random states and compares what they leave behind: general registers,
 * ymm registers, status flags, memory, and the signal if there is one.
 *
 * usage: execute STATES SEED < records; prints a line for each pair that differs, and how many ran without a signal.
 * Records and addresses are as in oracle.ts.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CODE 0x10000000u
#define EPILOGUE (CODE + 0x800)
#define STATE 0x10010000u
#define BUFFER 0x10020000u
#define BUFFER_SIZE 0x10000u
#define TARGET (BUFFER + 0x8000)
#define WINDOW (BUFFER + 0x7800)
#define WINDOW_SIZE 0x1200u

enum { FLAG_MASK = 0x8d5 }; /* CF, PF, AF, ZF, SF, OF */
enum { NO_REGISTER = -1, RSP = 4 };
enum { PLAIN, BRANCH, RETURN };

struct record {
  uint8_t length[2];
  uint8_t code[2][15];
  int8_t base, index;
  uint8_t scale, is_32_bit, flow;
  int8_t flow_register;
  uint8_t unused[2];
  uint32_t flags; /* those to compare */
  int32_t disp;
};

struct state {
  uint64_t gpr[16];
  uint64_t flags;
  uint64_t unused[15];
  uint8_t ymm[16][32];
};

/* At STATE: what the stub loads and stores. */
struct shared {
  struct state in, out;
  uint64_t rsp, entry;
};

static struct shared *const shared = (struct shared *)(uintptr_t)STATE;
static uint8_t *const window = (uint8_t *)(uintptr_t)WINDOW;
static uint8_t *stub;
static sigjmp_buf escape;
static uint64_t random_state;

static uint64_t random64(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void emit(int count, const uint8_t *bytes) {
  memcpy(stub, bytes, count);
  stub += count;
}
#define EMIT(...) emit(sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void emit32(uint32_t value) { emit(4, (uint8_t *)&value); }

/* mov [address], r64 (0x89) or mov r64, [address] (0x8b) */
static void emit_move(uint8_t opcode, int reg, void *address) {
  EMIT(reg < 8 ? 0x48 : 0x4c, opcode, (reg & 7) << 3 | 4, 0x25);
  emit32((uintptr_t)address);
}

/* vmovups ymm, [address] (0x10) or vmovups [address], ymm (0x11) */
static void emit_vector_move(uint8_t opcode, int reg, void *address) {
  EMIT(0xc5, reg < 8 ? 0xfc : 0x7c, opcode, (reg & 7) << 3 | 4, 0x25);
  emit32((uintptr_t)address);
}

static void emit_stack_pointer(void *address) {
  EMIT(0xbc); /* mov esp, imm32 */
  emit32((uintptr_t)address);
}

static const uint8_t SAVE[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57};
static const uint8_t RESTORE[] = {0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b};

/* The code before and after the instruction: loads `in`, jumps to `entry`; stores `out`. */
static void make_stub(void) {
  stub = (uint8_t *)(uintptr_t)CODE;
  emit(sizeof SAVE, SAVE); /* push rbx, rbp, r12 .. r15 */
  emit_move(0x89, RSP, &shared->rsp);
  for (int i = 0; i < 16; i++) emit_vector_move(0x10, i, shared->in.ymm[i]);
  emit_stack_pointer(&shared->in.flags);
  EMIT(0x9d); /* popfq */
  for (int i = 0; i < 16; i++) emit_move(0x8b, i, &shared->in.gpr[i]);
  EMIT(0xff, 0x24, 0x25); /* jmp [entry] */
  emit32((uintptr_t)&shared->entry);
  stub = (uint8_t *)(uintptr_t)EPILOGUE;
  for (int i = 0; i < 16; i++) emit_move(0x89, i, &shared->out.gpr[i]);
  emit_stack_pointer(&shared->out.flags + 1);
  EMIT(0x9c); /* pushfq */
  for (int i = 0; i < 16; i++) emit_vector_move(0x11, i, shared->out.ymm[i]);
  emit_move(0x8b, RSP, &shared->rsp);
  EMIT(0xc5, 0xf8, 0x77, 0xfc); /* vzeroupper; cld */
  emit(sizeof RESTORE, RESTORE);
  EMIT(0xc3);
}

/* Handlers run on a stack of their own: the instruction may have taken the other one's address. */
static void on_signal(int number) { siglongjmp(escape, number); }

static void catch_signals(void) {
  static uint8_t handler_stack[1 << 16];
  stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}

/* Runs an instruction that ends where the epilogue begins. Returns the signal, or 0. */
static int execute(const uint8_t *code, int length) {
  int signal_number = sigsetjmp(escape, 1);
  if (signal_number != 0) return signal_number;
  memcpy((uint8_t *)(uintptr_t)EPILOGUE - length, code, length);
  shared->entry = EPILOGUE - length;
  ((void (*)(void))(uintptr_t)CODE)();
  return 0;
}

static uint64_t random_value(void) {
  uint64_t value = random64();
  switch (random64() % 8) {
    case 0: return 0;
    case 1: return value % 3 - 1;
    case 2: return (int64_t)(int8_t)value;
    case 3: return (uint32_t)value;
    case 4: return (int64_t)(int32_t)value;
    case 5: return UINT64_C(1) << value % 64;
    default: return value;
  }
}

/* Sets base and index so that the operand lies in the buffer. Returns its address. */
static uint64_t place_operand(const struct record *record, uint64_t *gpr) {
  uint64_t target = TARGET + random64() % 0x200;
  if (random64() % 4) target &= ~UINT64_C(63);
  int64_t rest = (int64_t)target - record->disp;
  int scale = 1 << record->scale;
  if (record->base == NO_REGISTER && record->index == NO_REGISTER) return (uint64_t)(int64_t)record->disp;
  if (record->index == NO_REGISTER) gpr[record->base] = rest;
  else if (record->base == record->index || record->base == NO_REGISTER) {
    int factor = scale + (record->base == record->index);
    target -= (rest % factor + factor) % factor;
    gpr[record->index] = ((int64_t)target - record->disp) / factor;
  } else {
    gpr[record->index] = (int64_t)(int8_t)random64();
    gpr[record->base] = rest - (int64_t)gpr[record->index] * scale;
  }
  return target;
}

static void randomize(const struct record *record, struct state *in, uint8_t *memory) {
  for (int i = 0; i < 16; i++) in->gpr[i] = random_value();
  in->gpr[RSP] = TARGET + 0x100 + (random64() & 0xf8);
  uint64_t operand = place_operand(record, in->gpr);
  if (record->is_32_bit) {
    if (record->base >= 0) in->gpr[record->base] ^= random64() << 32;
    else if (record->index >= 0) in->gpr[record->index] ^= random64() << 32;
  }
  in->flags = (random64() & FLAG_MASK) | 0x202;
  for (size_t i = 0; i < sizeof in->ymm; i += 8) *(uint64_t *)(in->ymm[0] + i) = random64();
  for (size_t i = 0; i < WINDOW_SIZE; i += 8) *(uint64_t *)(memory + i) = random64();
  for (int i = 0; i < 64; i += 8) {
    if (operand < WINDOW || operand >= WINDOW + WINDOW_SIZE - 64) break;
    *(uint64_t *)(memory + (operand - WINDOW) + i) = random_value();
  }
  uint64_t epilogue = EPILOGUE;
  if (record->flow == RETURN) memcpy(memory + (in->gpr[RSP] - WINDOW), &epilogue, 8);
  else if (record->flow == BRANCH && record->flow_register >= 0) in->gpr[record->flow_register] = EPILOGUE;
  else if (record->flow == BRANCH && operand >= WINDOW && operand < WINDOW + WINDOW_SIZE - 8)
    memcpy(memory + (operand - WINDOW), &epilogue, 8);
}

static const char *difference(const struct state *a, const struct state *b, uint32_t flags) {
  static char text[64];
  for (int i = 0; i < 16; i++) {
    if (a->gpr[i] == b->gpr[i]) continue;
    snprintf(text, sizeof text, "register %d", i);
    return text;
  }
  if ((a->flags ^ b->flags) & flags) {
    snprintf(text, sizeof text, "flags %lx", (unsigned long)((a->flags ^ b->flags) & flags));
    return text;
  }
  return memcmp(a->ymm, b->ymm, sizeof a->ymm) ? "ymm" : NULL;
}

/* Runs both instructions from one state. Returns what differs, or NULL; counts runs without a signal. */
static const char *compare(const struct record *record, long *completed) {
  static uint8_t memory[WINDOW_SIZE], after[WINDOW_SIZE];
  static struct state first;
  randomize(record, &shared->in, memory);
  memcpy(window, memory, WINDOW_SIZE);
  int signal_number = execute(record->code[0], record->length[0]);
  first = shared->out;
  memcpy(after, window, WINDOW_SIZE);
  memcpy(window, memory, WINDOW_SIZE);
  if (execute(record->code[1], record->length[1]) != signal_number) return "signal";
  if (memcmp(after, window, WINDOW_SIZE)) return "memory";
  if (signal_number != 0) return NULL;
  ++*completed;
  return difference(&first, &shared->out, record->flags);
}

static void map(uint32_t address, size_t size, int protection) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  if (mmap((void *)(uintptr_t)address, size, protection, flags, -1, 0) != (void *)(uintptr_t)address) {
    perror("mmap");
    exit(2);
  }
}

int main(int argc, char **argv) {
  int states = argc > 1 ? atoi(argv[1]) : 1;
  random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
  map(CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC);
  map(STATE, 0x2000, PROT_READ | PROT_WRITE);
  map(BUFFER, BUFFER_SIZE, PROT_READ | PROT_WRITE);
  make_stub();
  catch_signals();
  struct record record;
  long completed = 0;
  for (long number = 0; fread(&record, sizeof record, 1, stdin) == 1; number++) {
    for (int i = 0; i < states; i++) {
      const char *found = compare(&record, &completed);
      if (found == NULL) continue;
      printf("%ld %s\n", number, found);
      break;
    }
  }
  printf("completed %ld\n", completed);
  return 0;
}
