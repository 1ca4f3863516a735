/**
 * The report of a live model: what `core/trace/moduleTrace` recorded of one forward pass, in the table, the findings and
 * the words that an ONNX run has. What a recording does not hold (values per sample, the graph, fixes) stays absent.
 */
import { NanoscopeError } from '../../core/errors';
import { whereText } from '../../core/diagnose/wording';
import type {
  AttentionInfo,
  BatchInfo,
  Crossing,
  CrossingMechanism,
  Finding,
  Origin,
  OutputInfo,
  Report,
  SampleHealth,
  SourceLine,
  TableRow,
} from '../../core/report';
import { paddingSide } from '../../core/batch/roles';
import type { ModuleTrace, TracePass, TraceSite, TraceTensor } from '../../core/trace/moduleTrace';
import { modulePlaces, type ModulePlace } from '../../core/trace/modules';
import { countRanges, countRole, parseRanges, ranges } from '../../core/trace/ranges';

/**
 * @param trace complete, or as far as it has come
 * @throws NanoscopeError `file-unreadable`: it holds no forward pass
 */
export function traceReport(trace: ModuleTrace): Report {
  const chosen = choosePass(trace);
  if (chosen === null) {
    throw new NanoscopeError(
      'file-unreadable',
      'Nothing was recorded: no module was called.',
      'Record while the model runs: a forward pass of a torch.nn.Module.',
    );
  }
  const { pass, sites } = chosen;
  const calls = callsOf(sites);
  const places = placesOf(calls);
  const batch = batchOf(pass, sites);
  const read = new Reading(batch, calls, places);
  return {
    schemaVersion: 1,
    model: {
      name: pass.root,
      source: 'live',
      opset: 0,
      layers: new Set(calls.map((call) => places(call).layer).filter((layer) => layer !== null)).size,
      attention: attentionOf(calls, places),
    },
    engine: { name: 'pytorch', version: trace.torch, optimization: 'disabled' },
    batch,
    outputs: read.outputs(),
    table: read.table(),
    origins: read.origins(),
    spread: read.spread(),
    silent: [],
    notes: notesOf(trace, chosen),
  };
}

interface ChosenPass {
  readonly pass: TracePass;
  readonly sites: readonly TraceSite[];
  /** It is the first pass in which NaN begins. */
  readonly sick: boolean;
}

/** The first pass in which there is NaN, else the first one; one that was recorded from its beginning, if there is any. */
function choosePass(trace: ModuleTrace): ChosenPass | null {
  const all = trace.passes.map((pass) => {
    const sites = trace.sites.filter((site) => site.pass === pass.number);
    return { pass, sites, sick: sites.some(({ tensor }) => (tensor.nan ?? 0) > 0) };
  });
  const whole = all.filter(({ pass }) => pass.partial !== true);
  return whole.find(({ sick }) => sick) ?? all.find(({ sick }) => sick) ?? whole[0] ?? all[0] ?? null;
}

/** One call of a module, or of an operation in it. */
interface Call {
  readonly first: TraceSite;
  readonly given: readonly TraceTensor[];
  readonly gave: readonly TraceTensor[];
  /** Order of its end, and of its beginning. */
  readonly order: number;
  readonly began: number;
}

function callsOf(sites: readonly TraceSite[]): Call[] {
  interface Open {
    first: TraceSite;
    given: TraceTensor[];
    gave: TraceTensor[];
    order: number;
    began: number;
  }
  const open = new Map<string, Open>();
  const all: Open[] = [];
  const ended = new Map<string, number>();
  for (const [order, site] of sites.entries()) {
    // Operations follow one another within a module: a new `in` begins a new one.
    const key = JSON.stringify([site.path, site.call, site.op]);
    let call = open.get(key);
    const next = call !== undefined && site.op !== null && site.port === 'in' && call.gave.length > 0;
    if (call === undefined || next) {
      // A module that is given nothing that could hold NaN is only told at its end: it began after its last call.
      const began = site.op === null && site.port === 'out' ? (ended.get(site.path) ?? -1) + 1 : order;
      call = { first: site, given: [], gave: [], order, began };
      open.set(key, call);
      all.push(call);
    }
    (site.port === 'in' ? call.given : call.gave).push(site.tensor);
    call.order = order;
    if (site.op === null) ended.set(site.path, order);
    if (site.mechanism !== undefined || site.poisoned !== undefined) call.first = { ...call.first, ...site };
  }
  return all;
}

/** Modules whose class says that they are attention, where their name only says which layer it is. */
const attentionClass = /attention$/i;

function placesOf(calls: readonly Call[]): (call: Call) => ModulePlace {
  const nodeName = ({ first }: Call): string => `/${first.path.replaceAll('.', '/')}/${first.op ?? 'module'}`;
  const named = modulePlaces(calls.map(nodeName));
  return (call) => {
    const place = named(nodeName(call));
    const isAttention = call.first.op !== null || attentionClass.test(call.first.class ?? '');
    return place.stage === 'layer' && isAttention
      ? { ...place, stage: 'attention', block: place.block ?? 'self' }
      : place;
  };
}

function attentionOf(calls: readonly Call[], places: (call: Call) => ModulePlace): AttentionInfo[] {
  return calls.flatMap((call): AttentionInfo[] => {
    const { op, backend, path } = call.first;
    if (op === null) return [];
    const eager = op.endsWith('softmax');
    const kernel = backend === null || backend === undefined ? '' : `:${backend}`;
    return [
      { layer: places(call).layer, kind: eager ? 'eager' : 'fused', op: `${op}${kernel}`, node: path, kvGroups: null },
    ];
  });
}

/** Samples × positions of the largest batch that is told by position. */
const mostCells = 10_000_000;

function batchOf(pass: TracePass, sites: readonly TraceSite[]): BatchInfo {
  const mask = pass.masks.find(({ shape, pad }) => shape.length === 2 && pad.length === shape[0]);
  const ids = pass.inputs.find(({ dtype, shape }) => shape?.length === 2 && dtype?.startsWith('int') === true);
  const told = sites.find(({ tensor }) => tensor.positions && tensor.shape?.length === 3)?.tensor;
  const [rows = 0, columns = 0] =
    mask?.shape ?? ids?.shape?.map((size) => Math.max(0, size)) ?? (told ? sizesOf(told) : []);
  // Sizes are the file's word; what no table could show is not told apart.
  const [samples, positions] = rows * columns <= mostCells ? [rows, columns] : [0, 0];
  const roles = Array.from({ length: samples }, (_, sample) => {
    const pads = new Set(positionsIn(mask?.pad[sample] ?? ''));
    return Array.from({ length: positions }, (_role, position) => (pads.has(position) ? 'p' : 'r')).join('');
  });
  return {
    samples,
    positions,
    padding: roles.map(paddingSide),
    roles,
    inputs: Object.fromEntries(
      pass.inputs.map(({ name, dtype, shape }, i) => [
        name ?? `args[${String(i)}]`,
        { dtype: dtype ?? '', shape: shape ?? [] },
      ]),
    ),
    rolesFrom: mask
      ? `${mask.name}, as the model was given it`
      : 'nothing: no mask among the inputs, all count as real',
  };
}

const positionsIn = (ranges: string): number[] =>
  parseRanges(ranges).flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));

/** Samples and positions of a tensor whose axes are known. */
function sizesOf({ shape = [], positions }: TraceTensor): [number, number] | [] {
  const at = positions?.position ?? null;
  if (!positions || at === null) return [];
  return [positions.nan.length, shape[at < 0 ? shape.length + at : at] ?? 0];
}

class Reading {
  constructor(
    private readonly batch: BatchInfo,
    private readonly calls: readonly Call[],
    private readonly places: (call: Call) => ModulePlace,
  ) {}

  /** What is a stage, in and out, in the order in which the stages end. */
  table(): TableRow[] {
    const seen = new Set<string>();
    return this.calls
      .filter(({ first }) => first.op === null && first.path !== '')
      .sort((a, b) => a.order - b.order)
      .flatMap((call): TableRow[] => {
        const place = this.places(call);
        const own = place.module === call.first.path && place.stage !== 'other';
        // A module that is called again (shared weights, chunks) is told by its first call.
        if (!own || seen.has(call.first.path)) return [];
        seen.add(call.first.path);
        const [into, out] = [main(call.given), main(call.gave)];
        return [
          ...(into && place.stage !== 'embed' ? [this.row(call, place, 'in', into)] : []),
          ...(out ? [this.row(call, place, 'out', out)] : []),
        ];
      });
  }

  outputs(): OutputInfo[] {
    const root = this.calls.find(({ first }) => first.op === null && first.path === '');
    return (root?.gave ?? []).map((tensor, i) => {
      const nanAt = this.nanAt(tensor);
      return {
        name: tensor.name ?? `output ${String(i)}`,
        nanPositions: nanAt && nanAt.map(countRanges),
        of: nanAt ? this.batch.positions : 1,
        nanAt,
      };
    });
  }

  /** NaN that comes out of a call and did not go in; operations before the modules around them, inner before outer. */
  origins(): Origin[] {
    const told: Call[] = [];
    return this.byDepth().flatMap((call): Origin[] => {
      const gave = main(call.gave);
      if (!gave || (gave.nan ?? 0) === 0 || call.given.some(({ nan }) => (nan ?? 0) > 0)) return [];
      // What began inside is told there.
      if (told.some((inner) => isInside(inner, call))) return [];
      told.push(call);
      const { op, mechanism = 'unknown', why } = call.first;
      const positions = this.nanAt(gave);
      const place = whereText(positions, this.batch.roles, op?.endsWith('softmax') === true ? 'query row' : 'position');
      const reason =
        why ??
        `${call.first.class ?? 'The module'} was given no NaN and gave NaN. A recording does not look at single operations: “Break on First NaN” at every operation names the one.`;
      return [
        {
          ...this.finding(call, gave, positions),
          mechanism,
          evidence: functionOf(call),
          explanation: `${place}: ${reason}${atLine(call)}`,
        },
      ];
    });
  }

  /** NaN at positions that were clean going in, where NaN went in at others. */
  spread(): Crossing[] {
    const told: Call[] = [];
    return this.byDepth().flatMap((call): Crossing[] => {
      const gave = main(call.gave);
      if (!gave || told.some((inner) => isInside(inner, call))) return [];
      const into = this.enters(call);
      const after = this.nanAt(gave);
      if (into === null || after === null || into.every((ranges) => ranges === '')) return [];
      const reached = after.map((ranges, sample) => without(ranges, into[sample] ?? ''));
      if (reached.every((ranges) => ranges === '')) return [];
      told.push(call);
      const { mechanism, explanation, evidence } = this.crossing(call, reached, into);
      return [
        {
          ...this.finding(call, gave, reached),
          mechanism,
          evidence: { ...functionOf(call), ...evidence },
          explanation: `${explanation}${atLine(call)}`,
        },
      ];
    });
  }

  private crossing(
    call: Call,
    reached: readonly string[],
    into: readonly string[],
  ): { mechanism: CrossingMechanism; explanation: string; evidence: Finding['evidence'] } {
    const where = whereText(reached, this.batch.roles, 'position');
    const { poisoned, op } = call.first;
    const keys = poisoned?.keys.length === this.batch.samples ? poisoned.keys : [];
    const first = reached.findIndex((ranges) => ranges !== '');
    const own = keys[first] ?? '';
    if (op?.endsWith('softmax') === true && own !== '') {
      const evidence = {
        nanPositionsRead: own,
        example: { sample: first, position: positionsIn(reached[first] ?? '')[0] ?? 0 },
      };
      const hidden = keys.every(
        (ranges, sample) => countRole(ranges, this.batch.roles[sample] ?? '', 'p') === countRanges(ranges),
      );
      const said = `${where}: the scores of the keys at positions ${own.replaceAll('-', '–')} are NaN`;
      return hidden
        ? {
            mechanism: 'nan-plus-minus-inf',
            evidence,
            explanation: `${said}, although the mask hides these keys, all padding. NaN + (−inf) = NaN in IEEE arithmetic: an additive mask cannot remove a NaN score, and one NaN in a row makes the whole softmax row NaN.`,
          }
        : {
            mechanism: 'softmax-row',
            evidence,
            explanation: `${said}, and one NaN in a row makes the whole softmax row NaN.`,
          };
    }
    const from = { nanPositionsRead: into[first] ?? '' };
    return this.places(call).stage === 'attention'
      ? {
          mechanism: 'contraction',
          evidence: from,
          explanation: `${where}: attention reads every position that its mask shows, and by 0 × NaN = NaN also those that it weighs with 0; NaN went in at positions ${(into[first] ?? '').replaceAll('-', '–')}.`,
        }
      : {
          mechanism: 'reduction',
          evidence: from,
          explanation: `${where}: ${call.first.class ?? 'the module'} mixes positions, and NaN went in at positions ${(into[first] ?? '').replaceAll('-', '–')}.`,
        };
  }

  /** NaN positions before a call: of its module's input for an operation, whose own operands mix them already. */
  private enters(call: Call): string[] | null {
    const { op, path, call: number } = call.first;
    const around =
      op === null
        ? call
        : this.calls.find(({ first }) => first.op === null && first.path === path && first.call === number);
    const into = around && main(around.given);
    return into ? this.nanAt(into) : null;
  }

  /** Operations first, then modules from the inside out, each in the order of the program. */
  private byDepth(): Call[] {
    const depth = ({ first }: Call): number =>
      (first.path === '' ? 0 : first.path.split('.').length) * 2 + (first.op === null ? 0 : 1);
    return [...this.calls].sort((a, b) => depth(b) - depth(a) || a.order - b.order);
  }

  private finding(
    call: Call,
    tensor: TraceTensor,
    positions: readonly string[] | null,
  ): Omit<Finding, 'evidence' | 'explanation'> {
    const { layer, block, stage } = this.places(call);
    const { path, op } = call.first;
    return {
      tensor: `${path}${op === null ? '' : ` ${op}`} ${tensor.name ?? 'output'}`.trim(),
      node: path,
      op: op ?? call.first.class,
      layer,
      block,
      stage,
      positions,
      ...sourceOf(call),
    };
  }

  private row(call: Call, { layer, block, stage }: ModulePlace, port: 'in' | 'out', tensor: TraceTensor): TableRow {
    const { path, class: kind } = call.first;
    const common = {
      layer,
      block,
      stage,
      port,
      label: path,
      tensor: `${path} ${port}`,
      node: path,
      op: kind,
      dtype: tensor.dtype ?? '',
      shape: tensor.shape ?? [],
      ...sourceOf(call),
    };
    const nanAt = this.nanAt(tensor);
    if (nanAt === null) {
      const [nan = 0, posInf = 0, negInf = 0] = [tensor.nan, tensor.posInf, tensor.negInf];
      return {
        ...common,
        axes: 'whole',
        samples: null,
        whole: { nan: nan > 0, posInf: posInf > 0, negInf: negInf > 0 },
      };
    }
    return { ...common, axes: 'tokens', samples: nanAt.map((ranges, sample) => this.health(tensor, ranges, sample)) };
  }

  private health({ positions }: TraceTensor, nanAt: string, sample: number): SampleHealth {
    const roles = this.batch.roles[sample] ?? '';
    const [nan, pad] = [countRanges(nanAt), countRole(`0-${String(Math.max(0, roles.length - 1))}`, roles, 'p')];
    const padNan = countRole(nanAt, roles, 'p');
    return {
      nan,
      of: roles.length,
      padNan,
      pad,
      realNan: nan - padNan,
      real: roles.length - pad,
      posInf: countRanges(positions?.posInf[sample] ?? ''),
      negInf: countRanges(positions?.negInf[sample] ?? ''),
      // Recorded for the tensor as a whole only.
      absMax: null,
      min: null,
      max: null,
      norm: null,
      nanAt,
    };
  }

  /** Null where its axes are not those of the batch. */
  private nanAt(tensor: TraceTensor): string[] | null {
    const [samples, positions] = sizesOf(tensor);
    return tensor.positions && samples === this.batch.samples && positions === this.batch.positions
      ? tensor.positions.nan
      : null;
  }
}

/** The tensor that flows through: the first one whose axes are known, else the first. */
const main = (tensors: readonly TraceTensor[]): TraceTensor | undefined =>
  tensors.find(({ positions, name }) => positions && !(name ?? '').includes('mask')) ?? tensors[0];

/** Whether a call was made, and had ended, within another one. */
const isInside = (inner: Call, outer: Call): boolean =>
  outer.first.op === null &&
  inner !== outer &&
  inner.began >= outer.began &&
  inner.order <= outer.order &&
  (outer.first.path === '' ||
    inner.first.path === outer.first.path ||
    inner.first.path.startsWith(`${outer.first.path}.`));

const without = (text: string, others: string): string => {
  const gone = new Set(positionsIn(others));
  return ranges(positionsIn(text).filter((position) => !gone.has(position)));
};

const sourceOf = ({ first }: Call): { source?: SourceLine } =>
  first.at === null ? {} : { source: { file: first.at.file, line: first.at.line } };

const functionOf = ({ first }: Call): Finding['evidence'] => (first.at === null ? {} : { function: first.at.function });

const atLine = ({ first }: Call): string =>
  first.at === null ? '' : ` (${first.at.file.split(/[\\/]/).at(-1) ?? first.at.file}:${String(first.at.line)})`;

function notesOf(trace: ModuleTrace, { pass, sites, sick }: ChosenPass): string[] {
  const implementations = [...new Set(sites.flatMap(({ implementation }) => implementation ?? []))];
  const many = trace.passes.length;
  return [
    `Recorded from a running program: PyTorch ${trace.torch}, Python ${trace.python}. Fixes are tried on an exported model.`,
    ...(many > 1
      ? [
          `${String(many)} forward passes were recorded; this is number ${String(pass.number + 1)}, ${sick ? 'the first in which there is NaN' : 'the first one; there is NaN in none of them'}.`,
        ]
      : []),
    ...(pass.partial === true
      ? ['The recording began in the middle of this forward pass: what came before it is not told.']
      : []),
    ...(implementations.length > 0
      ? [`Modules were built with _attn_implementation ${implementations.join(', ')}.`]
      : []),
    ...(sites.some(({ fastPathOff }) => fastPathOff === true)
      ? [
          "While it is recorded, torch's own encoder layers leave their fused fast path; without the recorder they may take it.",
        ]
      : []),
    ...(trace.functions
      ? []
      : ['This version of torch does not show its functions: softmax and attention calls were not seen.']),
    ...(trace.end === null ? ['The recording has no end: it is still running, or the program was killed.'] : []),
    ...(trace.end && trace.end.dropped > 0
      ? [
          `${trace.end.dropped.toLocaleString('en')} tensors or more were not recorded: of one call only the first ones are, and at its limit a recording ends.`,
        ]
      : []),
    ...(trace.end && trace.end.errors > 0
      ? [`${String(trace.end.errors)} looks failed (${trace.end.lastError ?? ''}); the program went on.`]
      : []),
  ];
}
