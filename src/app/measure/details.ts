/** Exact figures for every row of the table, from a run that hands the tabled tensors to the inspectors. */
import type { SampleFigures } from '../../core/probe/inspect/health';
import { extended, extract } from '../../core/probe/instrument';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { Site } from '../../core/trace/sites';
import { elementCount } from '../../core/tensor';
import type { EngineJob } from '../ports';
import { cellParams } from './cellParams';
import { encode } from './facts';
import type { Measurement } from './measure';
import { runOnce } from './sessions';

/** Tensors held at once for inspection; more sites than fit are measured in several runs. */
const bytesPerRun = 256 * 1024 * 1024;

export async function siteFigures(
  job: EngineJob,
  measured: Measurement,
  sites: readonly Site[],
): Promise<Map<string, readonly SampleFigures[]>> {
  const { graph } = measured.target;
  const found = new Map<string, readonly SampleFigures[]>();
  const tensors = [...new Set(sites.map((site) => site.tensor))].filter((tensor) => graph.producer.has(tensor));
  for (const group of inGroups(tensors, (tensor) => 4 * elementCount(measured.facts.shape(tensor) ?? []))) {
    const inspect = group.flatMap((tensor): AnyInspection[] => {
      const axes = measured.axes.of(tensor);
      if (!axes) return [];
      return [{ id: tensor, inspector: 'health', tensors: [tensor], params: cellParams(measured, axes) }];
    });
    const model = extended(extract(graph, group), { outputs: group, onlyThese: true });
    const run = await runOnce(job, measured.target, encode(model, measured.target), { fetch: [], inspect });
    for (const tensor of group) {
      const figures = run.inspected[tensor];
      if (Array.isArray(figures)) found.set(tensor, figures as readonly SampleFigures[]);
    }
  }
  return found;
}

function inGroups(tensors: readonly string[], bytesOf: (tensor: string) => number): string[][] {
  const groups: string[][] = [];
  let bytes = Infinity;
  for (const tensor of tensors) {
    const size = bytesOf(tensor);
    if (bytes + size > bytesPerRun) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(tensor);
    bytes += size;
  }
  return groups;
}
