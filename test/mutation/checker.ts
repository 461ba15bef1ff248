/** A plugin of Stryker's that lets only the mutants of the sample through. */
import { readFileSync } from 'node:fs';
import { type Checker, type CheckResult, CheckStatus } from '@stryker-mutator/api/check';
import type { Mutant } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import { keyOf } from './mutants.ts';
import { SAMPLE_FILE } from './paths.ts';

/** The keys of the sample stand in a file, since Stryker runs checkers in processes of their own. */
class SampleChecker implements Checker {
  #sample: ReadonlySet<string> = new Set();

  async init(): Promise<void> {
    this.#sample = new Set(JSON.parse(readFileSync(SAMPLE_FILE, 'utf8')));
  }

  async check(mutants: Mutant[]): Promise<Record<string, CheckResult>> {
    return Object.fromEntries(mutants.map((mutant) => [mutant.id, this.#resultOf(mutant)]));
  }

  #resultOf(mutant: Mutant): CheckResult {
    if (this.#sample.has(keyOf(mutant))) return { status: CheckStatus.Passed };
    return { status: CheckStatus.CompileError, reason: 'not in the sample' };
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Checker, 'sample', SampleChecker)];
