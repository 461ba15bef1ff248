/** Reads a name of Rust's v0 mangling (RFC 2603) and collects what it says. */
import { Budget, giveUp } from '../limits.ts';
import { decodePunycode } from './punycode.ts';

const DIGITS_62 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

export class Reader {
  /** Offset of the next character, from behind `_R`, as back references count. */
  at = 0;
  private printed = '';
  private isSilent = false;
  /** Lifetimes bound by the binders around the current place. */
  private lifetimes = 0;
  private readonly budget = new Budget();

  constructor(readonly text: string) {}

  get output(): string {
    return this.printed;
  }

  /** Next character; '' at the end. */
  get peek(): string {
    return this.text[this.at] ?? '';
  }

  take(): string {
    return this.text[this.at++] ?? giveUp();
  }

  eat(character: string): boolean {
    if (this.peek !== character) return false;
    this.at++;
    return true;
  }

  print(text: string): void {
    if (!this.isSilent) this.printed = this.budget.allow(this.printed + text);
  }

  /** Reads a part that lies in another. */
  within(action: () => void): void {
    this.budget.within(action);
  }

  /** Reads a part that is not printed. */
  silently(action: () => void): void {
    const before = this.isSilent;
    this.isSilent = true;
    action();
    this.isSilent = before;
  }

  /** Reads the rest of a back reference, behind its `B`, and what stands at its target. */
  followReference(action: () => void): void {
    const tag = this.at - 1;
    const target = this.readNumber();
    if (target >= tag) giveUp();
    // What is not printed need not be read again.
    if (this.isSilent) return;
    const back = this.at;
    this.at = Number(target);
    this.within(action);
    this.at = back;
  }

  /** Reads parts up to an `E`. @returns how many */
  list(separator: string, action: () => void): number {
    let count = 0;
    for (; !this.eat('E'); count++) {
      if (count > 0) this.print(separator);
      action();
    }
    return count;
  }

  /** `base-62-number`: `_` is 0, `0_` is 1. Exact up to 2^53, and larger than any offset beyond. */
  readNumber(): number {
    if (this.eat('_')) return 0;
    let value = 0;
    while (!this.eat('_')) {
      const digit = DIGITS_62.indexOf(this.take());
      if (digit < 0 || value > Number.MAX_VALUE / 100) giveUp();
      value = value * 62 + digit;
    }
    return value + 1;
  }

  /** A number behind a tag; 0 where the tag is missing, else 1 more than the number. */
  readOptional(tag: string): number {
    return this.eat(tag) ? this.readNumber() + 1 : 0;
  }

  /** `undisambiguated-identifier`. */
  readIdentifier(): string {
    const isPunycode = this.eat('u');
    const [digits] = /^(?:0|[1-9]\d{0,5})/.exec(this.text.slice(this.at, this.at + 6)) ?? giveUp();
    this.at += digits.length;
    this.eat('_');
    const end = this.at + Number(digits);
    if (end > this.text.length) giveUp();
    const bytes = this.text.slice(this.at, end);
    this.at = end;
    if (!isPunycode) return bytes;
    const split = bytes.lastIndexOf('_');
    return decodePunycode(bytes.slice(0, Math.max(split, 0)), bytes.slice(split + 1));
  }

  /** Hexadecimal digits up to `_`. */
  readHexadecimal(): string {
    const end = this.text.indexOf('_', this.at);
    const digits = this.text.slice(this.at, end);
    if (end < 0 || !/^[0-9a-f]*$/.test(digits)) giveUp();
    this.at = end + 1;
    return digits;
  }

  /** Reads an optional `binder` and what it is for. */
  bind(action: () => void): void {
    const count = this.readOptional('G');
    // More than anybody writes; each is printed.
    if (count > 256) giveUp();
    const before = this.lifetimes;
    if (count > 0) {
      this.print('for<');
      for (let i = 0; i < count; i++) {
        if (i > 0) this.print(', ');
        this.lifetimes++;
        this.printLifetime(1);
      }
      this.print('> ');
    }
    action();
    this.lifetimes = before;
  }

  /** @param index a de Bruijn index: 1 is the lifetime bound last, 0 one that is erased */
  printLifetime(index: number): void {
    if (index === 0) {
      this.print("'_");
      return;
    }
    const depth = this.lifetimes - index;
    if (depth < 0) giveUp();
    this.print(depth < 26 ? `'${String.fromCharCode(0x61 + depth)}` : `'_${depth}`);
  }
}
