/** A fix as lines of PyTorch, with the modules of this model that they go into. */
import { fixSnippets, snippetText } from '../core/fix/snippets/index';
import type { FixSnippet, SnippetModules } from '../core/fix/snippets/index';
import { fixes, traps } from '../core/fix/index';
import { NanoscopeError } from '../core/errors';
import type { GraphNode } from '../core/onnx/graph';
import { modulePath } from '../core/trace/modules';
import { nodePlaces } from '../core/trace/places';
import { moduleOfNode } from '../core/trace/scopes';
import type { Diagnosis } from './diagnose';
import { runDiagnosis } from './diagnose';
import type { DiagnoseDeps, DiagnoseEvents, DiagnoseRequest } from './useCases';

export interface SnippetResult {
  readonly fixId: string;
  /** Python, to paste. */
  readonly code: string;
}

/** @throws NanoscopeError `usage`, `fix-declined`, and what a diagnosis throws where modules have to be told */
export async function fixSnippet(
  deps: DiagnoseDeps,
  request: DiagnoseRequest & { readonly fixId: string },
  events: DiagnoseEvents,
  signal?: AbortSignal,
): Promise<SnippetResult> {
  const { fixId } = request;
  const snippets = fixId.split('+').map(snippetOf);
  // What is said to a caller of the model needs no look into it.
  if (snippets.every(({ into }) => into === 'caller')) {
    return { fixId, code: snippetText(snippets, { attention: [], origin: [] }) };
  }
  const job = deps.engine.start(signal);
  const diagnosis = await runDiagnosis(job, deps, { ...request, fixes: false }, events).finally(() => job.close());
  return { fixId, code: snippetText(snippets, modulesOf(diagnosis)) };
}

function snippetOf(id: string): FixSnippet {
  const found = fixSnippets.find((snippet) => snippet.id === id);
  if (found) return found;
  const known = `Known: ${fixSnippets.map((snippet) => snippet.id).join(', ')}.`;
  if (traps.some((trap) => trap.id === id)) {
    throw new NanoscopeError('fix-declined', `“${id}” hides NaN and mends nothing; there are no lines for it.`, known);
  }
  throw new NanoscopeError(
    'usage',
    fixes.some((fix) => fix.id === id) ? `There are no lines of PyTorch for "${id}".` : `There is no fix "${id}".`,
    known,
  );
}

function modulesOf({ subject, context, report }: Diagnosis): SnippetModules {
  const { graph } = subject;
  const places = nodePlaces(graph);
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const moduleOf = (node: GraphNode | undefined, innermost: boolean): string[] => {
    if (!node) return [];
    // Where layers were told from the structure alone, names of modules are ours and not those of the source.
    const own = moduleOfNode(node) || modulePath(node.name).join('.');
    const stage = places.by === 'structure' ? '' : places.of(node).module;
    const found = innermost ? own || stage : stage || own;
    return found === '' ? [] : [found];
  };
  const distinct = (names: readonly string[]): string[] => [...new Set(names)];
  const fused = report.model.attention.map(({ node }) => byName.get(node));
  return {
    attention: distinct(
      [...context.sites.map(({ softmax }) => softmax), ...fused].flatMap((node) => moduleOf(node, false)),
    ),
    origin: distinct(report.origins.flatMap(({ node }) => moduleOf(byName.get(node ?? ''), true))),
  };
}
