/** The commands: in one file of the build with all that a link needs beside the linker itself. */
export { runLd } from './ld.ts';
export { runTinyelf } from './tinyelf.ts';
export { untune } from './tunedFiles.ts';
