/** Writer of string tables (gABI chapter 4, "String Table"): NUL-terminated strings, each of them once. */

export class StringTable {
  readonly #encoder = new TextEncoder();
  readonly #chunks: Uint8Array[] = [new Uint8Array(1)];
  readonly #offsets = new Map([['', 0]]);
  #size = 1;

  /** Offset of a string in bytes; the empty one is at 0. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const chunk = this.#encoder.encode(`${text}\0`);
    const offset = this.#size;
    this.#chunks.push(chunk);
    this.#offsets.set(text, offset);
    this.#size += chunk.length;
    return offset;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }
}
