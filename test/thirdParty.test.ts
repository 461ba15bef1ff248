/**
 * Programs that somebody else wrote, from Debian's source packages, linked against musl by tinyelf and by ld, at real
 * work. Fetching them takes the network, so they are built in CI and where TINYELF_THIRD_PARTY is set.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FIXTURES } from './programs.ts';
import { run, scratchFolder } from './run.ts';

const isWanted = Boolean(process.env.CI || process.env.TINYELF_THIRD_PARTY);
const folder = scratchFolder();

beforeAll(() => {
  if (!isWanted) return;
  const { code, stderr } = run(
    'bash',
    [join(FIXTURES, 'third-party.sh'), folder, join(FIXTURES, '../bin/driver')],
    {
      timeout: 540_000,
    },
  );
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}, 600_000);

/** Runs a program as both linkers made it and expects the same of both. @returns its output */
function runBoth(program: string, args: readonly string[], input: string | Uint8Array = ''): Buffer {
  const [ours, theirs] = ['', '.ld'].map((suffix) => run(join(folder, program + suffix), args, { input }));
  expect(ours).toEqual(theirs);
  expect(ours!.code).toBe(0);
  return ours!.stdout;
}

/** Something to compress: the sources of the largest of these programs. */
function text(): Buffer {
  return Buffer.concat(
    ['lvm.c', 'lparser.c', 'ltable.c'].map((name) => readFileSync(join(folder, 'src/lua5.4/src', name))),
  );
}

const LUA = `
local words = {}
for word in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words)
print(table.concat(words, " "), #words, math.maxinteger // 7, 2^0.5, string.format("%q %5.1f %x", "a\\n", 3.14159, 255))
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)
print(co(), co(), co(), select("#", nil, nil), pcall(error, "oops", 0))
print(os.time({year = 2020, month = 1, day = 1, hour = 12}) > 0, utf8.char(228, 8364), ("x"):rep(3, "-"))
local f = load("return function(n) local a, b = 0, 1 for _ = 1, n do a, b = b, a + b end return a end")()
print(f(50), next({}), #arg, setmetatable({}, {__tostring = function() return "meta" end}))
goto done
print("never")
::done::
`;

const SHELL = `
set -e
count() { local n=0; for word in "$@"; do n=$((n + 1)); done; echo "$n words, last \${word%?}"; }
count one two three
case $(echo mixed | tr a-z A-Z) in MIX*) echo matched;; *) echo no;; esac
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); echo "line $i"; done | while read -r a b; do echo "$b:$a"; done
printf '%s|%5d|%x\\n' text 42 255
x=\${unset:-default}; echo "$x" "\${#x}" "\${x#de}"
(exit 3) || echo "status $?"
cat <<END
here $((6 * 7))
END
trap 'echo trapped' EXIT
eval 'echo evaluated'
`;

describe.skipIf(!isWanted)('programs from Debian', () => {
  it('bzip2 compresses and decompresses', () => {
    const packed = runBoth('bzip2', ['-9c'], text());
    expect(packed.length).toBeLessThan(text().length / 3);
    expect(runBoth('bzip2', ['-dc'], packed).equals(text())).toBe(true);
  });

  it('minigzip compresses and decompresses', () => {
    const packed = runBoth('minigzip', ['-9'], text());
    expect(packed.length).toBeLessThan(text().length / 3);
    expect(runBoth('minigzip', ['-d'], packed).equals(text())).toBe(true);
  });

  it('lua runs a program', () => {
    expect(runBoth('lua', ['-'], LUA).toString()).toMatch(
      /^brown dog fox jumps lazy over quick the the\t9\t/,
    );
  });

  it('dash runs a script', () => {
    expect(runBoth('dash', [], SHELL).toString()).toMatch(/^3 words, last thre\nmatched\n1:line\n/);
  });

  it.each(['bzip2', 'minigzip', 'lua', 'dash'])('%s is smaller than what ld makes', (program) => {
    expect(statSync(join(folder, program)).size).toBeLessThan(statSync(join(folder, `${program}.ld`)).size);
  });
});
