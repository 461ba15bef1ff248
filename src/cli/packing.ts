/** `--pack`: what links and packs. A file of its own in the build, which no other link loads. */
import { join } from 'node:path';
import type { link } from '../link.ts';
import { PackThreads, usualThreads } from '../node/packThreads.ts';
import { METHODS } from '../pack/methods.ts';
import { linkPacked } from '../packed/linkPacked.ts';
import type { Packing } from '../packed/packing.ts';
import { packProgress } from './packProgress.ts';
import type { PackRequest } from './packRequest.ts';
import type { Progress } from './progress.ts';

/** A function like `link` that packs as it is asked to, and says how far it is. */
export function packingLink(request: PackRequest, progress: Progress | undefined): typeof link {
  const packing = packingFor(request, progress);
  return (files, options, hooks) => linkPacked(files, options, packing(), hooks);
}

/** Methods and effort as they are asked for; the time that may pass begins with the call of what is returned. */
export function packingFor(
  { method, level, seconds, threads = usualThreads() }: PackRequest,
  progress: Progress | undefined,
): () => Packing {
  const methods = METHODS.filter(({ name }) => method === 'auto' || method === name);
  const shared = new PackThreads(threads, join(__dirname, 'packWorker.cjs'));
  return () => {
    const deadline = seconds === undefined ? undefined : Date.now() + 1000 * seconds;
    const tell = progress && packProgress(progress, deadline);
    return { methods, effort: { level, deadline, progress: tell, threads: shared } };
  };
}
