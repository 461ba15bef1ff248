/** Compiled code: the executable sections of x86-64 objects and of archives of them. */

/** An executable section. */
export interface Code {
  readonly bytes: Uint8Array;
  /** Offsets of the fields that have relocations. */
  readonly fields: ReadonlySet<number>;
}

const SHT_PROGBITS = 1;
const SHT_RELA = 4;
const SHF_EXECINSTR = 4;
const RELA_SIZE = 24;
const SECTION_HEADER_SIZE = 64;

interface Section {
  readonly type: number;
  readonly flags: number;
  readonly info: number;
  readonly bytes: Uint8Array;
}

/** The code in a file, an object or an archive; none in other files. */
export function* codeOf(file: Uint8Array): Generator<Code> {
  if (Buffer.from(file.subarray(0, 8)).toString('latin1') === '!<arch>\n') {
    for (const member of archiveMembers(file)) yield* codeOf(member);
  } else if (isX64Object(file)) yield* codeOfObject(file);
}

/** Contents of an archive's members, its tables among them. */
function* archiveMembers(file: Uint8Array): Generator<Uint8Array> {
  for (let at = 8; at + 60 <= file.length; ) {
    const size = Number.parseInt(Buffer.from(file.subarray(at + 48, at + 58)).toString('latin1'), 10);
    yield file.subarray(at + 60, at + 60 + size);
    at += 60 + size + (size & 1);
  }
}

function isX64Object(file: Uint8Array): boolean {
  const magic = Buffer.from(file.subarray(0, 6)).toString('latin1');
  return file.length >= 64 && magic === '\x7fELF\x02\x01' && file[0x10] === 1 && file[0x12] === 62;
}

function* codeOfObject(file: Uint8Array): Generator<Code> {
  const sections = [...sectionsOf(file)];
  for (const [index, { type, flags, bytes }] of sections.entries()) {
    if (type !== SHT_PROGBITS || (flags & SHF_EXECINSTR) === 0) continue;
    const fields = new Set<number>();
    for (const section of sections) {
      if (section.type === SHT_RELA && section.info === index) addFields(section.bytes, fields);
    }
    yield { bytes, fields };
  }
}

function addFields(relocations: Uint8Array, fields: Set<number>): void {
  const view = viewOf(relocations);
  for (let at = 0; at < relocations.length; at += RELA_SIZE) fields.add(Number(view.getBigUint64(at, true)));
}

function* sectionsOf(file: Uint8Array): Generator<Section> {
  const view = viewOf(file);
  const table = Number(view.getBigUint64(0x28, true));
  const count = view.getUint16(0x3c, true) || Number(view.getBigUint64(table + 0x20, true));
  for (let header = table; header < table + count * SECTION_HEADER_SIZE; header += SECTION_HEADER_SIZE) {
    const at = Number(view.getBigUint64(header + 0x18, true));
    const size = Number(view.getBigUint64(header + 0x20, true));
    yield {
      type: view.getUint32(header + 4, true),
      flags: view.getUint32(header + 8, true),
      info: view.getUint32(header + 0x2c, true),
      bytes: file.slice(at, at + size),
    };
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
