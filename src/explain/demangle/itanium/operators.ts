/** The operators of the ABI (5.1.5.2, "Operator Encodings" and 5.1.6, "Expressions"). */

export interface Operator {
  readonly text: string;
  /** How many operands an expression gives it. */
  readonly operands: 0 | 1 | 2 | 3;
}

const OPERATORS = makeTable();

function makeTable(): ReadonlyMap<string, Operator> {
  const table = new Map<string, Operator>();
  const add = (operands: Operator['operands'], words: string) => {
    for (const word of words.trim().split(/\s+/))
      table.set(word.slice(0, 2), { text: word.slice(3), operands });
  };
  add(1, 'ps:+ ng:- ad:& de:* co:~ nt:! pp:++ mm:-- nx:noexcept');
  add(2, 'pl:+ mi:- ml:* dv:/ rm:% an:& or:| eo:^ ls:<< rs:>> aa:&& oo:|| ss:<=>');
  add(2, 'eq:== ne:!= lt:< gt:> le:<= ge:>= cm:, pm:->* pt:-> dt:. ds:.* ix:[] cl:()');
  add(2, 'aS:= pL:+= mI:-= mL:*= dV:/= rM:%= aN:&= oR:|= eO:^= lS:<<= rS:>>=');
  add(2, 'dc:dynamic_cast sc:static_cast cc:const_cast rc:reinterpret_cast');
  add(3, 'qu:? nw:new na:new[]');
  const words: readonly [string, string, Operator['operands']][] = [
    ['sz', 'sizeof ', 1],
    ['st', 'sizeof ', 1],
    ['az', 'alignof ', 1],
    ['at', 'alignof ', 1],
    ['te', 'typeid ', 1],
    ['ti', 'typeid ', 1],
    ['dl', 'delete ', 1],
    ['da', 'delete[] ', 1],
    ['tw', 'throw ', 1],
    ['tr', 'throw', 0],
    ['aw', 'co_await ', 1],
  ];
  for (const [code, text, operands] of words) table.set(code, { text, operands });
  return table;
}

/** @param code two letters */
export function operatorOf(code: string): Operator | undefined {
  return OPERATORS.get(code);
}
