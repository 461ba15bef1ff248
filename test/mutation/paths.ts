/** Files of mutation testing, in a folder that git ignores. */

/** What a run leaves behind. */
export const FOLDER = '.mutation';
/** Names of the mutants to test. */
export const SAMPLE_FILE = `${FOLDER}/sample.json`;
/** Results of earlier runs. */
export const RESULTS_FILE = `${FOLDER}/results.json`;
/** The mutants of the last run that no test has noticed. */
export const SURVIVORS_FILE = `${FOLDER}/survivors.txt`;
