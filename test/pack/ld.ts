/**
 * A linker for drivers that packs whatever comes of it, where `--pack` would not take what is larger. The environment
 * names the method; `store` if it names none. Its words are those of ld.tinyelf.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseLdArgv } from '../../src/cli/ldArgv.ts';
import { DiskFiles } from '../../src/node/files.ts';
import { METHODS } from '../../src/pack/methods.ts';
import { linkStored } from './linkStored.ts';

const request = parseLdArgv(process.argv.slice(2), (path) =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined,
);
const method = METHODS.find(({ name }) => name === process.env.METHOD);
const { bytes } = linkStored(new DiskFiles(), request.options, method).stub;
writeFileSync(request.output!, bytes, { mode: 0o755 });
