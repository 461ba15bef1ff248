/** Sections that a script does not mention, and what --orphan-handling has become of them: as with GNU ld. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LD_TINYELF, run, scratchFolder } from '../run.ts';
import { HAS_TOOLS } from './liveLink.ts';

const cwd = scratchFolder();

/** Exits with what lies in a section of its own. Nothing refers to `.other`, which has bytes, nor to `.empty`. */
const SOURCE = `
.globl _start
_start: movzbl value(%rip), %edi
  mov $60, %eax
  syscall
.section .mine, "aw"
value: .byte 7
.section .other, "aw"
.quad 3
.section .empty, "aw"
`;
const UNUSED = SOURCE.replace('movzbl value(%rip), %edi', 'mov $9, %edi');
const SCRIPT =
  'SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .text : { *(.text) } .data : { *(.data) } /DISCARD/ : { *(.note*) } }';

/** @returns exit code, what the linker said, and the exit code of the program, of GNU ld and of tinyelf */
function linkBoth(source: string, words: readonly string[]) {
  writeFileSync(join(cwd, 'orphans.s'), source);
  writeFileSync(join(cwd, 'orphans.ld'), SCRIPT);
  expect(run('gcc', ['-c', 'orphans.s', '-o', 'orphans.o'], { cwd })).toMatchObject({ code: 0 });
  const link = (command: readonly string[], output: string) => {
    const [program, ...options] = [...command, 'orphans.o', '-T', 'orphans.ld', ...words, '-o', output];
    const { code, stderr } = run(program!, options, { cwd });
    const ended = code === 0 ? run(join(cwd, output), []).code : undefined;
    return { code, told: stderr.includes('.mine'), isOtherTold: stderr.includes('.other'), ended, stderr };
  };
  return { gnu: link(['ld'], 'gnu'), tiny: link([process.execPath, LD_TINYELF], 'tiny') };
}

describe.skipIf(!HAS_TOOLS)('--orphan-handling', () => {
  it.each([
    ['place', { code: 0, told: false, isOtherTold: false, ended: 7 }],
    ['warn', { code: 0, told: true, isOtherTold: true, ended: 7 }],
    ['error', { code: 1, told: true, isOtherTold: true, ended: undefined }],
  ])('%s', (handling, outcome) => {
    const { gnu, tiny } = linkBoth(SOURCE, [`--orphan-handling=${handling}`, '--no-gc-sections']);
    expect(gnu).toMatchObject(outcome);
    expect(tiny).toMatchObject(outcome);
    expect(tiny.stderr).not.toContain('.empty');
  });

  it('discard', () => {
    const words = ['--orphan-handling=discard', '--no-gc-sections'];
    const { gnu, tiny } = linkBoth(UNUSED, words);
    expect(gnu).toMatchObject({ code: 0, ended: 9 });
    expect(tiny).toMatchObject({ code: 0, ended: 9 });
    expect(run('grep', ['-c', 'mine', join(cwd, 'tiny')]).code).toBe(1);
    // Something refers to what is gone.
    const both = linkBoth(SOURCE, words);
    expect(both.gnu.code).toBe(1);
    expect(both.tiny.code).toBe(1);
    expect(both.tiny.stderr).toMatch(/\.mine/);
  });

  it('tells of nothing that is not part of the program', () => {
    const { tiny } = linkBoth(UNUSED, ['--orphan-handling=error']);
    expect(tiny).toMatchObject({ code: 0, ended: 9 });
  });

  it('has no other values', () => {
    const { code, stderr } = run(process.execPath, [LD_TINYELF, '--orphan-handling=keep', 'a.o']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'ld.tinyelf: error: --orphan-handling keep: expected place, warn, error or discard\n',
    });
  });
});
