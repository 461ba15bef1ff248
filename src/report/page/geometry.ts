/** Where arrow keys lead among boxes in a plane. */

interface Rectangle {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Directions of arrow keys, downwards being positive. */
export const Arrow = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
} as const;

/** How much farther a box counts that lies off the line. */
const ASIDE = 2;

/** @returns the box that lies next in a direction; undefined at the edge */
export function nearestIn<Box extends Rectangle>(
  { x, y }: { readonly x: number; readonly y: number },
  from: Box,
  boxes: readonly Box[],
): Box | undefined {
  let best: Box | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const box of boxes) {
    const [dx, dy] = [gap(from.x0, from.x1, box.x0, box.x1), gap(from.y0, from.y1, box.y0, box.y1)];
    const ahead = x * dx + y * dy;
    const centre =
      x * (middle(box.x0, box.x1) - middle(from.x0, from.x1)) +
      y * (middle(box.y0, box.y1) - middle(from.y0, from.y1));
    if (box === from || ahead < 0 || centre <= 0) continue;
    const aside = Math.abs(x === 0 ? dx : dy);
    // Among equals the one that lies most straight ahead.
    const off = Math.abs(
      x === 0
        ? middle(box.x0, box.x1) - middle(from.x0, from.x1)
        : middle(box.y0, box.y1) - middle(from.y0, from.y1),
    );
    const distance = ahead + ASIDE * aside + off / 1000 + (ahead === 0 ? centre / 1000 : 0);
    if ((aside > 0 && ahead <= 0) || distance >= least) continue;
    best = box;
    least = distance;
  }
  return best;
}

/** From one interval to another: 0 if they overlap, negative if the other lies before. */
function gap(start: number, end: number, otherStart: number, otherEnd: number): number {
  if (otherStart >= end) return otherStart - end;
  return otherEnd <= start ? otherEnd - start : 0;
}

function middle(start: number, end: number): number {
  return (start + end) / 2;
}
