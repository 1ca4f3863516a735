/** What applying a fix did, in words. */
import { commandLine } from '../app/render/command';
import { code } from '../app/render/escape';
import { visible } from '../app/render/text';
import type { ApplyResult } from '../app/useCases';

const weightsText: Readonly<Record<ApplyResult['weights'], string>> = {
  inside: 'weights inside the file',
  referenced: 'big weights are read from the original file, which must stay where it is',
  copied: 'big weights copied along',
};

export const appliedText = (applied: ApplyResult): string => sentence(applied, visible);

export const appliedMarkdown = (applied: ApplyResult): string => {
  const id = code(applied.fixId);
  return sentence(applied, code).replace(`Applied ${id}`, () => `**Applied ${id}**`);
};

export const undoHint = (applied: ApplyResult): string =>
  `To ${applied.backup === undefined ? 'remove it' : 'put the original back'}: ${visible(commandLine(['undo', applied.file]))}`;

function sentence({ fixId, edits, file, weights, backup }: ApplyResult, shown: (text: string) => string): string {
  const count = `${String(edits)} ${edits === 1 ? 'edit' : 'edits'}`;
  return backup === undefined
    ? `Applied ${shown(fixId)}: ${count}, written to ${shown(file)} (${weightsText[weights]}).`
    : `Applied ${shown(fixId)}: ${count}, in place in ${shown(file)}; the original is kept as ${shown(backup)}.`;
}
