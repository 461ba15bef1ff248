/** Labels in front of all data, by which collectors of garbage find the variables of a program. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasTool, run, scratchFolder } from './run.ts';
import { DRIVER_DIR } from './shrink/differential.ts';

const folder = scratchFolder();

/** Says whether variables of several kinds lie between the labels and the end, which all can be read. */
const C = `
#include <stdio.h>
extern char __data_start[], data_start[], _end[];
int table[200] = {1};
static int zeros[500];
void *first = table;
static int inside(void *p) { return (char *)p >= __data_start && (char *)p < _end; }
int main(void) {
  long sum = 0;
  for (char *p = data_start; p < _end; p++) sum += *p;
  zeros[1] = (int)sum;
  printf("%d %d %d %d\\n", inside(table), inside(zeros), inside(&first), __data_start == data_start);
}
`;

describe.skipIf(!hasTool('gcc'))('__data_start', () => {
  it.each(['', '--segments=split', '--no-gc-sections', '--verbatim', '--header=plain', '--pack=lz'])(
    'is in front of all variables: %s',
    (option) => {
      writeFileSync(join(folder, 'data.c'), C);
      const words = ['-static', '-O1', '-w', `-B${DRIVER_DIR}`, 'data.c', '-o', 'data'];
      const options = option === '' ? [] : [`-Wl,${option}`];
      expect(run('gcc', [...words, ...options], { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
      expect(run(join(folder, 'data'), []).stdout.toString()).toBe('1 1 1 1\n');
    },
  );

  it.each([
    ['a variable', 'one.c', 'int data_start = 5;'],
    ['a label', 'one.s', '.data\n.globl data_start\ndata_start: .long 5'],
  ])('stays %s where it is one', (_, name, source) => {
    writeFileSync(join(folder, name), `${source}\n`);
    writeFileSync(join(folder, 'two.c'), 'extern int data_start; int main(void) { return data_start; }\n');
    const words = ['-static', `-B${DRIVER_DIR}`, name, 'two.c', '-o', 'variable'];
    expect(run('gcc', words, { cwd: folder })).toMatchObject({ code: 0, stderr: '' });
    expect(run(join(folder, 'variable'), [])).toMatchObject({ code: 5 });
  });
});
