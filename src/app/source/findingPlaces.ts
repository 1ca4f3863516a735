/** Where the findings of a report were written in a file that is the model's source. */
import type { Examined } from '../../core/python/findings';
import { locate, namesOfPath, type LocatedNode } from '../../core/python/modules/locate';
import type { ClassesOf } from '../../core/python/modules/classes';
import { computes, writes } from '../../core/python/modules/operators';
import { everyNode, Lines, type Syntax } from '../../core/python/syntax';
import type { Mechanism } from '../../core/guide';
import type { Crossing, Finding, Origin, Report } from '../../core/report';
import { modulePath } from '../../core/trace/modules';

export type FindingPlace = Place &
  ({ readonly born: true; readonly finding: Origin } | { readonly born: false; readonly finding: Crossing });

interface Place {
  readonly node: Syntax;
  /** What is written there computes what the finding is about; else it is the module around it. */
  readonly exact: boolean;
}

/** The module that a finding is about, as its exporter or its trace told it; '' where neither did. */
export const moduleOfFinding = ({ module, node }: Finding, live: boolean): string =>
  module ?? (node === null ? '' : live ? node : modulePath(node).join('.'));

/**
 * The best place of a finding: of several, one that something is wrong with already, or that a mask has part in where
 * the finding is about one.
 *
 * @param known of the same file
 */
export function placeOfFinding(file: ClassesOf, finding: Mechanical, live: boolean, known: Known): BestPlace | null {
  const module = moduleOfFinding(finding, live);
  return module === '' ? null : bestOf(locate(file, { module, op: finding.op }), finding, known);
}

export type Mechanical = Finding & { readonly mechanism?: Mechanism };
export type Known = Pick<Examined, 'hazards' | 'landmarks'>;
/** `others`: how many may be meant as well, as far as one can tell. */
export type BestPlace = LocatedNode & { readonly others: number };

const ofMasks: ReadonlySet<Mechanism | undefined> = new Set([
  'nan-plus-minus-inf',
  'mask-overflow',
  'zero-times-inf',
  'fully-masked-row',
]);

export function bestOf(
  found: readonly LocatedNode[],
  { mechanism }: Mechanical,
  { hazards, landmarks }: Known,
): BestPlace | null {
  const masks = ofMasks.has(mechanism) ? landmarks.filter(({ kind }) => kind === 'mask') : [];
  const wrong = found.filter(({ node }) => hazards.some((hazard) => isWithin(node, hazard)));
  const masking = found.filter(({ node }) => masks.some((mask) => isWithin(mask, node)));
  const [best, ...others] = wrong.length > 0 ? wrong : masking.length > 0 ? masking : found;
  return best ? { ...best, others: others.length } : null;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

const isWithin = (inner: Range, outer: Range): boolean => outer.from <= inner.from && inner.to <= outer.to;

/**
 * Births and crossings of a report in one file: on the line that the report names, or where the classes of the file say
 * so. Layers that share a module share its place.
 *
 * @param isSource whether somebody said that the file is the source of the report's model
 */
export function findingPlaces(
  report: Report,
  { path, file, isSource }: { readonly path: string; readonly file: ClassesOf; readonly isSource: boolean },
  known: Known,
): readonly FindingPlace[] {
  const onLine = lineSearch(file);
  const live = report.engine.name === 'pytorch';
  const look = (finding: Mechanical): Place | null => {
    const named =
      finding.source?.file === path ? bestOf(onLine(finding.op, finding.source.line), finding, known) : null;
    const place = named ?? (isSource ? placeOfFinding(file, finding, live, known) : null);
    // One of several would be a guess.
    return place?.others === 0 ? { node: place.node, exact: place.exact } : null;
  };
  /** The layers of a model are written once, and looked for once. */
  const alike = new Map<string, Place | null>();
  const placeOf = (finding: Mechanical): Place | null => {
    const { op, mechanism, source } = finding;
    const names = namesOfPath(moduleOfFinding(finding, live));
    const key = JSON.stringify([source?.file === path ? source.line : null, names, op, mechanism]);
    const before = alike.get(key);
    if (before !== undefined) return before;
    const place = look(finding);
    alike.set(key, place);
    return place;
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

/** What computes an operation on a line, 1-based; none where nothing there is known to. */
function lineSearch({ tree }: ClassesOf): (op: string | null, line: number) => readonly LocatedNode[] {
  const lines = new Lines(tree.text);
  let computing: readonly Syntax[] | null = null;
  return (op, line) => {
    const isWritten = op === null ? null : writes(op);
    if (!isWritten) return [];
    computing ??= [...everyNode(tree.root)].filter(({ type }) => computes.has(type));
    const [start, end] = [lines.startOf(line - 1), lines.startOf(line)];
    return computing
      .filter(({ from, to }) => from < end && start <= to)
      .filter((node) => isWritten(tree, node))
      .map((node) => ({ node, confirmed: 0, exact: true, builtAs: [] }));
  };
}
