/** iced-x86 as a disassembler. It brings 0.8 MB of WebAssembly, and is loaded only when there is code to show. */
import type { Disassembler } from '../report/inspect/instructions.ts';

/** Loads the disassembler. */
export async function loadDisassembler(): Promise<Disassembler> {
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction } = await import('iced-x86');
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.branchLeadingZeros = false;
  formatter.showBranchSize = false;
  const instruction = new Instruction();
  let source: Uint8Array | undefined;
  let decoder: InstanceType<typeof Decoder> | undefined;
  return {
    format(bytes, offset, length, address) {
      if (!decoder || source !== bytes) {
        decoder?.free();
        decoder = new Decoder(64, bytes, DecoderOptions.None);
        source = bytes;
      }
      decoder.position = offset;
      decoder.ip = BigInt.asUintN(64, BigInt(address));
      decoder.decodeOut(instruction);
      return instruction.length === length ? formatter.format(instruction) : '(bad)';
    },
  };
}
