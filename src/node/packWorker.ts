/** What a thread runs that measures models. A file of its own in the build. */
import { workerData } from 'node:worker_threads';
import { Measurer } from '../pack/cm/measure.ts';
import { type Shared, SharedRounds } from './packRound.ts';

const { material, memory } = workerData as Shared;
new SharedRounds(memory).serve(new Measurer(material, true));
