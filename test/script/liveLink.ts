/** Freestanding C programs that GNU ld and tinyelf link by the same script, to be run on this kernel. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { link } from '../../src/link.ts';
import { DiskFiles } from '../../src/node/files.ts';
import { EXECUTABLE, writeOutputs } from '../../src/node/outputs.ts';
import { DEFAULT_OPTIONS, type LinkOptions } from '../../src/options.ts';
import { hasTool, run, scratchFolder } from '../run.ts';

export const HAS_TOOLS = hasTool('gcc') && hasTool('ld');

/** System calls, and a printer of addresses. */
export const PRELUDE = `
static long sys(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
static __attribute__((noinline)) void show(const char *name, const void *address) {
  char line[64];
  int i = 0;
  while (name[i]) { line[i] = name[i]; i++; }
  line[i++] = '=';
  for (int shift = 60; shift >= 0; shift -= 4) line[i++] = "0123456789abcdef"[((unsigned long)address >> shift) & 15];
  line[i++] = '\\n';
  sys(1, 1, (long)line, i);
}
`;

const FLAGS = [
  '-O1',
  '-fno-pic',
  '-fno-pie',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
];

/** What came of running a program. */
interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
}

/** A folder in which a test compiles and links. */
export class LiveFolder {
  readonly path = scratchFolder();

  compile(name: string, source: string, flags: readonly string[] = FLAGS): string {
    const [input, output] = [join(this.path, `${name}.c`), join(this.path, `${name}.o`)];
    writeFileSync(input, source);
    const { code, stderr } = run('gcc', [...flags, '-c', input, '-o', output]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return output;
  }

  script(name: string, text: string): string {
    const path = join(this.path, `${name}.ld`);
    writeFileSync(path, text);
    return path;
  }

  /** Links with tinyelf. */
  linkTiny(output: string, inputs: readonly string[], options: Partial<LinkOptions>): Uint8Array {
    const files = inputs.map((path) => ({ kind: 'file', path }) as const);
    const asked = { ...DEFAULT_OPTIONS, shrink: 'none', inputs: files, ...options } as const;
    const { bytes } = link(new DiskFiles(), asked);
    writeOutputs({ path: join(this.path, output), content: bytes, mode: EXECUTABLE });
    return bytes;
  }

  outcome(program: string): Outcome {
    const { code, signal, stdout } = run(join(this.path, program), []);
    return { code, signal, stdout: stdout.toString() };
  }

  /** Links with GNU ld. @returns the path of what it has made */
  linkGnu(name: string, script: string, object: string): string {
    const output = join(this.path, `${name}.gnu`);
    const { code, stderr } = run('ld', ['-T', script, object, '-o', output]);
    expect(`${code} ${stderr.replace(/^.*RWX permissions\n/m, '')}`).toBe('0 ');
    return output;
  }

  /** Links a program with both linkers. @returns what both print, which must be the same */
  compare(name: string, source: string, text: string, flags: readonly string[] = []): string {
    const object = this.compile(name, PRELUDE + source, [...FLAGS, ...flags]);
    const path = this.script(name, text);
    this.linkGnu(name, path, object);
    this.linkTiny(`${name}.tiny`, [object], { scripts: [path], gcSections: false, icf: 'none' });
    const expected = this.outcome(`${name}.gnu`);
    expect(this.outcome(`${name}.tiny`)).toEqual(expected);
    expect(expected.signal).toBeNull();
    return expected.stdout;
  }
}
