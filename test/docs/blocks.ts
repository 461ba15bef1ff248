/**
 * Code blocks of documents that are checked: those whose opening fence names a file or a folder of the repository
 * behind the language. A viewer shows the language only.
 */

/** A fenced block such as "```console examples/hello-c gcc ld". */
export interface Block {
  readonly language: string;
  /** File whose text the block is, or folder in which its commands run; relative to the repository. */
  readonly path: string;
  /** For commands: the tools that they need. */
  readonly tools: readonly string[];
  /** Lines between the fences, each with its line feed. */
  readonly body: string;
  /** Where the body begins in the document: a position in the string. */
  readonly start: number;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

const FENCED = /^(```(\w+) (\S+)(.*)\n)([\s\S]*?)^```$/gm;

/** The checked blocks of a document, in order. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(FENCED)].map((match) => {
    const [, fence = '', language = '', path = '', rest = '', body = ''] = match;
    const line = text.slice(0, match.index).split('\n').length;
    const tools = rest.split(' ').filter(Boolean);
    return { language, path, tools, body, start: match.index + fence.length, line };
  });
}

/** Puts a new body into the place of a block's. */
export function replaceBody(text: string, block: Block, body: string): string {
  return text.slice(0, block.start) + body + text.slice(block.start + block.body.length);
}

/** What stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. @throws Error if there are no such markers */
export function generatedPart(text: string, name: string): string {
  return text.slice(...boundsOf(text, name));
}

/** Replaces what stands between markers. @throws Error if there are no such markers */
export function replaceGenerated(text: string, name: string, part: string): string {
  const [start, end] = boundsOf(text, name);
  return text.slice(0, start) + part + text.slice(end);
}

function boundsOf(text: string, name: string): [start: number, end: number] {
  const opening = `<!-- begin ${name} -->\n`;
  const start = text.indexOf(opening);
  const end = text.indexOf(`<!-- end ${name} -->`, start);
  if (start < 0 || end < 0) throw new Error(`no markers "begin ${name}" and "end ${name}"`);
  return [start + opening.length, end];
}
