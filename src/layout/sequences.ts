/** The sequences of sections that an image has, as a link can be told them. */
import type { Sequences } from '../options.ts';
import type { ImagePlan } from '../results.ts';

/**
 * @param order section ids in the order of their addresses
 * @param plan of which all sections are in that order
 */
export function sequencesOf(order: Int32Array, { groups, regions }: ImagePlan): Sequences {
  const place = new Map(Array.from(order, (id, index) => [id, index]));
  return regions
    .flatMap(({ parts }) => parts)
    .map((part) => {
      const places = Array.from(groups.withCategory(part), (group) => place.get(groups.leadOf(group))!);
      return [...places.keys()].sort((a, b) => places[a]! - places[b]!);
    });
}
