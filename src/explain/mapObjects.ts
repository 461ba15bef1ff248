/** The objects of a link as a map shows them, and why each was taken out of its archive. */
import { SHN_UNDEF } from '../elf/constants.ts';
import { symbolSection } from '../elf/object.ts';
import type { InputObject, Program } from '../program.ts';
import type { MapObject } from './linkMap.ts';

export function mapObjects(program: Program): MapObject[] {
  const wanted = new Set(program.extractedFor.values());
  const askers = findAskers(program, wanted);
  return program.objects.map((object) => {
    const input = program.inputs[object.position];
    const isMember = object.id !== program.linkerObject.id && input?.kind === 'archive';
    const file = isMember ? input.name : object.name;
    const member = isMember ? object.name.slice(file.length + 1, -1) : null;
    return { name: object.name, file, member, extracted: extractionOf(program, askers, object) };
  });
}

function extractionOf(
  { extractedFor, symbols }: Program,
  askers: ReadonlyMap<number, number>,
  { id }: InputObject,
): MapObject['extracted'] {
  const symbol = extractedFor.get(id);
  if (symbol === undefined) return null;
  if (symbol < 0) return { symbol: '', object: -1 };
  // An object that comes later cannot have been the one to ask.
  const asker = askers.get(symbol) ?? -1;
  return { symbol: symbols.names.text(symbol), object: asker < id ? asker : -1 };
}

/** The first object that refers to each of some symbols without defining it, by symbol id. */
function findAskers({ objects }: Program, wanted: ReadonlySet<number>): Map<number, number> {
  const askers = new Map<number, number>();
  for (const object of objects) {
    const { globals, symbols } = object;
    for (let i = 0; i < globals.length; i++) {
      const id = globals[i]!;
      if (!wanted.has(id) || askers.has(id)) continue;
      if (symbolSection(object, symbols.firstGlobal + i) === SHN_UNDEF) askers.set(id, object.id);
    }
  }
  return askers;
}
