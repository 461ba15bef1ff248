/** Makes texts of the script and the style of the page that reports are. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { PageAssets } from '../src/report/html/document.ts';

/** @returns both, each with the hash by which the page's policy admits it */
export async function bundlePage(): Promise<PageAssets> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
    entryPoints: ['src/report/page/main.ts', 'src/report/page/style.css'],
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
    charset: 'ascii',
    outdir: 'none',
    write: false,
    logLevel: 'warning',
  });
  const textOf = (suffix: string) => outputFiles.find(({ path }) => path.endsWith(suffix))!.text.trim();
  const [script, style] = [textOf('.js'), textOf('.css')];
  return { script, scriptHash: hashOf(script), style, styleHash: hashOf(style) };
}

/** As a content security policy names a text. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
