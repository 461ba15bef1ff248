/** What a name of the Itanium C++ ABI says, as a tree; parts that it substitutes are shared. */

export type Node =
  | Text
  | Named
  | Tagged
  | Nested
  | Template
  | Structor
  | Conversion
  | Closure
  | Encoding
  | Special
  | Clone
  | Parameter
  | Pack
  | Expansion
  | Qualified
  | Pointer
  | MemberPointer
  | FunctionType
  | ArrayType
  | Wrapped
  | Literal
  | Unary
  | Postfix
  | Binary
  | Cast
  | Index
  | Sequence
  | Conditional
  | Call
  | NamedCast
  | Braced
  | List
  | PackLength
  | Fold
  | NewExpression;

/** Words that stand for themselves. */
interface Text {
  readonly kind: 'text';
  readonly text: string;
}

/** One of the standard substitutions: its last word is the name of its constructors. */
interface Named {
  readonly kind: 'named';
  readonly text: string;
  readonly last: string;
}

/** A name with an ABI tag. */
interface Tagged {
  readonly kind: 'tagged';
  readonly name: Node;
  readonly tag: string;
}

interface Nested {
  readonly kind: 'nested';
  readonly scope: Node;
  readonly name: Node;
}

interface Template {
  readonly kind: 'template';
  readonly name: Node;
  readonly args: readonly Node[];
}

/** A constructor or destructor, by the class's name without its arguments. */
interface Structor {
  readonly kind: 'structor';
  readonly of: Node;
  readonly isDestructor: boolean;
}

interface Conversion {
  readonly kind: 'conversion';
  readonly type: Node;
}

interface Closure {
  readonly kind: 'closure';
  /** Template parameters that are written out. */
  readonly heads: readonly string[];
  readonly params: readonly Node[];
  readonly number: number;
}

/** A function or, without parameters, an object. */
interface Encoding {
  readonly kind: 'encoding';
  readonly name: Node;
  readonly returns: Node | undefined;
  readonly params: readonly Node[] | undefined;
  /** As they are printed, each behind a blank. */
  readonly qualifiers: string;
  /** What template parameters in it stand for. */
  readonly args: readonly Node[] | undefined;
}

/** What the compiler makes for an entity. */
interface Special {
  readonly kind: 'special';
  readonly prefix: string;
  readonly of: Node;
  /** Of a construction vtable: the class that it is in. */
  readonly inside?: Node;
}

interface Clone {
  readonly kind: 'clone';
  readonly of: Node;
  readonly suffix: string;
}

/** A template parameter: of the encoding or the lambda around the place where it is written, or substituted. */
export interface Parameter {
  readonly kind: 'parameter';
  readonly index: number;
}

/** An argument pack. */
interface Pack {
  readonly kind: 'pack';
  readonly items: readonly Node[];
}

interface Expansion {
  readonly kind: 'expansion';
  readonly pattern: Node;
}

interface Qualified {
  readonly kind: 'qualified';
  readonly type: Node;
  /** As it is printed, behind a blank. */
  readonly qualifier: Node;
}

interface Pointer {
  readonly kind: 'pointer';
  readonly to: Node;
  readonly mark: '*' | '&' | '&&';
}

interface MemberPointer {
  readonly kind: 'memberPointer';
  readonly of: Node;
  readonly to: Node;
}

export interface FunctionType {
  readonly kind: 'function';
  readonly returns: Node;
  readonly params: readonly Node[];
  readonly qualifiers: string;
  /** An exception specification: text around what is in it. */
  readonly exceptions: Node | undefined;
}

export interface ArrayType {
  readonly kind: 'array';
  readonly of: Node;
  readonly size: Node | undefined;
}

/** Text around parts that are separated by commas. */
interface Wrapped {
  readonly kind: 'wrapped';
  readonly before: string;
  readonly parts: readonly Node[];
  readonly after: string;
}

interface Literal {
  readonly kind: 'literal';
  readonly type: Node;
  /** Name of a built-in type, '' for others. */
  readonly builtin: string;
  readonly value: string;
}

interface Unary {
  readonly kind: 'unary';
  readonly operator: string;
  readonly operand: Node;
  /** Whether parentheses are always, never, or only where the operand is not simple. */
  readonly parentheses: 'always' | 'never' | 'needed';
}

interface Postfix {
  readonly kind: 'postfix';
  readonly operator: string;
  readonly operand: Node;
}

interface Binary {
  readonly kind: 'binary';
  readonly operator: string;
  readonly left: Node;
  readonly right: Node;
}

interface Cast {
  readonly kind: 'cast';
  readonly type: Node;
  readonly operand: Node;
}

interface Index {
  readonly kind: 'index';
  readonly of: Node;
  readonly by: Node;
}

/** Parts one behind another. */
interface Sequence {
  readonly kind: 'sequence';
  readonly parts: readonly Node[];
}

interface Conditional {
  readonly kind: 'conditional';
  readonly condition: Node;
  readonly yes: Node;
  readonly no: Node;
}

interface Call {
  readonly kind: 'call';
  readonly callee: Node;
  readonly args: readonly Node[];
}

interface NamedCast {
  readonly kind: 'namedCast';
  readonly operator: string;
  readonly type: Node;
  readonly operand: Node;
}

interface Braced {
  readonly kind: 'braced';
  readonly type: Node | undefined;
  readonly items: readonly Node[];
}

interface List {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

/** `sizeof...`: the number of arguments in a pack. */
interface PackLength {
  readonly kind: 'packLength';
  readonly of: Node;
}

interface Fold {
  readonly kind: 'fold';
  readonly operator: string;
  readonly left: Node | undefined;
  readonly right: Node | undefined;
}

interface NewExpression {
  readonly kind: 'new';
  readonly operator: string;
  readonly placement: readonly Node[];
  readonly type: Node;
  readonly initializer: Node | undefined;
}

export function text(words: string): Node {
  return { kind: 'text', text: words };
}

/** The parts of a node. */
export function partsOf(node: Node): Node[] {
  return Object.values(node)
    .flatMap((value: unknown) => (Array.isArray(value) ? value : [value]))
    .filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value;
}
