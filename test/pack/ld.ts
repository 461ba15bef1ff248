/**
 * A linker for drivers that packs with the method of tests: `store` makes files larger, and so `--pack` would not take
 * them. Its words are those of ld.tinyelf.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseLdArgv } from '../../src/cli/ldArgv.ts';
import { DiskFiles } from '../../src/node/files.ts';
import { linkStored } from './linkStored.ts';

const request = parseLdArgv(process.argv.slice(2), (path) =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined,
);
const { bytes } = linkStored(new DiskFiles(), request.options).stub;
writeFileSync(request.output!, bytes, { mode: 0o755 });
