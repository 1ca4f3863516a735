/** Fixes as PyTorch, and the text that a person pastes. */
import { batchSnippets } from './batchSnippets';
import { maskSnippets } from './maskSnippets';
import { numberSnippets } from './numberSnippets';
import { paddingSnippets } from './paddingSnippets';
import type { FixSnippet } from './types';

export type { FixSnippet } from './types';

export const fixSnippets: readonly FixSnippet[] = [
  ...maskSnippets,
  ...paddingSnippets,
  ...numberSnippets,
  ...batchSnippets,
];

/** Module paths of the model, as the source has them; empty where the file tells none. */
export interface SnippetModules {
  readonly attention: readonly string[];
  readonly origin: readonly string[];
}

/**
 * Python that runs as it stands: comments say where the calls go.
 * @param snippets in the order in which they are applied
 */
export function snippetText(snippets: readonly FixSnippet[], modules: SnippetModules): string {
  // Two fixes may share a function.
  const functions = new Set(snippets.map(({ code }) => code.trimEnd()));
  const heads = snippets.map((snippet) => headOf(snippet, modules));
  return `${heads.join('\n#\n')}\nimport torch\n\n\n${[...functions].join('\n\n\n')}\n`;
}

function headOf(snippet: FixSnippet, modules: SnippetModules): string {
  const { id, title, where, use, note, into } = snippet;
  const inside = into === 'caller' ? '' : `${modulesText(modules[into], into)}, `;
  return comment(
    [
      `NaNoscope: ${title} (${id})`,
      `Where: ${inside}${where}:`,
      ...use.split('\n').map((line) => `    ${line}`),
      ...(note === undefined ? [] : [`Note: ${note}`]),
    ].join('\n'),
  );
}

/** Names come from a file that nobody has vouched for: nothing of them may leave its line of comment. */
const comment = (text: string): string =>
  text
    .split('\n')
    .map((line) => `# ${line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?')}`)
    .join('\n');

/** Modules beyond which the rest is counted. */
const mostModules = 3;

function modulesText(modules: readonly string[], into: 'attention' | 'origin'): string {
  const oneLine = modules.map((name) => name.replace(/[\r\n]/g, '?'));
  if (oneLine.length === 0) {
    return into === 'attention'
      ? 'in the forward of each attention module'
      : 'in the forward of the module where NaN is born';
  }
  const last = oneLine.at(-1) ?? '';
  const named =
    oneLine.length <= mostModules
      ? oneLine.join(', ')
      : `${oneLine.slice(0, mostModules - 1).join(', ')}, … ${last} (${String(oneLine.length)} modules)`;
  return `in the forward of ${named}`;
}
