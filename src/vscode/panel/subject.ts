/** What a panel is about. */
import { z } from 'zod';

export const subjectSchema = z.discriminatedUnion('kind', [
  /** `model`: absolute path of an `.onnx` file. */
  z.strictObject({ kind: z.literal('file'), model: z.string().min(1) }),
  /** `model`: `builtin:name?option=value`. */
  z.strictObject({ kind: z.literal('built-in'), model: z.string().startsWith('builtin:') }),
  /** A saved report, or a run that was kept: nothing to run. `from`: its URI, as text; `name` where that says nothing. */
  z.strictObject({ kind: z.literal('report'), from: z.string().min(1), name: z.string().exactOptional() }),
]);
export type Subject = z.infer<typeof subjectSchema>;

/** Two subjects with the same id share one panel. */
export function subjectId(subject: Subject): string {
  return subject.kind === 'report' ? `report:${subject.from}` : subject.model;
}

/** The last part of the path; what a tab is called before the report names the model. */
export function subjectName(subject: Subject): string {
  if (subject.kind === 'built-in') {
    return subject.model.slice('builtin:'.length);
  }
  if (subject.kind === 'report' && subject.name !== undefined) {
    return subject.name;
  }
  const path = subject.kind === 'file' ? subject.model : decodeURIComponentSafely(subject.from);
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
