/** What the editor's own language features show of tensors while a Python program is stopped. */
import * as vscode from 'vscode';
import { hoverCard, inlineText } from '../../app/live/card';
import type { TensorWatch } from '../../app/live/tensorWatch';
import { expressionAt, namesIn, type Expression } from '../../core/live/expression';
import { conditionOf, type LiveTensor } from '../../core/live/tensor';

/** Tensors with NaN whose positions are read for line ends; the others show how many elements. */
const mostDetails = 8;
/** What the editor asks and what it says of the frame may come in either order. */
const patienceMs = 1000;
const python: vscode.DocumentSelector = { language: 'python' };

export function registerLanguage(watch: TensorWatch, log: (what: string, error: unknown) => void): vscode.Disposable {
  /** Nothing is shown for what cannot be read: the panel says why, and a hover must not nag. */
  const quietly = async <T>(what: string, work: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      log(what, error);
      return undefined;
    }
  };
  return vscode.Disposable.from(
    vscode.languages.registerEvaluatableExpressionProvider(python, {
      // Without an expression the debugger shows no hover of its own, so that ours can be seen.
      provideEvaluatableExpression: async (document, position) => {
        const found = under(document, position);
        if (!found) return undefined;
        const tensor = await quietly('Hover', async () => isTensor(watch, found));
        return tensor === true
          ? undefined
          : new vscode.EvaluatableExpression(rangeOf(position.line, found), found.text);
      },
    }),
    vscode.languages.registerHoverProvider(python, {
      provideHover: async (document, position) =>
        quietly('Hover', async () => {
          const found = under(document, position);
          if (!found || !(await isTensor(watch, found))) return undefined;
          const detail = await watch.detail(found.text);
          return detail
            ? new vscode.Hover(new vscode.MarkdownString(hoverCard(found.text, detail)), rangeOf(position.line, found))
            : undefined;
        }),
    }),
    vscode.languages.registerInlineValuesProvider(python, {
      provideInlineValues: async (document, range, { frameId, stoppedLocation }) =>
        quietly('Inline values', async () =>
          (await watch.lookingAt(frameId, patienceMs))
            ? inlineValues(watch, document, range, stoppedLocation.end.line)
            : undefined,
        ),
    }),
  );
}

const under = (document: vscode.TextDocument, { line, character }: vscode.Position): Expression | null =>
  expressionAt(document.lineAt(line).text, character);

const rangeOf = (line: number, { from, to }: Expression): vscode.Range => new vscode.Range(line, from, line, to);

/** Whether the expression is a tensor of the frame, or a part of one; decided from what was read, without evaluating. */
async function isTensor(watch: TensorWatch, { text }: Expression): Promise<boolean> {
  const scope = await watch.scope();
  const plain = text.replace(/\s/gu, '');
  return scope?.tensors.some(({ path }) => path !== null && (plain === path || plain.startsWith(`${path}[`))) === true;
}

async function inlineValues(
  watch: TensorWatch,
  document: vscode.TextDocument,
  range: vscode.Range,
  stoppedLine: number,
): Promise<vscode.InlineValue[]> {
  const scope = await watch.scope();
  if (!scope) return [];
  const locals = new Map<string, LiveTensor>(
    scope.tensors.flatMap((tensor) =>
      tensor.path !== null && tensor.origin === 'local' ? [[tensor.path, tensor]] : [],
    ),
  );
  const sick = [...locals.values()].filter((tensor) => conditionOf(tensor) === 'nan').slice(0, mostDetails);
  const details = new Map(
    await Promise.all(sick.map(async ({ path }) => [path, path === null ? null : await watch.detail(path)] as const)),
  );
  const values: vscode.InlineValue[] = [];
  // Lines below have not run yet: what stands there is of the turn before.
  for (let line = range.start.line; line <= Math.min(range.end.line, stoppedLine); line += 1) {
    for (const [name, place] of namesIn(document.lineAt(line).text)) {
      const tensor = locals.get(name);
      if (tensor) {
        const text = inlineText(name, tensor, details.get(name) ?? null);
        values.push(new vscode.InlineValueText(rangeOf(line, place), text));
      }
    }
  }
  return values;
}
