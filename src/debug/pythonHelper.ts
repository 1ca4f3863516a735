/**
 * The Python helper on its way into a debugged program: one expression that installs it, then short ones that call it.
 * Expressions only, since a statement or a `:=` would write into the person's frame.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { GuardOptions, RecordOptions } from '../app/live/ports';
import births from './python/births.py';
import callers from './python/callers.py';
import calls from './python/calls.py';
import detail from './python/detail.py';
import entry from './python/entry.py';
import guard from './python/guard.py';
import health from './python/health.py';
import install from './python/install.py';
import modes from './python/modes.py';
import nancheck from './python/nancheck.py';
import reach from './python/reach.py';
import record from './python/record.py';
import told from './python/told.py';
import watch from './python/watch.py';
import whenimported from './python/whenimported.py';

/** In the order in which they import one another. */
const sources: readonly (readonly [name: string, text: string])[] = [
  ['health', health],
  ['reach', reach],
  ['detail', detail],
  ['entry', entry],
  ['callers', callers],
  ['nancheck', nancheck],
  ['calls', calls],
  ['births', births],
  ['modes', modes],
  ['told', told],
  ['watch', watch],
  ['whenimported', whenimported],
  ['guard', guard],
  ['record', record],
];

const version = createHash('sha256')
  .update(JSON.stringify([install, sources]))
  .digest('hex')
  .slice(0, 16);

/**
 * The frame's own variables. In an `evaluate` of debugpy `locals()` is globals and locals merged, but its `globals` is
 * a closure over the frame; other adapters leave the built-in one, and then what is not a global is local.
 */
const frameLocals =
  "(lambda g,l:(g.__closure__[0].cell_contents.f_locals if getattr(g,'__closure__',None) else " +
  '{k:v for k,v in l.items() if g() is l or k not in g() or g()[k] is not v}))(globals,locals())';

const modules = "__import__('sys').modules";

const isReady = `getattr(${modules}.get('_nanoscope'),'version',None)=='${version}'`;

/** `ready` or `absent`. */
export const readyExpression = `'ready' if ${isReady} else 'absent'`;
export const whereReady = (expression: string): string => `(${expression} if ${isReady} else None)`;
export const unlessReady = (expression: string): string => `(None if ${isReady} else ${expression})`;

/** What the first small request tells: `none` no library with tensors, `ready` helper is there, `absent` it is not. */
export const lookExpression =
  `(lambda m:'none' if not any(n in m for n in ('torch','numpy')) else ` + `${readyExpression})(${modules})`;

export function installExpression(): string {
  const packed = deflateSync(JSON.stringify([install, sources]), { level: 9 }).toString('base64');
  return (
    `(lambda d,p:(exec(compile(p[0],'<nanoscope install>','exec'),d),d['install'](p[1],'${version}'),'ready')[-1])` +
    `({},__import__('json').loads(__import__('zlib').decompress(__import__('base64').b64decode('${packed}'))))`
  );
}

export type Options = Readonly<Record<string, number | readonly number[]>>;

export const scopeExpression = (options: Options): string =>
  `${modules}['_nanoscope.entry'].scope(${frameLocals},${JSON.stringify(options)})`;

/** @param expression Python that gives the tensor; it is evaluated in the frame */
export const detailExpression = (expression: string, options: Options): string =>
  `${modules}['_nanoscope.entry'].detail((${expression}),${pythonString(expression)},${frameLocals},${JSON.stringify(options)})`;

/** Booleans are Python's, the rest of JSON is the same there. */
const pythonOptions = (options: Readonly<Record<string, string | number | boolean>>): string =>
  `{${Object.entries(options)
    .map(
      ([name, value]) => `'${name}':${typeof value === 'boolean' ? (value ? 'True' : 'False') : JSON.stringify(value)}`,
    )
    .join(',')}}`;

export const guardExpression = {
  arm: (options: GuardOptions): string =>
    `${modules}['_nanoscope.guard'].arm_when_imported(${pythonOptions({ ...options })})`,
  disarm: `${modules}['_nanoscope.guard'].disarm()`,
  status: `${modules}['_nanoscope.guard'].status()`,
} as const;

export const recordExpression = {
  start: ({ file, functions }: RecordOptions): string =>
    `${modules}['_nanoscope.record'].start({'file':${pythonString(file)},'functions':${functions ? 'True' : 'False'}})`,
  stop: `${modules}['_nanoscope.record'].stop()`,
} as const;

/** JSON's escapes are Python's as well, once everything beyond ASCII is written as an escape. */
const pythonString = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
