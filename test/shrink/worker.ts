/** The process that compares programs for `fuzz.ts`, one after the other. */
import { help } from '../helper.ts';
import { compareProgram, type Generator, type Verdict } from './differential.ts';

/** What the worker is asked for. */
export interface Task {
  readonly generator: Generator;
  readonly seed: number;
  /** Folder for the program. */
  readonly folder: string;
  readonly tools: readonly string[];
}

help<Task, Verdict>(({ generator, seed, folder, tools }) =>
  compareProgram(generator, seed, folder, new Set(tools), true),
);
