/** What fixes wrote and can be taken back, oldest first: copies, and changes in place. */
import type { ApplyResult } from '../../app/useCases';
import type { Report } from '../../core/report';
import type { AppliedFix } from '../../protocol/panel';
import type { Written } from './sessionParts';

export class WrittenFixes {
  constructor(
    private stack: readonly Written[],
    private readonly shownPath: (path: string) => string,
  ) {}

  get record(): readonly Written[] {
    return this.stack;
  }

  /** The last one, which is what is diagnosed now. */
  get top(): Written | null {
    return this.stack.at(-1) ?? null;
  }

  get files(): readonly string[] {
    return this.stack.map(({ file }) => file);
  }

  /** For the page. */
  get applied(): AppliedFix | null {
    const { top } = this;
    if (top === null) return null;
    const { fixId, file, weights, backup, measured } = top;
    return {
      fixId,
      file: this.shownPath(file),
      weights,
      ...(backup === null ? {} : { backup: this.shownPath(backup) }),
      measured,
    };
  }

  /** @param before the report that the fix was chosen from; `null` where it was applied elsewhere */
  push({ fixId, file, weights, backup }: Omit<ApplyResult, 'edits'>, before: Report | null): void {
    this.stack = [...this.stack, { fixId, file, weights, backup: backup ?? null, before, measured: false }];
  }

  pop(): void {
    this.stack = this.stack.slice(0, -1);
  }

  /** It has been diagnosed; of no interest once something else was written. */
  measured(what: Written | null): void {
    const { top } = this;
    if (top !== null && top === what) this.stack = [...this.stack.slice(0, -1), { ...top, measured: true }];
  }
}
