/** `tinyelf unpack`: undoes packing. A file of its own in the build: links are not to wait for it. */
import { STANDARD_OUTPUT, writeText } from '../node/output.ts';
import { EXECUTABLE, writeOutputs } from '../node/outputs.ts';
import { unpackProgram } from '../packed/unpackProgram.ts';
import { EXIT_OK } from './exitCodes.ts';
import { explained, readBytes, reportFileFailure } from './readFiles.ts';
import { UsageError } from './values.ts';

/** What a command line of `tinyelf unpack` says. */
export interface UnpackWords {
  readonly file: string;
  readonly output: string;
  readonly json?: boolean;
}

/** Unpacks and writes an executable. @returns the exit code */
export function unpackFile({ file, output, json }: UnpackWords): number {
  try {
    if (json && output === STANDARD_OUTPUT) throw new UsageError('--json and -o - both need standard output');
    const packed = readBytes(file);
    const { bytes, method } = explained(file, () => unpackProgram(packed));
    writeOutputs({ path: output, content: bytes, mode: EXECUTABLE });
    const result = { ok: true, output, size: bytes.length, method, packedSize: packed.length };
    if (json) writeText(`${JSON.stringify(result, null, 2)}\n`);
    return EXIT_OK;
  } catch (error) {
    return reportFileFailure(error, json);
  }
}
