/** All kinds of items, by name. */
import type { Item, Part, Settings } from '../model.ts';
import type { Writer } from '../writer.ts';
import { arrays } from './arrays.ts';
import { big } from './big.ts';
import { bounds } from './bounds.ts';
import { comdat } from './comdat.ts';
import { compiled } from './compiled.ts';
import { fault } from './fault.ts';
import type { Kind } from './kind.ts';
import { library } from './library.ts';
import { near } from './near.ts';
import { defsym, undefinedOption, wrap } from './options.ts';
import { edges, identity, linkOrder } from './order.ts';
import { span } from './span.ts';
import { strings } from './strings.ts';
import { symbol } from './symbol.ts';
import { throws, unwind } from './unwind.ts';

export const KINDS: Readonly<Record<string, Kind>> = {
  symbol: erased(symbol),
  comdat: erased(comdat),
  compiled: erased(compiled),
  arrays: erased(arrays),
  bounds: erased(bounds),
  near: erased(near),
  span: erased(span),
  strings: erased(strings),
  big: erased(big),
  wrap: erased(wrap),
  defsym: erased(defsym),
  undefined: erased(undefinedOption),
  linkOrder: erased(linkOrder),
  edges: erased(edges),
  identity: erased(identity),
  fault: erased(fault),
  unwind: erased(unwind),
  throws: erased(throws),
  library: erased(library),
};

/** Without the types of its settings: a kind is given only the items that it has made. */
function erased<S extends Settings, P extends Part>(kind: Kind<S, P>): Kind {
  return kind as unknown as Kind;
}

export function writeItem(item: Item, writer: Writer): void {
  KINDS[item.kind]!.write(item, writer);
}
