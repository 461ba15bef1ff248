/** Everything that a link needs, in one file of the build. */
export { runLd } from './ld.ts';
export { runTinyelf } from './tinyelf.ts';
export { isTuned } from './tunedFiles.ts';
