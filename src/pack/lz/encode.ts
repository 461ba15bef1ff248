/** The encoder: cheapest paths through a window of the image, whose first part is then written; window by window. */
import { instructionStates } from '../filter/instructionState.ts';
import type { PackEffort } from '../method.ts';
import { findMatches, type Matches } from './matches.ts';
import { BIT_PRICE, Model } from './model.ts';
import { Paths, pushDistance } from './paths.ts';
import { Prices } from './prices.ts';
import { RangeEncoder } from './rangeEncoder.ts';
import {
  LITERAL,
  LONGEST,
  literalRow,
  MATCH,
  nextHistory,
  REPEAT,
  REPEATS,
  SHORTEST,
  type Visit,
  visitDistance,
  visitExponent,
  visitKind,
  visitLength,
  visitLiteral,
} from './tokens.ts';

/** Positions of a window, and after how many of them the model is up to date again for the rest. */
const WINDOW = 5000;
const WRITTEN = 3500;
/** Matches from this length on are taken as long as they are. */
const LONG = 64;

/** How thorough the encoder is. */
export interface Effort {
  /** Paths kept at a position. */
  readonly paths: number;
  /** Steps of a search for matches. */
  readonly depth: number;
}

/** A compressed image. */
export interface Encoded {
  readonly bytes: Uint8Array;
  /** Cost of each byte in bits; those of a match share its cost. */
  readonly bits: Float32Array;
}

/** Compresses an image as the stub reads it. */
export function encode(image: Uint8Array, effort: Effort, progress?: PackEffort['progress']): Encoded {
  return new Encoder(image, effort).run(progress);
}

class Encoder {
  private readonly states: Uint16Array;
  private readonly matches: Matches;
  private readonly model = new Model();
  private readonly prices = new Prices(this.model);
  private readonly coder = new RangeEncoder();
  private readonly paths: Paths;
  private readonly bits: Float32Array;
  private readonly repeats = new Uint32Array(REPEATS);
  private history = 0;
  /** Price of the token that is being written. */
  private written = 0;
  private readonly write: Visit;

  constructor(
    private readonly image: Uint8Array,
    effort: Effort,
  ) {
    this.states = instructionStates(image);
    this.matches = findMatches(image, effort.depth);
    this.paths = new Paths(WINDOW + 1, effort.paths);
    this.bits = new Float32Array(image.length);
    const { model, coder } = this;
    this.write = (first, second, node, bit) => {
      this.written += model.price(first, second, node, bit);
      coder.encode(model.probability(first, second, node), bit);
      model.update(first, second, node, bit);
    };
  }

  run(progress?: PackEffort['progress']): Encoded {
    const size = this.image.length;
    let start = 0;
    while (start < size) {
      const window = Math.min(WINDOW, size - start);
      this.prices.forget();
      this.paths.start(this.history, this.repeats);
      for (let i = 0; i < window; i++) this.continuePaths(start, i, window);
      start = this.writeTokens(start, window, start + window === size ? window : WRITTEN);
      progress?.(start, size, this.coder.size);
    }
    return { bytes: this.coder.finish(), bits: this.bits };
  }

  /** Continues the paths to a position of the window by each token that may follow. */
  private continuePaths(start: number, i: number, window: number): void {
    const { paths } = this;
    const limit = Math.min(LONGEST, window - i);
    const first = i * paths.capacity;
    for (let path = first; path < first + paths.counts[i]!; path++) {
      this.addLiteral(start + i, i, path);
      this.addRepeats(start + i, i, path, limit);
    }
    this.addMatches(start + i, i, first, limit);
  }

  private addLiteral(position: number, i: number, path: number): void {
    const { paths, prices, image } = this;
    const history = paths.history[path]!;
    const state = this.states[position]!;
    const second = literalRow(
      state,
      nextHistory(history, LITERAL),
      byteAt(image, position - paths.repeats[path * REPEATS]!),
    );
    const price =
      prices.kind(state, history, LITERAL) +
      prices.literal(byteAt(image, position - 1), second, image[position]!);
    paths.offer(i + 1, paths.price[path]! + price, path, LITERAL, 1, 0);
  }

  private addRepeats(position: number, i: number, path: number, limit: number): void {
    const { paths, prices } = this;
    const history = paths.history[path]!;
    for (let r = 0; r < REPEATS; r++) {
      const distance = paths.repeats[path * REPEATS + r]!;
      const longest = this.matchLength(position, distance, limit);
      if (longest === 0) continue;
      const kind = REPEAT + r;
      const price = paths.price[path]! + prices.kind(this.states[position]!, history, kind);
      const next = nextHistory(history, kind);
      for (let length = longest < LONG ? 1 : longest; length <= longest; length++)
        paths.offer(i + length, price + prices.length(next, length), path, kind, length, distance);
    }
  }

  private addMatches(position: number, i: number, path: number, limit: number): void {
    const { paths, prices, matches } = this;
    const end = matches.starts[position + 1]!;
    const history = paths.history[path]!;
    const next = nextHistory(history, MATCH);
    const kind = paths.price[path]! + prices.kind(this.states[position]!, history, MATCH);
    let length = SHORTEST;
    for (let m = matches.starts[position]!; m < end; m++) {
      const longest = Math.min(matches.lengths[m]!, limit);
      const distance = matches.distances[m]!;
      const exponent = 31 - Math.clz32(distance);
      const price = kind + prices.distance(exponent, distance);
      if (longest >= LONG) {
        if (m + 1 < end && matches.lengths[m + 1]! >= LONG) continue;
        length = longest;
      }
      for (; length <= longest; length++) {
        const rest = prices.length(next, length - 1) + prices.exponent(length - 1, exponent);
        paths.offer(i + length, price + rest, path, MATCH, length, distance);
      }
    }
  }

  private matchLength(position: number, distance: number, limit: number): number {
    if (distance === 0) return 0;
    const { image } = this;
    let length = 0;
    while (length < limit && image[position + length] === image[position + length - distance]) length++;
    return length;
  }

  /** Writes the cheapest path's tokens up to `end` at least, relative to the window; returns where they end. */
  private writeTokens(start: number, window: number, end: number): number {
    const { paths } = this;
    const tokens: number[] = [];
    for (let path = window * paths.capacity; path >= paths.capacity; path = paths.from[path]!)
      tokens.push(path);
    let position = start;
    for (let path = tokens.pop(); path !== undefined && position < start + end; path = tokens.pop()) {
      const length = paths.length[path]!;
      this.writeToken(position, paths.kind[path]!, length, paths.repeats[path * REPEATS]!);
      position += length;
    }
    return position;
  }

  private writeToken(position: number, kind: number, length: number, distance: number): void {
    const { image, write } = this;
    const state = this.states[position]!;
    this.written = 0;
    visitKind(write, state, this.history, kind);
    this.history = nextHistory(this.history, kind);
    if (kind === LITERAL) {
      const second = literalRow(state, this.history, byteAt(image, position - this.repeats[0]!));
      visitLiteral(write, byteAt(image, position - 1), second, image[position]!);
    } else {
      const number = kind === MATCH ? length - 1 : length;
      visitLength(write, this.history, number);
      if (kind === MATCH) {
        const exponent = 31 - Math.clz32(distance);
        visitExponent(write, number, exponent);
        visitDistance(write, exponent, distance);
      }
      pushDistance(this.repeats, 0, this.repeats, 0, kind, distance);
    }
    this.bits.fill(this.written / BIT_PRICE / length, position, position + length);
  }
}

/** A byte of the image; before its start, where memory is zero, 0. */
function byteAt(image: Uint8Array, position: number): number {
  return image[position] ?? 0;
}
