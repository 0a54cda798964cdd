// Options, checked in every entry and every plugin by the same table: a wrong one is told by its name and by what it accepts, an
// unknown one by its name, since a misspelt policy must not mean the default. It says never more of a value than its kind: it may
// be a key.
import { parseIp } from '../wire/index.js';
import { LatchkeyError } from './errors.js';

/** Holds a value that was given against what the option accepts. Throws LATCHKEY_OPTION. Never asked for `undefined`, but by `required`. */
export type OptionRule = (name: string, value: unknown) => void;

/** A rule for every option that there is: one without a rule is a mistake that the compiler finds. */
export type OptionRules<Options> = { readonly [Name in keyof Required<Options>]: OptionRule };

const REQUIRED = new WeakSet<OptionRule>();
/** Node's timers take 31 bits of milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Checks an object of options against the rules of all that it may have. What is `undefined` was not given.
 *
 * @param what Who takes them: it stands in the error.
 * @param prefix Of their names, where they are an option of others: `connections.`.
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts
 */
export function checkOptions<Options extends object>(
  what: string,
  given: Options,
  rules: OptionRules<Options>,
  prefix = '',
): void {
  if (!isObject(given)) refuseOption(what, 'an object of options', given);
  const table: Readonly<Record<string, OptionRule>> = rules;
  for (const name of Object.keys(given))
    if (!Object.hasOwn(table, name))
      throw new LatchkeyError(
        'LATCHKEY_OPTION',
        `${what} has no option "${name}": it has ${Object.keys(table).join(', ')}`,
      );
  for (const [name, rule] of Object.entries(table)) {
    const value: unknown = Reflect.get(given, name);
    if (value !== undefined || REQUIRED.has(rule)) rule(prefix + name, value);
  }
}

/** Throws LATCHKEY_OPTION. */
export function refuseOption(name: string, accepts: string, value: unknown): never {
  throw new LatchkeyError(
    'LATCHKEY_OPTION',
    `option "${name}" accepts ${accepts}; it is ${described(value)}`,
  );
}

function rule(accepts: string, isAccepted: (value: unknown) => boolean): OptionRule {
  return (name, value) => {
    if (!isAccepted(value)) refuseOption(name, accepts, value);
  };
}

/** What options are made of. */
export const option = {
  /** By a description of what is accepted, for the error, and a look at the value. */
  of: rule,
  oneOf: (values: readonly string[]): OptionRule =>
    rule(values.map((value) => `'${value}'`).join(', '), (value) => values.includes(value as string)),
  boolean: rule('true or false', (value) => typeof value === 'boolean'),
  text: rule('a string', (value) => typeof value === 'string'),
  /** `shape`: how it is called, `(address: string) => boolean`. */
  callback: (shape: string): OptionRule =>
    rule(`a function ${shape}`, (value) => typeof value === 'function'),
  wholeNumber: (from: number, to: number = Number.MAX_SAFE_INTEGER): OptionRule =>
    rule(
      to === Number.MAX_SAFE_INTEGER
        ? `a whole number above ${from - 1}`
        : `a whole number from ${from} to ${to}`,
      (value) => Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to,
    ),
  milliseconds: rule(
    'a number of milliseconds, 0 or more',
    (value) => Number.isFinite(value) && Number(value) >= 0 && Number(value) <= TIMER_MS_MAX,
  ),
  ipAddress: rule('an IP address', (value) => typeof value === 'string' && parseIp(value) !== undefined),
  texts: rule('a list of strings', (value) => isListOf(value, (one) => typeof one === 'string')),
  /** An object with these methods, of whatever make. */
  withMethods: (what: string, ...methods: readonly string[]): OptionRule =>
    rule(what, (value) => {
      const owner = isObject(value) || typeof value === 'function' ? value : {};
      return methods.every((name) => typeof Reflect.get(owner, name) === 'function');
    }),
  /** A list, each of which keeps to one rule. */
  listOf:
    (of: OptionRule): OptionRule =>
    (name, value) => {
      if (!Array.isArray(value)) refuseOption(name, 'a list', value);
      for (const [index, one] of value.entries()) of(`${name}[${index}]`, one);
    },
  /** An object of options. */
  record:
    <Options extends object>(rules: OptionRules<Options>): OptionRule =>
    (name, value) =>
      checkOptions(name, value as Options, rules, `${name}.`),
  /** It has no default. */
  required: (of: OptionRule): OptionRule => {
    const own: OptionRule = (name, value) => of(name, value);
    REQUIRED.add(own);
    return own;
  },
  /** Whatever it is: who takes it checks it. */
  anything: (() => undefined) as OptionRule,
} as const;

function isListOf(value: unknown, is: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(is);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** A short text for an error: what an option holds may be anything, so objects are told by their kind only. */
function described(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? 'a longer text' : `'${value}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return String(value);
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
