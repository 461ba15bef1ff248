/** A C file of some size: something of each kind of thing that C has, over and over with other numbers. */

const OPENING = `typedef unsigned long word;
struct point { int x, y; double weight; struct point *next; };
union view { double number; word bits; };
extern int printf(const char *, ...);
word trace[64];
`;

/** Text of a C file with `count` blocks of some 25 lines; it needs no header files. */
export function generatedC(count: number): string {
  const blocks = Array.from({ length: count }, (_, n) => block(n));
  const calls = Array.from({ length: count }, (_, n) => `  sum += run${n}(sum);\n`);
  return `${OPENING}${blocks.join('')}word run_all(void) {\n  word sum = 1;\n${calls.join('')}  return sum;\n}\n`;
}

function block(n: number): string {
  return `
static const char *const names${n}[] = { "alpha ${n}", "beta ${n * 7}", "gamma", 0 };
static double series${n}[] = { ${n}.5, ${n * 3 + 1}e-3, -${n % 17}.25, 1e${n % 30} };
static struct point points${n}[8] = { { ${n}, -${n}, 0.5, points${n} + 1 }, [3] = { .y = ${n * 11} } };

static word mix${n}(word value) {
  union view view = { .bits = value * ${(n * 2654435761) % 4294967296}ul };
  for (word i = value & ${(n % 13) + 2}; i != 0; i--) {
    value ^= value << ${(n % 11) + 1} | value >> ${(n % 23) + 5};
    trace[i & 63] += value % ${n + 3};
  }
  return value + (view.number > series${n}[value & 3] ? ${n} : view.bits >> 7);
}

int pick${n}(int kind, struct point *at) {
  switch (kind) {
    case ${n % 7}: return at->x + ${n};
    case ${(n % 7) + 1}: return at->y * ${n + 2};
    case ${(n % 7) + 2}: return (int)(at->weight * ${n}.125);
    case ${(n % 7) + 9}: return at->next ? pick${n}(kind - 3, at->next) : -1;
    default: return printf("%s %d\\n", names${n}[kind & 3], kind);
  }
}

word run${n}(word seed) {
  for (struct point *at = points${n}; at; at = at->next) seed += pick${n}((int)(seed & 15), at);
  return mix${n}(seed);
}
`;
}
