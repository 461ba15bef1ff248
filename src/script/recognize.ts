/** Tells a linker script from other text. */

const COMMANDS =
  'ASSERT|ENTRY|EXTERN|FORCE_COMMON_ALLOCATION|GROUP|HIDDEN|INPUT|INSERT|MEMORY|NOCROSSREFS|OUTPUT|' +
  'OUTPUT_ARCH|OUTPUT_FORMAT|PHDRS|PROVIDE|PROVIDE_HIDDEN|REGION_ALIAS|SEARCH_DIR|SECTIONS|STARTUP|TARGET|VERSION';

/** A command of GNU ld with what opens its operands, or an assignment. */
const BEGINNING = new RegExp(
  `(?:${COMMANDS})\\s*[({]|INCLUDE\\s+[^\\s=]|[\\w.$]+\\s*(?:[-+*/&|^]|<<|>>)?=`,
  'y',
);

const BLANKS = /[\s;]*(?:#[^\n]*)?/y;

/**
 * Whether a text begins as a linker script does, so that errors in it are worth telling. A text of nothing but
 * blanks and comments is a script, and an open comment an error in one.
 */
export function looksLikeScript(text: string): boolean {
  let at = 0;
  for (;;) {
    BLANKS.lastIndex = at;
    BLANKS.test(text);
    const isMoved = BLANKS.lastIndex > at;
    at = BLANKS.lastIndex;
    if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      if (end < 0) return true;
      at = end + 2;
    } else if (!isMoved) break;
  }
  BEGINNING.lastIndex = at;
  return at === text.length || BEGINNING.test(text);
}
