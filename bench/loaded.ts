/** What of an executable is loaded. */

const PT_LOAD = 1;

/** Bytes of an executable up to the last one that a segment loads or that is a program header: what sstrip leaves. */
export function loadedSize(file: Buffer): number {
  const start = Number(file.readBigUInt64LE(32));
  let end = 0;
  for (let n = 0; n < file.readUInt16LE(56); n++) {
    const header = start + n * file.readUInt16LE(54);
    end = Math.max(end, header + file.readUInt16LE(54));
    if (file.readUInt32LE(header) !== PT_LOAD) continue;
    end = Math.max(end, Number(file.readBigUInt64LE(header + 8) + file.readBigUInt64LE(header + 32)));
  }
  return end;
}
