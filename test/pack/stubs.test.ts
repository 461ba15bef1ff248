/** Stubs are what their sources say, and take their parameters. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleStub, STUBS, stubModule, stubNames } from '../../.ci/stubs.ts';
import { buildObject } from '../../src/elf/build.ts';
import { patchStub, stubObject } from '../../src/pack/stub.ts';
import { CODE, RODATA, section, toHex } from '../elf/make.ts';
import { hasTool } from '../run.ts';

describe('stubs', () => {
  it('have a module each, and no module has lost its source', () => {
    const modules = readdirSync(STUBS).filter((name) => name.endsWith('.ts'));
    expect(modules.sort()).toEqual(stubNames().map((name) => `${name}.ts`));
    expect(modules).toContain('protect.ts');
  });

  it.skipIf(!hasTool('nasm') || !hasTool('strip')).each(stubNames())(
    '%s is what nasm makes of its source',
    async (name) => {
      const module: Record<string, string> = await import(`../../src/pack/stubs/${name}.ts`);
      const [digits] = Object.values(module);
      expect(toHex(stubObject(digits!))).toBe(toHex(assembleStub(join(STUBS, `${name}.asm`))));
    },
  );

  it('are written as they are read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (object) => {
        const text = stubModule('any', object);
        const [, digits] = /`([^`]*)`;/.exec(text.slice(text.indexOf('=')))!;
        expect(stubObject(digits!)).toEqual(object);
      }),
    );
  });
});

describe('patchStub', () => {
  const code = Uint8Array.of(0xb8, 0, 0, 0, 0, 0xc3);
  const make = () =>
    buildObject(
      [section('.text', CODE, code), section('.rodata', RODATA, 4)],
      [
        { name: 'count', section: '.text', value: 1 },
        { name: 'table', section: '.rodata', value: 2 },
      ],
    );

  it('writes at labels of any section, and nothing else', () => {
    const object = make();
    patchStub(object, 'count', Uint8Array.of(1, 2, 3, 4));
    patchStub(object, 'table', Uint8Array.of(9));
    const changed = [...make()].flatMap((byte, i) => (byte === object[i] ? [] : [object[i]]));
    expect(changed).toEqual([1, 2, 3, 4, 9]);
    expect(toHex(object)).toContain('b8 01 02 03 04 c3');
  });

  it('refuses labels that are not there', () => {
    expect(() => patchStub(make(), 'weights', Uint8Array.of(1))).toThrow('the stub has no label weights');
  });
});
