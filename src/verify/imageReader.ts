/** The bytes of a finished image, wherever they are: in memory, or where a sink has put them. */
import { loadSegments, readElf, type Segment } from '../header/loader/elf.ts';
import type { ImageSink } from '../image.ts';

/** Bytes that are read from a sink at a time. */
const WINDOW = 2 ** 20;
const PAGE = 0x1000;

/** What loaders map: file offsets, and the virtual address of the first byte. */
interface Load {
  readonly offset: number;
  /** They begin with a page. */
  readonly pageOffset: number;
  readonly end: number;
  readonly address: number;
}

export class ImageReader {
  /** A part of the file, until another is opened: what lies at offset `n` of it is byte `n - shift` here. */
  bytes: Uint8Array;
  view: DataView;
  shift = 0;
  /** What is read from a sink goes through it. */
  #buffer = new Uint8Array(0);
  readonly #size: number;
  readonly #sink: ImageSink | undefined;
  readonly #loads: readonly Load[];

  /**
   * @param bytes all of the file; or its beginning with all headers, where `sink` has the rest
   * @param size bytes of the file
   * @param hasHeaders false for a file without ELF header
   */
  constructor(bytes: Uint8Array, size: number, sink: ImageSink | undefined, hasHeaders: boolean) {
    this.#size = size;
    this.#sink = sink;
    this.#loads = hasHeaders ? loadSegments(readElf(bytes, size).segments ?? []).map(toLoad) : [];
    this.bytes = sink ? new Uint8Array(0) : bytes;
    this.view = viewOf(this.bytes);
  }

  /** Makes `bytes` hold a part of the file; zeros stand behind its end, as they do in memory. */
  open(offset: number, size: number): void {
    if (offset >= this.shift && offset + size <= this.shift + this.bytes.length) return;
    if (this.#sink) this.#read(this.#sink, offset, size);
    else {
      const longer = new Uint8Array(offset + size);
      longer.set(this.bytes);
      this.#show(longer, 0);
    }
  }

  #read(sink: ImageSink, offset: number, size: number): void {
    const length = Math.max(size, WINDOW);
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    const window = this.#buffer.subarray(0, length);
    const count = Math.min(length, Math.max(0, this.#size - offset));
    sink.read!(window.subarray(0, count), offset);
    window.fill(0, count);
    this.#show(window, offset);
  }

  #show(bytes: Uint8Array, shift: number): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.shift = shift;
  }

  /** Whether the file has a byte at an offset, and headers that say where it goes. */
  isMapped(offset: number): boolean {
    return offset < this.#size && this.#loads.length > 0;
  }

  /**
   * Where loaders put a byte of the file.
   * @param offset in the file
   * @returns its virtual address; undefined if it is not loaded
   */
  addressOf(offset: number): number | undefined {
    const load =
      this.#loads.find((each) => offset >= each.offset && offset < each.end) ??
      this.#loads.find((each) => offset >= each.pageOffset && offset < each.end);
    return load && load.address - load.offset + offset;
  }
}

function toLoad({ p_offset, p_filesz, p_vaddr }: Segment): Load {
  const offset = Number(p_offset);
  const pageOffset = Math.floor(offset / PAGE) * PAGE;
  return { offset, pageOffset, end: offset + Number(p_filesz), address: Number(p_vaddr) };
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
