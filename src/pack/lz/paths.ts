/**
 * The cheapest ways found to each position of a window. A position keeps several, whose last distances differ: one
 * that costs a little more now may save more later (arrivals, as in Marty's apultra).
 */
import { MATCH, nextHistory, REPEAT, REPEATS } from './tokens.ts';

export class Paths {
  /** Numbers of paths at positions. */
  readonly counts: Uint8Array;
  /** Of path `position * capacity + i`, cheapest first: price, and what its last token was. */
  readonly price: Int32Array;
  readonly kind: Uint8Array;
  readonly length: Uint8Array;
  /** Path that the token continues. */
  readonly from: Int32Array;
  readonly history: Uint8Array;
  /** The last distances of a path, latest first. */
  readonly repeats: Uint32Array;

  constructor(
    positions: number,
    /** Paths kept at a position. */
    readonly capacity: number,
  ) {
    const paths = positions * capacity;
    this.counts = new Uint8Array(positions);
    this.price = new Int32Array(paths);
    this.kind = new Uint8Array(paths);
    this.length = new Uint8Array(paths);
    this.from = new Int32Array(paths);
    this.history = new Uint8Array(paths);
    this.repeats = new Uint32Array(paths * REPEATS);
  }

  /** Leaves nothing but a start at position 0. */
  start(history: number, repeats: Uint32Array): void {
    this.counts.fill(0);
    this.counts[0] = 1;
    this.price[0] = 0;
    this.history[0] = history;
    this.repeats.set(repeats);
  }

  /** Offers a path to `position` that continues another by a token; `distance` is that of a match. */
  offer(position: number, price: number, from: number, kind: number, length: number, distance: number): void {
    const first = position * this.capacity;
    let end = first + this.counts[position]!;
    const isFull = end === first + this.capacity;
    if (isFull && price >= this.price[end - 1]!) return;
    const last = kind === 0 ? this.repeats[from * REPEATS]! : distance;
    let at = first;
    while (at < end && this.repeats[at * REPEATS] !== last) at++;
    if (at < end) {
      if (this.price[at]! <= price) return;
    } else if (isFull) at = end - 1;
    else {
      at = end++;
      this.counts[position]!++;
    }
    while (at > first && this.price[at - 1]! > price) {
      this.move(at - 1, at);
      at--;
    }
    this.price[at] = price;
    this.kind[at] = kind;
    this.length[at] = length;
    this.from[at] = from;
    this.history[at] = nextHistory(this.history[from]!, kind);
    pushDistance(this.repeats, from * REPEATS, this.repeats, at * REPEATS, kind, distance);
  }

  private move(from: number, to: number): void {
    this.price[to] = this.price[from]!;
    this.kind[to] = this.kind[from]!;
    this.length[to] = this.length[from]!;
    this.from[to] = this.from[from]!;
    this.history[to] = this.history[from]!;
    for (let i = 0; i < REPEATS; i++) this.repeats[to * REPEATS + i] = this.repeats[from * REPEATS + i]!;
  }
}

/** Copies last distances and puts that of a token before them. */
export function pushDistance(
  from: Uint32Array,
  fromIndex: number,
  to: Uint32Array,
  toIndex: number,
  kind: number,
  distance: number,
): void {
  const moved = kind < MATCH ? -1 : kind === MATCH ? REPEATS - 1 : kind - REPEAT;
  for (let i = REPEATS - 1; i >= 0; i--)
    to[toIndex + i] = i > moved ? from[fromIndex + i]! : i > 0 ? from[fromIndex + i - 1]! : distance;
}
