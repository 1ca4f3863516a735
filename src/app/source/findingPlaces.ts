/** Where the findings of a report were written in a file that is the model's source. */
import type { Examined } from '../../core/python/findings';
import { locate, type LocatedNode } from '../../core/python/modules/locate';
import type { ClassesOf } from '../../core/python/modules/classes';
import { writes } from '../../core/python/modules/operators';
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
  const lines = new Lines(file.tree.text);
  const live = report.engine.name === 'pytorch';
  const placeOf = (finding: Mechanical): Place | null => {
    const named = finding.source?.file === path ? onLine(file, lines, finding, finding.source.line, known) : null;
    const place = named ?? (isSource ? placeOfFinding(file, finding, live, known) : null);
    // One of several would be a guess.
    return place?.others === 0 ? { node: place.node, exact: place.exact } : null;
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
function onLine(file: ClassesOf, lines: Lines, finding: Mechanical, line: number, known: Known): BestPlace | null {
  const isWritten = finding.op === null ? null : writes(finding.op);
  if (!isWritten) return null;
  const found = [...everyNode(file.tree.root)].filter(
    (node) => isWritten(file.tree, node) && lines.at(node.from).line + 1 <= line && line <= lines.at(node.to).line + 1,
  );
  return bestOf(
    found.map((node) => ({ node, confirmed: 0, exact: true, builtAs: [] })),
    finding,
    known,
  );
}
