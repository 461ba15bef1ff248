/** Writes the JSON schemas in docs/ anew. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatSchema, SCHEMAS } from './schemas.ts';

for (const schema of SCHEMAS) {
  writeFileSync(fileURLToPath(new URL(`../docs/${schema.file}`, import.meta.url)), formatSchema(schema));
}
