/**
 * Packs a program that lies anywhere (static-pie). Stubs know their addresses, so they work in low memory, where such a
 * program has nothing, and what they unpack is copied to its place.
 *
 * The first segment is memory for the program. It has the headers from the file, which thus lie where the program's own
 * did: that is where Linux before 5.18 says that they are. The second one is the file, with the headers once more.
 */
import { FormatError } from '../diagnostics.ts';
import { buildObject } from '../elf/build.ts';
import { alignUp } from '../elf/bytes.ts';
import { ET_DYN, PF_R, PF_W, PF_X, SHF_ALLOC, SHF_EXECINSTR, SHN_ABS } from '../elf/constants.ts';
import { headerSize } from '../header/conventional.ts';
import type { ProgramHeader } from '../header/encode.ts';
import { PAGE } from '../header/structure.ts';
import { stubObject } from '../pack/stub.ts';
import { GUARDED_STUB } from '../pack/stubs/guarded.ts';
import { MOVABLE_STUB } from '../pack/stubs/movable.ts';
import { linkAt, linkBehind } from './linkBehind.ts';
import { codePages, neededHeaders, type Places, stubObjects } from './linkStub.ts';
import { segment } from './packAbove.ts';
import { type Pack, type PackedFile, ROOM } from './packing.ts';
import type { Program } from './readProgram.ts';

/** Address of the memory that the stub works in. */
const LOW = 0x1000000;
/** jmp qword [rip]: leads to the address behind it. */
const JUMP = Uint8Array.of(0xff, 0x25, 0, 0, 0, 0);

/** @param isSplit whether no memory may be writable and executable @throws FormatError if the headers have no room */
export function packMovable(program: Program, isSplit: boolean, pack: Pack): PackedFile {
  const { address, bytes, memoryEnd, entry, code } = program.input;
  const headers = neededHeaders(program.headers, isSplit);
  const start = headerSize(headers.length + 2);
  if (start > program.headerRoom)
    throw new FormatError(
      `its first ${start} bytes are not all headers, and headers have to go there`,
      program.headerRoom,
      'link it to a fixed address',
    );
  const image = alignUp(LOW + bytes.length + ROOM, PAGE) + start;
  const size = Math.max(bytes.length - start, 0);
  const low: LowMemory = { image, size, scratch: alignUp(image + size, PAGE) };
  const packed = pack({
    bytes: bytes.subarray(start),
    address: image,
    entry: image - start + entry - address,
    memoryEnd: low.scratch,
    code: code
      .filter(([, end]) => end > start)
      .map(([from, end]) => [Math.max(from, start) - start, end - start]),
  });
  const copied = linkCopied(packed, low);
  const base = alignUp(memoryEnd, PAGE);
  const places: Places = {
    low: LOW,
    low_size: low.scratch + packed.scratchSize - LOW,
    copied_size: copied.bytes.length,
    stub: copied.entry,
    image_low: low.image,
    image_home: address + start,
    image_size: size,
    image_entry: entry,
    ...(isSplit && {
      low_code: alignUp(copied.bytes.length + 8, PAGE),
      ...codePages(program.segments, PAGE),
    }),
  };
  const objects = new Map([
    ['copied', copiedObject(copied.bytes, places)],
    ['movable', stubObject(isSplit ? GUARDED_STUB : MOVABLE_STUB)],
  ]);
  const alignment = Math.max(PAGE, ...program.segments.map((load) => load.alignment));
  const flags = PF_R | PF_W | (isSplit ? 0 : PF_X);
  const headersFor = (fileSize: number): ProgramHeader[] => [
    segment(flags, { offset: 0, address, fileSize: start, memorySize: memoryEnd - address }, alignment),
    segment(PF_R | PF_X, { offset: 0, address: base, fileSize, memorySize: fileSize }),
    ...headers,
  ];
  const file = linkBehind(base, objects, ET_DYN, headers.length + 2, headersFor);
  const memorySize = base + file.length - address + places.low_size!;
  return { bytes: file, header: start, payload: packed.payload.length, memorySize };
}

/** Addresses in low memory. */
interface LowMemory {
  readonly image: number;
  /** Bytes of the image. */
  readonly size: number;
  readonly scratch: number;
}

/** The stub and the payload as they lie in low memory. What leads back is last: an address comes behind it. */
function linkCopied(packed: ReturnType<Pack>, { image, size, scratch }: LowMemory) {
  const places = { image, image_end: image + size, scratch };
  const jump = { name: '.jump', flags: SHF_ALLOC, bytes: JUMP };
  const objects = stubObjects(packed, places, false, []);
  return linkAt(LOW, objects.set('jump', buildObject([jump], [{ name: 'entry', section: '.jump' }])));
}

function copiedObject(bytes: Uint8Array, places: Places): Uint8Array {
  const symbols = Object.entries(places).map(([name, value]) => ({ name, section: SHN_ABS, value }));
  const section = { name: '.copied', flags: SHF_ALLOC | SHF_EXECINSTR, bytes };
  return buildObject([section], [{ name: 'copied', section: '.copied' }, ...symbols]);
}
