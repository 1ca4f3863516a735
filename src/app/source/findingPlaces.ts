/** Where the findings of a report were written in a file that is the model's source. */
import { locate, type LocatedNode } from '../../core/python/modules/locate';
import type { ClassesOf } from '../../core/python/modules/classes';
import { writes } from '../../core/python/modules/operators';
import { everyNode, Lines, type Syntax } from '../../core/python/syntax';
import type { Crossing, Finding, Origin, Report } from '../../core/report';
import { modulePath } from '../../core/trace/modules';

export type FindingPlace = Place &
  ({ readonly born: true; readonly finding: Origin } | { readonly born: false; readonly finding: Crossing });

interface Place {
  readonly node: Syntax;
  /** What is written there computes what the finding is about; else it is the module around it. */
  readonly exact: boolean;
  /** How many more places the file has that may be meant as well. */
  readonly others: number;
}

/** The module that a finding is about, as its exporter or its trace told it; '' where neither did. */
export const moduleOfFinding = ({ module, node }: Finding, live: boolean): string =>
  module ?? (node === null ? '' : live ? node : modulePath(node).join('.'));

/**
 * The best place of a finding: of several, one that something is wrong with already.
 *
 * @param hazards places of the file that rules complain about
 */
export function placeOfFinding(
  file: ClassesOf,
  finding: Finding,
  live: boolean,
  hazards: readonly { readonly from: number; readonly to: number }[],
): BestPlace | null {
  const module = moduleOfFinding(finding, live);
  return module === '' ? null : bestOf(locate(file, { module, op: finding.op }), hazards);
}

export type BestPlace = LocatedNode & { readonly others: number };

export function bestOf(
  found: readonly LocatedNode[],
  hazards: readonly { readonly from: number; readonly to: number }[],
): BestPlace | null {
  const best = found.find(({ node }) => hazards.some(({ from, to }) => from <= node.from && node.to <= to)) ?? found[0];
  return best ? { ...best, others: found.length - 1 } : null;
}

/**
 * Births and crossings of a report in one file: on the line that the report names, or where the classes of the file say
 * so. Layers that share a module share its place.
 *
 * @param isSource whether somebody said that the file is the source of the report's model
 */
export function findingPlaces(
  report: Report,
  { path, file, isSource }: { readonly path: string; readonly file: ClassesOf; readonly isSource: boolean },
  hazards: readonly { readonly from: number; readonly to: number }[],
): readonly FindingPlace[] {
  const lines = new Lines(file.tree.text);
  const live = report.engine.name === 'pytorch';
  const placeOf = (finding: Finding): Place | null => {
    const named = finding.source?.file === path ? onLine(file, lines, finding, finding.source.line) : null;
    const place = named ?? (isSource ? placeOfFinding(file, finding, live, hazards) : null);
    return place && { node: place.node, exact: place.exact, others: place.others };
  };
  return [
    ...report.origins.flatMap((finding) => {
      const place = placeOf(finding);
      return place ? [{ ...place, finding, born: true as const }] : [];
    }),
    ...report.spread.flatMap((finding) => {
      const place = placeOf(finding);
      return place ? [{ ...place, finding, born: false as const }] : [];
    }),
  ];
}

/** What computes the finding on its line; null where nothing there is known to. */
function onLine(file: ClassesOf, lines: Lines, { op }: Finding, line: number): BestPlace | null {
  const isWritten = op === null ? null : writes(op);
  const found = isWritten
    ? [...everyNode(file.tree.root)].filter(
        (node) =>
          isWritten(file.tree, node) && lines.at(node.from).line + 1 <= line && line <= lines.at(node.to).line + 1,
      )
    : [];
  const [first] = found;
  return first ? { node: first, confirmed: 0, exact: true, builtAs: [], others: found.length - 1 } : null;
}
