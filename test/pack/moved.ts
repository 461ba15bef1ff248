/** Programs whose instructions have changed places at random, wherever a packer may have them do so. */
import type { InputFiles } from '../../src/inputs.ts';
import type { LinkOptions } from '../../src/options.ts';
import type { PackInput } from '../../src/pack/method.ts';
import { type InstructionOrder, inOrder, Rows } from '../../src/pack/rows.ts';
import { linkImage } from '../../src/packed/linkImage.ts';
import { linkStub } from '../../src/packed/linkStub.ts';
import { randomNumbers } from '../elf/make.ts';
import { store } from './store.ts';

/** More bytes than an image of tests has. */
const ROOM = 2 ** 25;
/** Moves that are tried, for each instruction. */
const TRIES = 8;
const FARTHEST = 12;

/** An order that instructions may have. */
export function randomOrder(input: PackInput, seed: number): InstructionOrder {
  const rows = new Rows(input);
  const { order } = rows;
  const random = randomNumbers(seed);
  for (let n = rows.count * TRIES; n > 0; n--) {
    const from = random(rows.count);
    const to = from + (random(2) === 0 ? 1 : -1) * (1 + random(FARTHEST));
    if (to >= 0) rows.move(order, from, to);
  }
  return order;
}

/** Links an executable that unpacks itself, with its instructions in such an order, by the method of tests. */
export function linkMoved(files: InputFiles, options: LinkOptions, seed: number): Uint8Array {
  const image = linkImage(files, options, ROOM, 'repetitive', {});
  const input = inOrder(image.input, randomOrder(image.input, seed));
  return linkStub(store.pack(input, { level: 1 }), { ...image, input }, options).bytes;
}
