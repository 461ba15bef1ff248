/** Colours for terminals, by chalk, which honours FORCE_COLOR; NO_COLOR (no-color.org) is honoured here. */
import { Chalk, type ChalkInstance, supportsColor, supportsColorStderr } from 'chalk';
import type { Style } from '../report/style.ts';

/** The style for a stream: coloured where the stream is a terminal that has colours. */
export function styleFor(stream: 'stdout' | 'stderr'): Style {
  const support = stream === 'stdout' ? supportsColor : supportsColorStderr;
  const isRefused = process.env.NO_COLOR !== undefined && process.env.NO_COLOR !== '';
  const chalk = new Chalk({ level: support && !isRefused ? support.level : 0 });
  const tints: ChalkInstance[] = [
    chalk.cyan,
    chalk.yellow,
    chalk.green,
    chalk.magenta,
    chalk.blue,
    chalk.red,
  ];
  return {
    error: chalk.red.bold,
    warning: chalk.yellow.bold,
    hint: chalk.cyan,
    strong: chalk.bold,
    faint: chalk.dim,
    tint: (text, index) => tints[index % tints.length]!(text),
  };
}
