/** The JSON schemas in docs/, made of the schemas by which files are read. */
import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { BUDGET_SUBJECTS, configSchema } from '../src/cli/configSchema.ts';
import { linkMap } from '../src/explain/readMap.ts';

interface PublishedSchema {
  /** Its name in docs/. */
  readonly file: string;
  readonly title: string;
  readonly schema: GenericSchema;
  readonly conversion?: ConversionConfig;
}

export const SCHEMAS: readonly PublishedSchema[] = [
  {
    file: 'tinyelf.config.schema.json',
    title: 'Configuration of tinyelf link',
    schema: configSchema,
    conversion: {
      // How values are spelt is checked when they are read.
      ignoreActions: ['raw_check'],
      // The one check: a budget is for one thing.
      overrideAction: ({ valibotAction, jsonSchema }) =>
        valibotAction.type === 'check'
          ? { ...jsonSchema, oneOf: BUDGET_SUBJECTS.map((name) => ({ required: [name] })) }
          : undefined,
    },
  },
  { file: 'map.schema.json', title: 'Map of a link', schema: linkMap },
];

/** @returns JSON, ended by a newline */
export function formatSchema({ title, schema, conversion }: PublishedSchema): string {
  const { $schema, ...rest } = toJsonSchema(schema, conversion);
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}
