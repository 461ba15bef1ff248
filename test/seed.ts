/**
 * What a check of a commit says must not change from one run to the next, so it takes one seed for all properties. Run by
 * hand, tests try others every time, and so do the fuzzers.
 */
import fc from 'fast-check';

if (process.env.CI) fc.configureGlobal({ seed: 20_260_601 });
