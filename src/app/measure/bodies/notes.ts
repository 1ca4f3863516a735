/** What a reader of the report must know of bodies and local functions: which were opened, which not, and why. */
import type { Inlined } from '../../../core/onnx/inline';
import type { Graph } from '../../../core/onnx/graph';
import type { InsideFrame } from '../../../core/report';

const plural = (count: number, one: string, many: string): string => `${String(count)} ${count === 1 ? one : many}`;

/** Names of a list, the first few. */
const some = (names: readonly string[], most = 3): string =>
  names.slice(0, most).join(', ') + (names.length > most ? `, … (${String(names.length)} in all)` : '');

/**
 * @param graph as it was measured.
 * @param opened names of the nodes whose bodies were opened where NaN came out.
 * @param branches where the nodes of branches that ran came from.
 */
export function bodyNotes(
  graph: Graph,
  inlined: Inlined,
  opened: readonly string[],
  branches: readonly { readonly frames: readonly InsideFrame[] }[] = [],
): string[] {
  const notes: string[] = [];
  if (inlined.calls > 0) {
    notes.push(
      `${plural(inlined.calls, 'call of a local function was', 'calls of local functions were')} replaced by what they call ` +
        `(${some(inlined.functions)}): nodes inside are named call/node.`,
    );
  }
  for (const [reason, calls] of byReason(inlined)) {
    notes.push(
      `${plural(calls.length, 'call', 'calls')} of local functions (${some([...new Set(calls)])}) stayed closed because ` +
        `${reason}: a NaN born inside is reported at the call.`,
    );
  }
  const taken = new Map(
    branches.flatMap(({ frames }) => frames.map(({ node, body }) => [node, `${node} (${body})`] as const)),
  );
  if (taken.size > 0) {
    notes.push(
      `${plural(taken.size, 'If was', 'Ifs were')} measured with the branch that ran on this batch in its place: ` +
        `${some([...taken.values()])}; nodes inside are named if/branch/node.`,
    );
  }
  const bodies = graph.nodes.filter((node) =>
    node.proto.attribute.some((entry) => entry.g !== undefined || entry.graphs.length > 0),
  );
  if (bodies.length > 0) {
    const which = `${plural(bodies.length, 'node', 'nodes')} with a body (${[...new Set(bodies.map((node) => node.op))].join(', ')})`;
    const looked =
      opened.length === 0
        ? 'no NaN came out of there, so none was opened, and what may be born and removed inside was not seen'
        : `NaN came out of ${some(opened)}, so ${opened.length === 1 ? 'its body was' : 'their bodies were'} opened and run piece by piece`;
    notes.push(`${which} ${bodies.length === 1 ? 'is' : 'are'} measured at the boundary; ${looked}.`);
  }
  return notes;
}

function byReason({ kept }: Inlined): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  for (const call of kept) reasons.set(call.reason, [...(reasons.get(call.reason) ?? []), call.function]);
  return reasons;
}
