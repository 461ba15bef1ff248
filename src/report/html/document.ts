/** The page as one document: what it shows, how it looks and what it does, and nothing that is fetched. */
import type { PageData } from './pageData.ts';

/** The page's own script and style, and how a content security policy names them. */
export interface PageAssets {
  readonly script: string;
  /** `sha256-` and the hash of the script in base64. */
  readonly scriptHash: string;
  readonly style: string;
  readonly styleHash: string;
}

/** Nothing may be loaded, and no script but the page's own may run, whatever names the inputs bring. */
const policyFor = ({ scriptHash, styleHash }: PageAssets): string =>
  `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`;

/** @returns HTML that needs no other file */
export function formatPage(data: PageData, assets: PageAssets): string {
  const title = escapeText(data.title);
  const size = data.link.packed?.size ?? data.link.fileSize;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policyFor(assets)}">
<link rel="icon" href="data:,">
<title>${title} – ${size} bytes</title>
<style>${assets.style}</style>
</head>
<body>
<noscript><p>${title}: ${size} bytes. The report needs JavaScript to be shown.</p></noscript>
<script type="application/json" id="data">${embedJson(data)}</script>
<script>${assets.script}</script>
</body>
</html>
`;
}

/** JSON for a script element: without the character that could end it, or begin a comment in it. */
function embedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
