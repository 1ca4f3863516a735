/** Exact figures for every row of the table, from a run that hands the tabled tensors to the inspectors. */
import type { SampleFigures } from '../../core/probe/inspect/health';
import type { AnyInspection } from '../../core/probe/inspectors';
import type { Site } from '../../core/trace/sites';
import { elementCount } from '../../core/tensor';
import type { EngineJob } from '../ports';
import { cellParams } from './cellParams';
import type { Measurement } from './measure';
import { inStages } from './staged';

/** Tensors held at once for inspection; more sites than fit are measured in several runs. */
const bytesPerRun = 256 * 1024 * 1024;

export async function siteFigures(
  job: EngineJob,
  measured: Measurement,
  sites: readonly Site[],
): Promise<Map<string, readonly SampleFigures[]>> {
  const { graph } = measured.target;
  const found = new Map<string, readonly SampleFigures[]>();
  const place = (tensor: string): number => graph.producer.get(tensor)?.index ?? -1;
  const tensors = [...new Set(sites.map((site) => site.tensor))]
    .filter((tensor) => graph.producer.has(tensor))
    // Stages follow the graph.
    .sort((a, b) => place(a) - place(b));
  const groups = inGroups(tensors, (tensor) => 4 * elementCount(measured.facts.shape(tensor) ?? []));
  await inStages(job, measured, groups, async ({ nameOf, run }, i) => {
    const group = groups[i] ?? [];
    const inspect = group.flatMap((tensor): AnyInspection[] => {
      const axes = measured.axes.of(tensor);
      if (!axes) return [];
      return [{ id: tensor, inspector: 'health', tensors: [nameOf(tensor)], params: cellParams(measured, axes) }];
    });
    const outputs = group.filter((tensor) => nameOf(tensor) === tensor);
    const { inspected } = await run({ outputs }, { fetch: [], inspect });
    for (const tensor of group) {
      const figures = inspected[tensor];
      if (Array.isArray(figures)) found.set(tensor, figures as readonly SampleFigures[]);
    }
  });
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
