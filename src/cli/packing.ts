/** `--pack`: what links and packs. A file of its own in the build, which no other link loads. */
import type { link } from '../link.ts';
import { METHODS } from '../pack/methods.ts';
import { linkPacked } from '../packed/linkPacked.ts';
import type { PackRequest } from './packRequest.ts';
import type { Progress } from './progress.ts';

/** A function like `link` that packs as it is asked to, and says how far it is. */
export function packingLink(
  { method, level, seconds }: PackRequest,
  progress: Progress | undefined,
): typeof link {
  const methods = METHODS.filter(({ name }) => method === 'auto' || method === name);
  const tell = (done: number, total: number, size: number) =>
    progress?.begin('packImage', `: ${Math.floor((100 * done) / total)} %, ${size} bytes`);
  const packing = { methods, effort: { level, seconds, progress: tell } };
  return (files, options, hooks) => linkPacked(files, options, packing, hooks);
}
