/** Entry point of `ld.tinyelf`. */
import { runLd } from './ld.ts';

void runLd(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
