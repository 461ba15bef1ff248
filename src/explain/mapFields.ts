/** The fields of a file's headers as a map shows them. */
import { readHeaderFields } from '../header/fields.ts';
import type { MapField } from './linkMap.ts';

/** @param head bytes of the file that hold all headers */
export function mapFields(head: Uint8Array): MapField[] {
  return readHeaderFields(head).map(({ name, structure, offset, size, meaning }) => {
    const bytes = [...head.subarray(offset, offset + size)].reverse();
    const value = `0x${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    return { name, structure, offset, size, value, meaning };
  });
}
