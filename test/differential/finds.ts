/** Keeps programs on which linkers differ. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from './evaluate.ts';
import type { Model } from './model.ts';

/** Writes sources, the model, what is different, and a script that does it again. @returns the folder */
export function keep(model: Model, folder: string): string {
  const { mark, detail } = evaluate(model, folder);
  writeFileSync(join(folder, 'difference.txt'), `${mark}\n${detail}\n`);
  return folder;
}
