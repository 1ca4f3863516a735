/** Reads which rows the masks leave nothing of. Only the part of the graph that makes the masks is run. */
import type { MaskedRows, MaskLevels } from '../../core/diagnose/maskLevels';
import { composed } from '../../core/diagnose/maskLevels';
import type { MaskSite, MaskSites, SiteMask } from '../../core/diagnose/maskSites';
import { Graph } from '../../core/onnx/graph';
import { extended, extract, freshPrefix, node as makeNode } from '../../core/probe/instrument';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { TensorData } from '../../core/tensor';
import type { EngineJob } from '../ports';
import { encode } from './facts';
import type { Prepared } from './measure';
import { feedsOf, measuring, withSession } from './sessions';

export type Feeds = Readonly<Record<string, TensorData>>;

/** Sites with equal keys have the same rows. */
export const maskKey = ({ masks, axes, dtype, zeroRows, reason }: MaskSite): string =>
  JSON.stringify([masks.map((mask) => ({ ...mask, fill: String(mask.fill) })), axes, dtype, zeroRows, reason]);

/**
 * @param batches what is fed, one run each.
 * @returns by `maskKey`, for each batch in order; sites whose masks cannot be read are left out.
 */
export async function readMaskRows(
  job: EngineJob,
  { target }: Pick<Prepared, 'target'>,
  { model, sites }: MaskSites,
  batches: readonly Feeds[],
): Promise<ReadonlyMap<string, readonly MaskedRows[]>> {
  const distinct = new Map(sites.filter((site) => site.reason === null).map((site) => [maskKey(site), site]));
  const inspections: AnyInspection[] = [];
  const idOf = (key: string, i: number): string => `${String([...distinct.keys()].indexOf(key))}:${String(i)}`;
  const graph = new Graph(model);
  const prefix = freshPrefix(graph);
  // Graph inputs and constants are handed out through a copy: the engine wants outputs to be computed.
  const copies = new Map<string, string>();
  const handed = ({ value }: SiteMask): string => {
    if (graph.producer.has(value)) return value;
    const copy = copies.get(value) ?? `${prefix}mask_${String(copies.size)}`;
    copies.set(value, copy);
    return copy;
  };
  const wanted = new Set<string>();
  for (const [key, site] of distinct) {
    for (const [i, mask] of site.masks.entries()) {
      wanted.add(mask.value);
      const { kind, keepWhen, fill } = mask;
      inspections.push({
        id: idOf(key, i),
        inspector: 'maskLevels',
        tensors: [handed(mask)],
        params: { kind, keepWhen, fill, axes: site.axes },
      });
    }
  }
  const runs: Readonly<Record<string, unknown>>[] = [];
  if (wanted.size === 0) runs.push(...batches.map(() => ({})));
  else {
    const part = extended(extract(graph, [...wanted]), {
      nodes: [...copies].map(([value, copy]) => makeNode('Identity', [value], [copy])),
      outputs: [...wanted].map((value) => copies.get(value) ?? value),
      onlyThese: true,
    });
    await withSession(job, encode(part, target), measuring(target), async (session) => {
      for (const inputs of batches) {
        const { inspected } = await job.run({
          session: session.id,
          feeds: feedsOf(session, { inputs }),
          fetch: [],
          inspect: inspections,
        });
        runs.push(inspected);
      }
    });
  }
  return new Map(
    [...distinct].map(([key, site]) => [
      key,
      runs.map((inspected) => {
        const masks = site.masks.map(({ kind }, i) => ({ kind, levels: inspected[idOf(key, i)] as MaskLevels }));
        return composed(masks, site.axes, site.dtype);
      }),
    ]),
  );
}
