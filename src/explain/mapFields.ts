/** The fields of a file's headers as a map shows them. */
import { readHeaderFields } from '../header/fields.ts';
import type { MapField } from './linkMap.ts';

/** @param head bytes of the file that hold all headers */
export function mapFields(head: Uint8Array): MapField[] {
  return readHeaderFields(head).map(({ name, structure, offset, size, value, meaning }) => {
    const digits = value.toString(16).padStart(2 * size, '0');
    return { name, structure, offset, size, value: `0x${digits}`, meaning };
  });
}
