/** Numbers as the page writes them, the same in every locale. */

/** Groups of three digits. */
export function count(value: number): string {
  return `${value}`.replace(/\B(?=(?:\d{3})+$)/g, ',');
}

export function bytes(value: number): string {
  return `${count(value)} ${Math.abs(value) === 1 ? 'byte' : 'bytes'}`;
}

export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${count(Math.abs(value))}`;
}

export function percent(value: number, whole: number): string {
  if (whole === 0) return '–';
  const share = (100 * value) / whole;
  if (share > 0 && share < 0.1) return '<0.1\u00a0%';
  return `${share.toFixed(1)}\u00a0%`;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** `shrinkCode` as words. */
export function passWords(pass: string): string {
  return pass.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
