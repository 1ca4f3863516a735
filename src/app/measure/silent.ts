/** Trouble that no NaN in an output shows, looked for once the figures of the table are known. */
import { overflowRisk } from '../../core/diagnose/silent/overflowRisk';
import { explainUnmasked, unmaskedInFused, unmaskedRows } from '../../core/diagnose/silent/unmaskedSilently';
import type { NaNWeight } from '../../core/diagnose/silent/unreadNanWeight';
import { explainUnread } from '../../core/diagnose/silent/unreadNanWeight';
import { positionsOf, whereText } from '../../core/diagnose/wording';
import type { GraphNode } from '../../core/onnx/graph';
import type { SampleFigures } from '../../core/probe/inspect/health';
import type { EvidenceValue, Origin, SilentFinding } from '../../core/report';
import type { Flags } from '../../core/trace/health';
import type { Place, Site } from '../../core/trace/sites';
import type { Measurement } from './measure';

/**
 * @param sites rows of the table, with their figures by tensor.
 * @param roles by sequence.
 * @param weights those that hold NaN.
 */
export function silentTrouble(
  measured: Measurement,
  sites: readonly Site[],
  figures: ReadonlyMap<string, readonly SampleFigures[]>,
  roles: readonly (readonly string[])[],
  origins: readonly Origin[],
  weights: readonly NaNWeight[],
  placeOf: (node: GraphNode, value: string) => Place,
): SilentFinding[] {
  return [
    ...unmasked(measured, roles, placeOf),
    ...nearLimits(measured, sites, figures),
    ...unread(measured, origins, weights, placeOf),
  ];
}

function unmasked(
  measured: Measurement,
  roles: readonly (readonly string[])[],
  placeOf: (node: GraphNode, value: string) => Place,
): SilentFinding[] {
  // Layers share their mask, so they share what is wrong with it: one finding for all that show the same rows.
  const same = new Map<string, { flags: Flags; nodes: GraphNode[] }>();
  const shown = [
    ...measured.sites.map((site) => ({
      node: site.softmax,
      flags: unmaskedRows(site, measured.planesOf(site), measured.flagsOf, measured.axes),
    })),
    ...measured.fused.map((masks) => ({ node: masks.site.node, flags: unmaskedInFused(masks, measured.flagsOf) })),
  ].sort((a, b) => a.node.index - b.node.index);
  for (const { node, flags } of shown) {
    if (!flags) continue;
    const key = `${String(flags.sequence)} ${(positionsOf(flags, measured.grid.samples) ?? []).join('|')}`;
    const known = same.get(key);
    if (known) known.nodes.push(node);
    else same.set(key, { flags, nodes: [node] });
  }
  return [...same.values()].flatMap(({ flags, nodes }): SilentFinding[] => {
    const [first] = nodes;
    const positions = positionsOf(flags, measured.grid.samples);
    if (!first || !positions) return [];
    const own = roles[flags.sequence] ?? [];
    const value = first.outputs[0] ?? '';
    return [
      {
        tensor: value,
        node: first.name,
        op: first.op,
        ...placeOf(first, value),
        positions,
        ...explainUnmasked(
          nodes.map((node) => ({ node: node.name, layer: placeOf(node, node.outputs[0] ?? '').layer })),
          positions,
          own,
          whereText(positions, own, 'query row'),
        ),
      },
    ];
  });
}

function nearLimits(
  measured: Measurement,
  sites: readonly Site[],
  figures: ReadonlyMap<string, readonly SampleFigures[]>,
): SilentFinding[] {
  const known = sites.flatMap((site) => {
    const own = figures.get(site.tensor);
    const dtype = measured.facts.values.get(site.tensor)?.dtype;
    if (!own || dtype === undefined) return [];
    const absMax = Math.max(0, ...own.map(({ min, max }) => Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0))));
    return [{ site, label: site.label, dtype, absMax }];
  });
  const allFinite = known.every(({ site }) =>
    (figures.get(site.tensor) ?? []).every(({ nan, posInf, negInf }) => nan + posInf + negInf === 0),
  );
  const risk = overflowRisk(known, { allFinite });
  const at = risk && known[risk.at]?.site;
  if (!at) return [];
  const { tensor, node, layer, block, stage } = at;
  return [
    {
      ...{ tensor, layer, block, stage },
      node: node?.name ?? null,
      op: node?.op ?? null,
      positions: null,
      mechanism: risk.mechanism,
      evidence: risk.evidence,
      explanation: risk.explanation,
    },
  ];
}

function unread(
  measured: Measurement,
  origins: readonly Origin[],
  weights: readonly NaNWeight[],
  placeOf: (node: GraphNode, value: string) => Place,
): SilentFinding[] {
  const { graph } = measured.target;
  const read = new Set<EvidenceValue>(
    origins.flatMap(({ mechanism, evidence }): readonly EvidenceValue[] => {
      const { weights } = evidence;
      return mechanism === 'nan-in-weights' && Array.isArray(weights) ? (weights as readonly EvidenceValue[]) : [];
    }),
  );
  return weights.flatMap((weight): SilentFinding[] => {
    const reader = graph.consumers.get(weight.name)?.[0];
    if (!reader || read.has(weight.name)) return [];
    const value = reader.outputs[0] ?? '';
    return [
      {
        tensor: weight.name,
        node: reader.name,
        op: reader.op,
        ...placeOf(reader, value),
        positions: null,
        ...explainUnread(weight, reader.name),
      },
    ];
  });
}
