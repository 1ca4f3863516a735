/** The per-layer table of the report. */
import type { AxesOfGraph } from '../onnx/axes/infer';
import { heldPositions, positionPlace } from '../onnx/axes/types';
import type { ValueFacts } from '../probe/instrument';
import type { SampleFigures } from '../probe/inspect/health';
import type { SampleHealth, SiteAxes, TableRow } from '../report';
import type { Flags } from './health';
import { NAN, nanPositions } from './health';
import { countRole, ranges } from './ranges';
import { lineOf } from './written';
import type { Site } from './sites';

export interface TableInput {
  readonly sites: readonly Site[];
  readonly axes: AxesOfGraph;
  readonly flagsOf: (value: string) => Flags | null;
  readonly facts: ReadonlyMap<string, ValueFacts>;
  readonly samples: number;
  /** Roles by sequence. */
  readonly roles: readonly (readonly string[])[];
  /** Exact figures where they are known; the screen alone knows only where NaN is. */
  readonly figures: ReadonlyMap<string, readonly SampleFigures[]>;
}

export function buildTable(input: TableInput): TableRow[] {
  return input.sites.flatMap((site): TableRow[] => {
    const flags = input.flagsOf(site.tensor);
    const axes = input.axes.of(site.tensor);
    const facts = input.facts.get(site.tensor);
    if (!flags || !axes || !facts) return [];
    const common = {
      layer: site.layer,
      block: site.block,
      stage: site.stage,
      port: site.port,
      label: site.label,
      tensor: site.tensor,
      node: site.node?.name ?? null,
      op: site.node?.op ?? null,
      ...lineOf(site.node),
      dtype: facts.dtype,
      shape: facts.shape,
    };
    // One number per sample (a pooled embedding) has no position that could be padding or real.
    if (!flags.perPosition) {
      const bits = flags.bits.reduce((all, own) => all | own, 0);
      const exact = input.figures.get(site.tensor) ?? [];
      return [
        {
          ...common,
          axes: 'whole',
          samples: null,
          whole: {
            nan: (bits & NAN) !== 0,
            posInf: exact.some(({ posInf }) => posInf > 0),
            negInf: exact.some(({ negInf }) => negInf > 0),
          },
        },
      ];
    }
    const kind: SiteAxes = siteAxes(axes, flags);
    const roles = input.roles[flags.sequence] ?? [];
    const held = heldPositions(axes);
    return [
      {
        ...common,
        axes: kind,
        ...(flags.sequence === 1 && { sequence: 'memory' as const }),
        ...(held && { held: ranges(held) }),
        samples: Array.from({ length: input.samples }, (_, sample) =>
          sampleHealth(
            flags,
            sample,
            roles[sample] ?? '',
            held,
            input.figures.get(site.tensor)?.[flags.perSample ? sample : 0],
          ),
        ),
      },
    ];
  });
}

function siteAxes(axes: NonNullable<ReturnType<AxesOfGraph['of']>>, flags: Flags): SiteAxes {
  if (flags.key) return 'key';
  const place = positionPlace(axes);
  const positions = axes.flat().filter((factor) => factor.kind === 'position').length;
  return place !== null && positions > 1 ? 'query' : 'tokens';
}

function sampleHealth(
  flags: Flags,
  sample: number,
  roles: string,
  held: readonly number[] | null,
  figures: SampleFigures | undefined,
): SampleHealth {
  const of = flags.perPosition ? (held?.length ?? flags.positions) : 1;
  const nan = nanPositions(flags, sample);
  const nanAt = ranges(nan);
  const ranged = flags.perPosition ? nanAt : '';
  const padNan = countRole(ranged, roles, 'p');
  const own = held ? held.map((position) => roles[position] ?? '').join('') : roles;
  const pad = flags.perPosition ? own.replaceAll('r', '').length : 0;
  const min = figures?.min ?? null;
  const max = figures?.max ?? null;
  return {
    nan: nan.length,
    of,
    padNan,
    pad,
    realNan: flags.perPosition ? nan.length - padNan : nan.length,
    real: flags.perPosition ? of - pad : 1,
    posInf: figures?.posInf ?? 0,
    negInf: figures?.negInf ?? 0,
    absMax: min === null || max === null ? null : Math.max(Math.abs(min), Math.abs(max)),
    min,
    max,
    norm: figures?.norm ?? null,
    nanAt,
  };
}
