/** What there is to say of a packed file. */
import type { LinkMap, MapCost, MapPacked } from '../explain/linkMap.ts';
import type { LinkResult } from '../link.ts';
import type { Packed } from '../pack/method.ts';
import type { LinkedImage } from './linkImage.ts';
import { PAYLOAD } from './linkStub.ts';

/** @param stub the link of the packed file @param plain the link of the file that is not packed */
export function describePacked({ method }: Packed, stub: LinkResult, plain: LinkResult): MapPacked {
  const map = stub.map();
  const { bytes, memorySize } = map;
  const payload = payloadSize(map);
  return {
    method,
    size: stub.size,
    header: bytes.header,
    stub: stub.size - bytes.header - payload,
    payload,
    memorySize,
    plainSize: plain.size,
  };
}

/** Bytes of a packed file that are compressed ones. */
export function payloadSize({ ranges, sections }: LinkMap): number {
  const isPayload = (section: number) => sections[section]?.name === PAYLOAD;
  return ranges.reduce((sum, { section, size }) => sum + (isPayload(section) ? size : 0), 0);
}

/** The map of the program as it is unpacked, with what its bytes cost. */
export function packedMap({ link: linked }: LinkedImage, { bits }: Packed, description: MapPacked): LinkMap {
  const map = linked.map();
  return { ...map, ...(bits && { costs: costsOf(map, bits) }), packed: description };
}

/** What each range of the image costs; zeros at its end cost nothing. */
function costsOf({ ranges }: LinkMap, bits: Float32Array): MapCost[] {
  return ranges
    .filter(({ offset }) => offset < bits.length)
    .map(({ offset, size }) => {
      const own = bits.subarray(offset, offset + size);
      return { offset, size: own.length, bits: own.reduce((sum, cost) => sum + cost, 0) };
    });
}
