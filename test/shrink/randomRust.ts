/** Random programs in Rust that panic in nested frames and catch what unwinds. */
import { Random } from './random.ts';
import type { SourceFile } from './randomC.ts';

const HEADER = `
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::cell::Cell;
thread_local! { static SUM: Cell<u64> = Cell::new(1); static FUEL: Cell<u32> = Cell::new(0); }
fn mix(x: u64) { SUM.with(|s| { let v = (s.get() ^ x).wrapping_mul(0x100000001b3); s.set(v ^ (v >> 29)); }) }
fn spend() -> bool { FUEL.with(|f| { let n = f.get(); if n > 0 { f.set(n - 1); } n == 0 }) }
struct Guard(u64);
impl Drop for Guard { fn drop(&mut self) { mix(self.0.wrapping_mul(7)); } }
#[derive(Clone, Debug, PartialEq)]
enum Shape { Dot, Line(u64), Box { w: u32, h: u32 }, Name(String), Many(Vec<u8>) }
trait Run { fn run(&self, a: u64) -> u64; }
impl Run for Shape { #[inline(never)] fn run(&self, a: u64) -> u64 { match self {
  Shape::Dot => a, Shape::Line(n) => a ^ n, Shape::Box { w, h } => a.wrapping_add(*w as u64 * *h as u64),
  Shape::Name(s) => s.bytes().fold(a, |x, c| x.wrapping_mul(31).wrapping_add(c as u64)), Shape::Many(v) => v[(a % 5) as usize] as u64 } } }
impl Run for Guard { fn run(&self, a: u64) -> u64 { a.checked_sub(self.0).unwrap_or(3) } }
#[inline(never)] fn make(a: u64) -> Shape { match a % 6 { 0 => Shape::Dot, 1 => Shape::Line(a), 2 => Shape::Box { w: a as u32, h: 3 },
  3 => Shape::Name(format!("{:x}-{:?}", a, (a as u8) as char)), 4 => Shape::Many((0..(a % 7) as u8).collect()), _ => Shape::Line(5) } }
`;

/** @param size functions that there are at most */
export function randomRust(seed: number, size = 14): SourceFile[] {
  const random = new Random(seed);
  const count = random.int(4, size);
  const functions = Array.from({ length: count }, (_, k) => writeFunction(random, k));
  return [{ name: 'main.rs', text: [HEADER, ...functions, writeMain(random, count), ''].join('\n') }];
}

function writeFunction(random: Random, k: number): string {
  const attribute = random.pick(['', '#[inline(never)]', '#[cold] #[inline(never)]']);
  const body = random.list(random.int(2, 6), () => writeStatement(random, k, 2)).join('\n');
  return `${attribute} fn f${k}(mut a: u64, mut b: u64) -> u64 {\nif spend() { return a; }\n${body}\n${value(random, k, 2)}\n}`;
}

function value(random: Random, k: number, depth: number): string {
  if (depth === 0)
    return random.pick(['a', 'b', `${random.int(0, 130)}u64`, `0x${random.bits().toString(16)}u64`]);
  const part = () => value(random, k, depth - 1);
  switch (random.int(0, 6)) {
    case 0:
      return `(${part()} ${random.pick(['^', '|', '&'])} ${part()})`;
    case 1:
      return `${part()}.wrapping_${random.pick(['add', 'sub', 'mul'])}(${part()})`;
    case 2:
      return `(${part()} ${random.pick(['/', '%'])} (${part()} | 1))`;
    case 3:
      return `(${part()} as ${random.pick(['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'f64', 'f32'])} as u64)`;
    case 4:
      return `${part()}.rotate_left(${part()} as u32 & 63)`;
    default:
      return k === 0 ? part() : `f${random.int(0, k - 1)}(${part()}, ${part()})`;
  }
}

function writeStatement(random: Random, k: number, depth: number): string {
  const some = () => value(random, k, 2);
  const block = () =>
    `{ ${random.list(random.int(1, 3), () => writeStatement(random, k, depth - 1)).join('\n')} }`;
  switch (depth > 0 ? random.int(0, 13) : random.int(4, 13)) {
    case 0:
    case 1:
      return `match catch_unwind(AssertUnwindSafe(|| -> u64 { ${block()} ${some()} })) { Ok(x) => mix(x), Err(e) => { b = b.wrapping_add(1); mix(e.downcast_ref::<&str>().map_or(8, |s| s.len() as u64)); ${random.oneIn(4) ? 'if a & 3 == 1 { std::panic::resume_unwind(e) }' : ''} } }`;
    case 2:
      return `if ${some()} & ${random.int(1, 3)} == 0 ${block()} else ${block()}`;
    case 3:
      return `match ${some()} % 12 { ${random.list(random.int(4, 11), (n) => `${n} => ${block()}`).join('\n')} _ => {} }`;
    case 4:
      return `if ${some()} % ${random.int(3, 9)} == 0 { panic!("${random.pick(['first', 'second one', 'a {}'])}"${'' /* no values */}); }`.replace(
        '"a {}"',
        '"a {}", a',
      );
    case 5:
      return `let _g = Guard(${some()});`;
    case 6:
      return `{ let v = [1u64, 5, 9, a, b]; a = v[(${some()} % ${random.int(5, 7)}) as usize]; }`;
    case 7:
      return `{ let s = make(${some()}); let r: &dyn Run = &s; a = r.run(b); let c = s.clone(); if c != s { mix(1); } }`;
    case 8:
      return `{ let mut v: Vec<u64> = (0..(a % 9)).map(|x| x.wrapping_mul(b)).collect(); v.sort_by(|x, y| y.cmp(x)); b = v.iter().fold(b, |x, y| x.rotate_left(5) ^ y); let n = (b % 8) as usize; if n <= v.len() { mix(v[n..].len() as u64) } }`;
    case 9:
      return `{ let t = format!("{:>5}|{:08x}|{:?}", a & 0xffff, b, Some(a % 3)); mix(t.len() as u64); a = a.wrapping_add(t.as_bytes()[(b % 14) as usize] as u64); }`;
    case 10:
      return `for i in 0..(a % ${random.int(2, 8)}) { b = b.wrapping_add(i ^ ${random.int(0, 99)}); if b % 13 == 5 { break; } }`;
    case 11:
      return `a = (a as u32).checked_${random.pick(['add', 'mul', 'sub'])}(b as u32).map_or(7, |x| x as u64);`;
    case 12:
      return `{ let x: Option<u64> = if ${some()} % ${random.int(4, 9)} == 0 { None } else { Some(b) }; a ^= x.${random.pick(['unwrap()', 'expect("nothing")', 'unwrap_or(4)'])}; }`;
    default:
      return `a = ${some()}; mix(b);`;
  }
}

function writeMain(random: Random, count: number): string {
  const calls = Array.from({ length: count }, (_, k) =>
    random
      .list(2, () => {
        const call = `f${k}(zero + ${random.bits() % 300}, ${random.int(0, 200)})`;
        return `FUEL.with(|f| f.set(60)); match catch_unwind(|| ${call}) { Ok(x) => mix(x), Err(_) => mix(99) } println!("f${k} {:x}", SUM.with(|s| s.get()));`;
      })
      .join('\n'),
  );
  return `fn main() {\nstd::panic::set_hook(Box::new(|_| mix(3)));\nlet zero = (std::env::args().count() - 1) as u64;\n${calls.join('\n')}\nstd::process::exit((SUM.with(|s| s.get()) & 63) as i32);\n}`;
}
