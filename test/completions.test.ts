/** Completion in shells, and the manual page: both know whatever the commands define. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../src/cli/command.ts';
import { completionScript } from '../src/cli/completions.ts';
import { LD_HELP } from '../src/cli/ld.ts';
import { manualPage } from '../src/cli/manual.ts';
import { headerNames } from '../src/header/layouts.ts';
import { LINK_OPTIONS } from '../src/options.ts';
import { FIXTURES } from './programs.ts';
import { hasTool, run, scratchFolder, tinyelf } from './run.ts';

const folder = scratchFolder();
const ROOT = join(FIXTURES, '..');

/** A program with a command that does not exist, as one that is added later. */
function otherProgram(): Command {
  const program = makeProgram(() => {});
  program
    .command('later')
    .summary("a command: it's [new]")
    .argument('<file>')
    .addOption(
      new Option('--colour <name>', "with 'quotes', [brackets] and: colons").choices(['red', 'blue']),
    );
  return program;
}

/** Writes the script of a shell. @returns its path */
function script(shell: string, program = otherProgram()): string {
  const path = join(folder, `completions.${shell}`);
  writeFileSync(path, completionScript(shell, program));
  return path;
}

/** A folder with files to be named. */
const files = join(folder, 'files');
mkdirSync(join(files, 'libs'), { recursive: true });
for (const name of ['main.o', 'a file.o']) writeFileSync(join(files, name), '');

/** What there is to ask of tinyelf, and one command more. */
const COMMANDS = otherProgram().commands.map((command) => command.name());

/** A line to complete, and words that are offered for its last word. */
const LINES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['tinyelf ', [...COMMANDS, 'help']],
  ['tinyelf li', ['link']],
  ['tinyelf --ver', ['--version']],
  ['tinyelf help l', ['ld', 'link', 'later']],
  ['tinyelf link --shri', ['--shrink']],
  ['tinyelf link --icf ', ['safe', 'all', 'none']],
  ['tinyelf link -o out --segments s', ['split']],
  ['tinyelf link --header ', headerNames()],
  ['tinyelf link ma', ['main.o']],
  ['tinyelf link -o ma', ['main.o']],
  ['tinyelf completions ', ['bash', 'zsh', 'fish']],
  ['tinyelf later --colour ', ['red', 'blue']],
  ['tinyelf ld --compat ', ['linux', 'portable']],
  ['ld.tinyelf --whole-a', ['--whole-archive']],
  ['ld.tinyelf --icf ', ['safe', 'all', 'none']],
];

describe('tinyelf completions', () => {
  it.each(['bash', 'zsh', 'fish'])('prints the script for %s', (shell) => {
    const { code, stdout, stderr } = tinyelf(['completions', shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.toString()).toBe(
      completionScript(
        shell,
        makeProgram(() => {}),
      ),
    );
  });

  it('says which shells there are', () => {
    const { code, stderr } = tinyelf(['completions', 'tcsh']);
    expect(code).toBe(2);
    expect(stderr).toContain('bash, zsh, fish');
    expect(tinyelf(['completions']).code).toBe(2);
    expect(() =>
      completionScript(
        'tcsh',
        makeProgram(() => {}),
      ),
    ).toThrow('expected bash, zsh, fish');
  });

  it.each(['bash', 'zsh', 'fish'])('has every option of the table for %s', (shell) => {
    const text = completionScript(
      shell,
      makeProgram(() => {}),
    );
    for (const { flags } of LINK_OPTIONS) {
      const name = /--([\w-]+)/.exec(flags)![1]!;
      expect(text).toMatch(new RegExp(shell === 'fish' ? ` -l ${name}\\b` : `--${name}\\b`));
    }
  });
});

describe.runIf(hasTool('bash'))('bash', () => {
  /** What bash would offer: the words are split as readline does. */
  function complete(line: string): string[] {
    const words = line.split(/(=)| /).filter((word) => word !== undefined);
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const program = words[0] === 'tinyelf' ? '_tinyelf' : '_ld_tinyelf';
    const call = `source ${script('bash')}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; ${program}
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { code, stdout, stderr } = run('bash', ['--norc', '-c', call], { cwd: files });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.toString().trimEnd().split('\n');
  }

  it.each(LINES)('completes %j', (line, offered) => {
    expect(complete(line).sort()).toEqual([...offered].sort());
  });

  it('completes values behind =, whether it takes words apart there or not', () => {
    expect(complete('tinyelf link --icf=')).toEqual(['safe', 'all', 'none']);
    expect(complete('tinyelf link --icf=s')).toEqual(['safe']);
    const whole = `source ${script('bash')}; COMP_WORDS=(tinyelf link --icf=s); COMP_CWORD=2; _tinyelf; echo "$COMPREPLY"`;
    expect(run('bash', ['--norc', '-c', whole]).stdout.toString()).toBe('--icf=safe\n');
  });

  it('offers options, files and folders where they belong', () => {
    expect(complete('tinyelf link ').sort()).toEqual(['a file.o', 'libs', 'main.o']);
    expect(complete('tinyelf link -L ')).toEqual(['libs']);
    expect(complete('tinyelf link --entry ')).toEqual(['']);
    expect(complete('tinyelf driver-dir ')).toEqual(['']);
    expect(complete('tinyelf link -')).toContain('--print-map');
    expect(complete('tinyelf check -')).not.toContain('--print-map');
    // What is refused or does nothing is not offered.
    expect(complete('ld.tinyelf -')).not.toContain('--shared');
  });

  it('registers both commands', () => {
    const { stdout } = run('bash', ['--norc', '-c', `source ${script('bash')}; complete -p`]);
    const registered = stdout.toString().trimEnd().split('\n');
    expect(registered.sort()).toEqual(['complete -F _ld_tinyelf ld.tinyelf', 'complete -F _tinyelf tinyelf']);
  });
});

describe.runIf(hasTool('fish'))('fish', () => {
  const HOME = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };

  function complete(line: string): string[] {
    const call = `source ${script('fish')}; complete -C ${JSON.stringify(line)}`;
    const { code, stdout, stderr } = run('fish', ['--no-config', '-c', call], { cwd: files, env: HOME });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((entry) => entry.split('\t')[0]!);
  }

  it.each(LINES)('completes %j', (line, offered) => {
    expect(complete(line).sort()).toEqual([...offered].sort());
  });

  it('completes values behind =', () => {
    expect(complete('tinyelf link --icf=s')).toEqual(['--icf=safe']);
  });
});

/** Starts an interactive zsh, completes a line, and ends when the terminal shows what is expected. */
const ZSH_TERMINAL = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -D -u; source $1; setopt no_beep; echo REA''DY"
zpty -r -m shell seen '*READY*'
zpty -w -n shell "$2"$'\\t'
for word in "\${@:3}"; do
  [[ $seen == *$word* ]] || zpty -r -m shell seen "*$word*" || exit 1
done
zpty -d shell
`;

describe.runIf(hasTool('zsh'))('zsh', () => {
  it.each([
    ['tinyelf li', ['link']],
    ['tinyelf c', ['check', 'completions']],
    ['tinyelf link --shri', ['--shrink']],
    ['tinyelf link --segments s', ['split']],
    ['tinyelf link --icf=', ['none', 'safe']],
    ['tinyelf link ma', ['main.o']],
    ['tinyelf la', ['later']],
    ['tinyelf later --colour ', ['blue', 'red']],
    ['ld.tinyelf --whole-a', ['whole-archive']],
  ])('completes %j', (line, shown) => {
    const terminal = join(folder, 'terminal.zsh');
    writeFileSync(terminal, ZSH_TERMINAL);
    const { code, signal } = run('zsh', ['-f', terminal, script('zsh'), line, ...shown], {
      cwd: files,
      env: { HOME: folder, TERM: 'dumb' },
      timeout: 20_000,
    });
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });
});

describe('the manual page', () => {
  const page = () => readFileSync(join(ROOT, 'dist/tinyelf.1'), 'utf8');

  it('is what the build has made of the commands, and installed', () => {
    expect(page()).toBe(
      manualPage(
        makeProgram(() => {}),
        LD_HELP,
      ),
    );
    const { man, files: packed } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(man).toEqual(['./dist/tinyelf.1', './dist/ld.tinyelf.1']);
    expect(packed).toContain('dist/*.1');
  });

  it('has every command and option', () => {
    const text = manualPage(otherProgram(), LD_HELP);
    for (const name of COMMANDS) {
      expect(text).toContain(`.SS tinyelf ${name.replaceAll('-', '\\-')}\n`);
    }
    for (const { flags } of LINK_OPTIONS) {
      const name = /--[\w-]+/.exec(flags)![0];
      expect(text).toContain(`\\fB${name.replaceAll('-', '\\-')}\\fR`);
    }
    expect(text).toContain('\\fB\\-\\-colour\\fR \\fIname\\fR\n');
  });

  it.runIf(hasTool('groff'))('is troff without a warning, and says what was meant', () => {
    const path = join(folder, 'tinyelf.1');
    writeFileSync(path, manualPage(otherProgram(), LD_HELP));
    const { code, stdout, stderr } = run('groff', ['-man', '-ww', '-Tutf8', '-P-cbou', path]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const text = stdout.toString();
    expect(text).toContain("with 'quotes', [brackets] and: colons");
    expect(text).toContain('rustc --emit=obj -C panic=abort -o - main.rs | tinyelf link - -o main');
  });
});
