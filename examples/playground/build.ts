/** Builds the page: one file of HTML with its script, its style, the worker and the programs to try in it. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { bundlePage } from '../../.ci/page.ts';
import { fixturePrograms } from '../../test/programs.ts';
import { makeControls } from './controls.ts';
import type { Program } from './page/given.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Fixtures to try, by their ids. */
const TRIED = ['barebones/static', 'hello-rodata/static', 'start-main/static', 'rust-println/lto'];

/** Folders of what is in the page, by its names: copies must carry the licences. */
const LICENSED: readonly (readonly [name: string, folder: string])[] = [
  ['tinyelf', '.'],
  ['iced-x86, the disassembler', 'node_modules/iced-x86'],
  ['d3-hierarchy, in the report', 'node_modules/d3-hierarchy'],
];

/** The three modules of Node that iced-x86 asks for, as a browser has them: its WebAssembly is part of the bundle. */
const FOR_BROWSERS: Readonly<Record<string, string>> = {
  util: 'module.exports = { TextDecoder, TextEncoder };',
  path: "module.exports = { join: () => '' };",
  fs: "module.exports = { readFileSync: () => require('iced-x86/iced_x86_bg.wasm') };",
};

const disassembler: Plugin = {
  name: 'disassembler',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^(util|path|fs)$/ }, ({ path, importer }) =>
      /[/\\]iced_x86\.js$/.test(importer) ? { path, namespace: 'for-browsers' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'for-browsers' }, ({ path }) => ({
      contents: FOR_BROWSERS[path]!,
      resolveDir: FOLDER,
    }));
  },
};

const OPTIONS: BuildOptions = {
  absWorkingDir: FOLDER,
  bundle: true,
  // Modules of Node are not found, which ends the build.
  platform: 'browser',
  target: 'es2022',
  format: 'iife',
  minify: true,
  charset: 'ascii',
  loader: { '.wasm': 'binary' },
  outdir: 'none',
  write: false,
  logLevel: 'warning',
};

const report = await bundlePage();
const [worker] = await bundle({
  entryPoints: ['worker/main.ts'],
  plugins: [disassembler],
  define: { __dirname: '""', PAGE_ASSETS: JSON.stringify(report) },
});
const [script, style] = await bundle({
  entryPoints: ['page/main.ts', 'page/style.css'],
  define: {
    WORKER_SOURCE: JSON.stringify(worker),
    PROGRAMS: JSON.stringify(TRIED.map(toProgram)),
    CONTROLS: JSON.stringify(makeControls()),
  },
});
const html = readFileSync(`${FOLDER}page/index.html`, 'utf8')
  .replace('content="policy"', () => `content="${policyFor(script!, style!)}"`)
  .replace('<!-- licences -->', () => LICENSED.map(licenceOf).join(''))
  .replace('<!-- style -->', () => `<style>${style}</style>`)
  .replace('<!-- script -->', () => `<script>${script}</script>`);
mkdirSync(`${FOLDER}dist`, { recursive: true });
writeFileSync(`${FOLDER}dist/index.html`, html);

async function bundle(options: BuildOptions): Promise<string[]> {
  const { outputFiles } = await build({ ...OPTIONS, ...options, write: false });
  return outputFiles.map(({ text }) => text.trim());
}

function toProgram(id: string): Program {
  const { folder, title, inputs, flags } = fixturePrograms().find((program) => program.id === id)!;
  if (flags.length > 0) throw new Error(`${id} needs options, which the page would not set`);
  const name = basename(folder);
  const contents = inputs.map((input) => ({
    name: `${name}/${input}`,
    content: readFileSync(`${folder}/${input}`, 'base64'),
  }));
  return { name, title, inputs: contents };
}

/** A licence as HTML. */
function licenceOf([name, folder]: readonly [string, string]): string {
  const path = `${FOLDER}../../${folder}`;
  const file = readdirSync(path).find((entry) => /^licen[cs]e(\.\w+)?$/i.test(entry))!;
  const text = readFileSync(`${path}/${file}`, 'utf8').replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<h3>${name}</h3><pre class="told">${text}</pre>`;
}

/**
 * Nothing may be loaded, by the page, by the worker or by the report, to which it applies as well; and no other script
 * may run, whatever names the inputs bring.
 */
function policyFor(script: string, style: string): string {
  const rules = [
    "default-src 'none'",
    `script-src '${hashOf(script)}' '${report.scriptHash}' 'wasm-unsafe-eval'`,
    `style-src '${hashOf(style)}' '${report.styleHash}'`,
    'worker-src blob:',
    'img-src data:',
    'base-uri about:',
    "form-action 'none'",
  ];
  return rules.join('; ');
}

/** As a content security policy names a text. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
