/** Versions of the tools whose output documents show: another compiler makes other code. */
import { spawnSync } from 'node:child_process';

/** How a document calls a tool, and the command that prints its version. */
interface Versioned {
  readonly label: string;
  readonly command: string;
}

const VERSIONED: Readonly<Record<string, Versioned>> = {
  rustc: { label: 'rustc', command: 'rustc --version' },
  cargo: { label: 'rustc', command: 'rustc --version' },
  gcc: { label: 'gcc', command: 'gcc -dumpfullversion' },
  clang: { label: 'clang', command: 'clang --version' },
  // The library's loader says its version and fails, because it has been given no program.
  'musl-gcc': { label: 'musl', command: '/lib/ld-musl-x86_64.so.1 2>&1' },
  nasm: { label: 'nasm', command: 'nasm -v' },
  // Debian names its own revision, which counts: a static executable has much of the library in it.
  ldd: { label: 'glibc', command: "ldd --version | sed -n '1s/.*GLIBC \\([^)]*\\)).*/\\1/p'" },
  ld: { label: 'ld', command: 'ld --version' },
};

/**
 * Whether the tools here are those that a document was written with: it says so as `gcc 12.2.0`. Tools that print the
 * same in any version count as the same.
 */
export function hasSameVersions(text: string, tools: readonly string[]): boolean {
  return tools.every((tool) => {
    const versioned = VERSIONED[tool];
    return versioned === undefined || isNamed(text, `${versioned.label} ${versionOf(versioned.command)}`);
  });
}

/** Whether a document says any version of a tool, if that counts. */
export function hasVersion(text: string, tool: string): boolean {
  const versioned = VERSIONED[tool];
  return versioned === undefined || new RegExp(`\\b${versioned.label}\\s\\d`).test(text);
}

/** Whether a document names a version, and not one that only begins so. */
function isNamed(text: string, version: string): boolean {
  const pattern = version.replace(/[.+]/g, '\\$&').replace(' ', '\\s');
  return new RegExp(`\\b${pattern}(?![\\w+]|\\.\\d)`).test(text);
}

function versionOf(command: string): string {
  const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  return /\d+(\.\d+)+\S*/.exec(stdout)?.[0] ?? 'unknown';
}
