/**
 * A linker for drivers that packs whatever comes of it by the method `store`, where `--pack` would not take what is
 * larger. Its words are those of ld.tinyelf.
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
