/**
 * The engine's refusals in words for a person. One table: what ONNX Runtime 1.30 says, and what it means. A message
 * that matches nothing is passed on, cleaned, as `engine-failed`.
 */
import { RowOutOfRange } from '../../core/batch/tables';
import { NanoscopeError } from '../../core/errors';
import { show } from '../../core/onnx/show';
import { typeName } from '../../core/onnx/tensors';
import { memoryHint } from './ending';
import { engineSentence, nodeFailure } from './engineText';
import { engineMissing } from './platforms';
import { MissingKernel } from './missingKernel';
import type { ErrorCode } from '../../core/errors';
import type { WorkerFailure } from '../../protocol/worker';

export interface FailureContext {
  /** Rare element types of the model, for messages that do not tell which one was the trouble. */
  readonly rareTypes?: (() => readonly string[]) | undefined;
}

interface Rule {
  readonly pattern: RegExp;
  readonly say: (match: readonly string[], text: string, context: FailureContext) => NanoscopeError;
}

const error = (code: ErrorCode, message: string, hint: string, cause?: unknown): NanoscopeError =>
  new NanoscopeError(code, message, hint, { cause });

/** ONNX's own operators have the empty domain. */
const domainName = (domain: string): string => (domain === '' ? 'ai.onnx' : domain);

/** Node name, operator and domain from `In Node, ("n1", Cast, "", -1) : …`; names may hold anything. */
function namedNode(text: string): { readonly node: string; readonly domain: string } | null {
  const match = /In Node, \("([\s\S]*?)", (\S+), "([^"]*)", -?\d+\) : /.exec(text);
  return match ? { node: match[1] ?? '', domain: match[3] ?? '' } : null;
}

const atNode = (name: string | undefined): string => (name ? ` (node ${show(name)})` : '');

const exportAgain = 'Export the model again; if that gives the same, the exporter has a fault. See the log.';
const castHint =
  'Run it cast to float32: export it from a float32 copy (`model.float()`), or cast its weights; ' +
  'masks and NaN behave the same there, rounding and overflow do not.';

function unsupportedKernel(op: string, node: string, { rareTypes }: FailureContext): NanoscopeError {
  const types = rareTypes?.() ?? [];
  const type = types[0];
  return type
    ? error(
        'unsupported-type',
        `The CPU engine cannot run this ${type} model as it is: it has no ${type} kernel for ${op}${atNode(node)}.`,
        castHint,
        new MissingKernel(op, node),
      )
    : error(
        'unsupported-op',
        `The CPU engine has no kernel for ${op}${atNode(node)}, or none for the element types that it is given.`,
        'Export or optimise the model for the CPU and in float32: other devices have operators of their own.',
        new MissingKernel(op, node),
      );
}

const rules: readonly Rule[] = [
  {
    pattern: /std::bad_alloc|bad allocation|Array buffer allocation failed/,
    say: () => error('out-of-memory', 'The engine ran out of memory.', memoryHint),
  },
  {
    pattern: /Failed to allocate memory for requested buffer of size (\d+)/,
    say: ([size]) => {
      const megabytes = Math.round(Number(size) / 2 ** 20);
      return error(
        'out-of-memory',
        `The engine ran out of memory: it asked for ${String(megabytes)} MB for one tensor.`,
        memoryHint,
      );
    },
  },
  {
    pattern: /Opset (\d+) is under development[\s\S]*Current official support for domain (\S+) is till opset (\d+)/,
    say: ([opset, domain, highest]) =>
      error(
        'unsupported-opset',
        `The model uses opset ${opset ?? ''} of ${domain ?? ''}; the engine knows it up to ${highest ?? ''}.`,
        `Export it with opset ${highest ?? ''} or lower (\`opset_version=17\` works well).`,
      ),
  },
  {
    pattern: /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    say: ([version, highest]) =>
      error(
        'unsupported-opset',
        `The model is written in ONNX IR version ${version ?? ''}; the engine knows it up to ${highest ?? ''}.`,
        'Export it with an older onnx package or a lower opset.',
      ),
  },
  {
    pattern: /No Op registered for (\S+) with domain_version of (\d+)/,
    say: ([op, version], text) => {
      const node = namedNode(text);
      const domain = domainName(node?.domain ?? '');
      return error(
        'unsupported-op',
        `The engine has no operator ${op ?? ''} in ${domain} opset ${version ?? ''}${atNode(node?.node)}.`,
        'Export the model without it: with another opset, or decomposed into standard operators.',
      );
    },
  },
  {
    pattern: /Fatal error: ([^:\s]*):(\S+?)\(-?\d+\) is not a registered function\/op/,
    say: ([domain, op]) =>
      error(
        'unsupported-op',
        `The engine has no operator ${op ?? ''} in the domain ${domainName(domain ?? '')}.`,
        'Custom operators are not loaded; export the model with standard operators.',
      ),
  },
  {
    pattern: /No opset import for domain '([^']*)'/,
    say: ([domain], text) =>
      error(
        'corrupt-model',
        `The model uses the operator domain ${domainName(domain ?? '')}${atNode(namedNode(text)?.node)} ` +
          'without saying which version.',
        exportAgain,
      ),
  },
  {
    // Of float16 nodes, which the engine has put casts to float32 around: that has not helped.
    pattern: /Failed to find kernel for (?:\S+\.)?([^\s.(]+)\(\d+\) \(node:'([\s\S]*?)' ep:/,
    say: ([op, node], _text, context) => unsupportedKernel(op ?? '', node ?? '', context),
  },
  {
    pattern: /Could not find an implementation for (\S+?)\(\d+\) node with name '([\s\S]*)'/,
    say: ([op, node], _text, context) => unsupportedKernel(op ?? '', node ?? '', context),
  },
  {
    // The binding's own words, when an input or an output of the graph has such a type; ours are outputs too.
    pattern: /^Unsupported data type: (\d+)/,
    say: ([number]) =>
      error(
        'unsupported-type',
        `The CPU engine cannot run this model as it is: it neither takes in nor hands out ${typeName(Number(number))}.`,
        castHint,
      ),
  },
  {
    pattern:
      /Type '(?:tensor\()?([^')]*)\)?' of input parameter \(([\s\S]*?)\) of operator \((\S+)\) in node \(([\s\S]*?)\) is invalid/,
    say: ([type, , op, node]) =>
      error(
        'unsupported-type',
        `The operator ${op ?? ''}${atNode(node)} does not take ${type ?? ''}.`,
        type === 'bfloat16' ? castHint : exportAgain,
      ),
  },
  {
    pattern:
      /initializer: ([\s\S]*?)\. Error: [\s\S]*?(?:escapes model directory|Absolute path not allowed|outside|symlink)/,
    say: ([name]) =>
      error(
        'external-data-escapes',
        `The weight ${show(name ?? '')} is said to lie outside the model's folder, which is not allowed.`,
        'Keep external weights beside the model, and export it again with relative file names.',
      ),
  },
  {
    pattern: /initializer: ([\s\S]*?)\. Error: [\s\S]*?External data path does not exist: "([\s\S]*?)"/,
    say: ([name, path]) =>
      error(
        'external-data-missing',
        `The file with the weight ${show(name ?? '')} is missing: ${show(path ?? '', 200)}.`,
        'Copy the external data files of the model beside it.',
      ),
  },
  {
    pattern: /External initializer: ([\s\S]*?) offset: \d+ size to read: \d+ given file_length: (\d+)/,
    say: ([name, length]) =>
      error(
        'truncated',
        `The file with the weight ${show(name ?? '')} ends early (${length ?? ''} bytes).`,
        'Copy or download the external data files of the model again.',
      ),
  },
  {
    pattern: /open file [\s\S]*? fail/,
    say: (_match, text) =>
      error(
        'external-data-missing',
        `A file with weights cannot be read: ${engineSentence(text)}`,
        'Check that the external data files of the model are there and may be read.',
      ),
  },
  {
    pattern: /protobuf parsing failed|Model data pointer is null|No graph was found in the protobuf/,
    say: () =>
      error(
        'corrupt-model',
        'The engine cannot read this model: it is no valid ONNX protobuf.',
        'Export or download it again.',
      ),
  },
  {
    pattern: /the graph is not acyclic/,
    say: () =>
      error('corrupt-model', 'The graph of this model has a cycle: a node waits for its own result.', exportAgain),
  },
  {
    pattern: /invalid model|ShapeInferenceError|TypeInferenceError|^Type Error|Deserialize tensor/i,
    say: (_match, text) =>
      error('corrupt-model', `The engine rejects this model: ${withoutPreamble(engineSentence(text))}`, exportAgain),
  },
  {
    pattern: /Got invalid dimensions for input: ([\s\S]*?) for the following indices\s*([\s\S]*?)\s*Please fix/,
    say: ([name, indices]) => {
      const wrong = [...(indices ?? '').matchAll(/index: (\d+) Got: (-?\d+) Expected: (-?\d+)/g)].map(
        ([, axis, got, expected]) => `axis ${axis ?? ''} must be ${expected ?? ''} and is ${got ?? ''}`,
      );
      return badInput(`The input ${show(name ?? '')} has the wrong shape: ${wrong.join(', ')}.`);
    },
  },
  {
    pattern: /Invalid rank for input: ([\s\S]*?) Got: (\d+) Expected: (\d+)/,
    say: ([name, got, expected]) =>
      badInput(`The input ${show(name ?? '')} must have ${expected ?? ''} axes and has ${got ?? ''}.`),
  },
  {
    pattern: /Unexpected input data type\. Actual: \(tensor\((.*?)\)\) , expected: \(tensor\((.*?)\)\)/,
    say: ([got, expected]) => badInput(`An input must be ${expected ?? ''} and is ${got ?? ''}.`),
  },
  {
    pattern: /input '([\s\S]*)' is missing in 'feeds'/,
    say: ([name]) => badInput(`The input ${show(name ?? '')} is missing.`),
  },
  {
    pattern: /idx=(-?\d+) must be within the inclusive range \[(-?\d+),(-?\d+)\]/,
    say: ([index, low, high], text) => {
      const failed = nodeFailure(text);
      return badInput(
        `An index is out of range at ${failed?.op ?? 'a node'}${atNode(failed?.node)}: ` +
          `${index ?? ''} is not within ${low ?? ''} to ${high ?? ''}.`,
        'Most often a token id beyond the vocabulary, or more positions than the model has: change the batch.',
        new RowOutOfRange(failed?.node ?? '', Number(index), [Number(low), Number(high)]),
      );
    },
  },
];

function badInput(
  message: string,
  hint = 'Make the batch with the shapes and types that the model asks for.',
  cause?: unknown,
): NanoscopeError {
  return error('bad-input', message, hint, cause);
}

/** "This is an invalid model. Error: …" says the same twice. */
const withoutPreamble = (text: string): string =>
  text.replace(/^(?:This is an invalid model\.|Invalid model\.)\s*(?:Error:\s*)?/, '').trim() || text;

const tryHint = 'Try another optimisation level or another export of the model; the log has the whole message.';

/** Words for one failed call. */
export function failureError(failure: WorkerFailure, context: FailureContext = {}): NanoscopeError {
  const { kind, text } = failure;
  if (kind === 'load') return engineMissing(text);
  if (kind === 'type') {
    return error('unsupported-type', text, 'Leave this output out; its type has no counterpart in JavaScript.');
  }
  if (kind === 'request') {
    return error(
      'internal',
      `NaNoscope asked its engine for something impossible: ${engineSentence(text)}`,
      reportHint,
    );
  }
  for (const { pattern, say } of rules) {
    const match = pattern.exec(text);
    if (match) return say(match.slice(1), text, context);
  }
  const node = nodeFailure(text);
  return node
    ? error('engine-failed', `${node.op}${atNode(node.node)} failed: ${node.detail}`, tryHint)
    : error('engine-failed', `The engine refused: ${engineSentence(text)}`, tryHint);
}

const reportHint = 'Please report this with the log.';
