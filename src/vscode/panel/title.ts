/** What a panel's tab is called. */
import { plainText } from '../plainText';
import type { SessionRecord } from './sessionParts';
import { subjectName } from './subject';

export function panelTitle(modelName: string): string {
  return `NaNoscope: ${plainText(modelName.replace(/^builtin:/, ''), 60)}`;
}

/**
 * Every title that the tab of a recorded panel may have: the record is written at rest, while a tab is named anew as
 * soon as a run reads another file.
 */
export function titlesOf({ subject, report, stack }: SessionRecord): ReadonlySet<string> {
  const files = stack.map(({ file }) => file.split(/[\\/]/).at(-1) ?? file);
  const named = [subjectName(subject), ...(report ? [report.model.name] : []), ...files].map(panelTitle);
  // The tab of an editor is called as its file, whatever the panel says.
  return new Set(subject.kind === 'file' ? [...named, subjectName(subject)] : named);
}
