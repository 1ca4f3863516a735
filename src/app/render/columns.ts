/** Columns of a table in a terminal: measured, cut into blocks that fit its width, joined line by line. */
import { displayWidth } from './text';

export const stageGap = 2;
const sampleGap = 4;

/** Text beside its painted form, since paint takes no columns. */
export interface Piece {
  readonly text: string;
  readonly painted: string;
}
export interface Column {
  readonly header: Piece;
  /** By line; null for folded lines. */
  readonly cells: readonly (Piece | null)[];
  readonly width: number;
}
export interface JoinedLine {
  readonly painted: string;
  readonly trimmed: string;
  readonly width: number;
}

export const nothing: Piece = { text: '', painted: '' };

/** At least one sample per block, however narrow the terminal is. */
export function cutIntoBlocks<C extends Column>(columns: readonly C[], room: number): C[][] {
  const blocks: C[][] = [];
  let used = 0;
  for (const column of columns) {
    const block = blocks.at(-1);
    if (block === undefined || used + sampleGap + column.width > room) {
      blocks.push([column]);
      used = column.width;
    } else {
      block.push(column);
      used += sampleGap + column.width;
    }
  }
  return blocks.length === 0 ? [[]] : blocks;
}

export function joinLine<C extends Column>(stage: string, block: readonly C[], pick: (column: C) => Piece): JoinedLine {
  const gap = ' '.repeat(sampleGap);
  const cells = block.map((column) => {
    const piece = pick(column);
    return { painted: piece.painted, fill: ' '.repeat(column.width - displayWidth(piece.text)) };
  });
  const painted = `${stage}${' '.repeat(stageGap)}${cells.map((cell) => cell.painted + cell.fill).join(gap)}`;
  const lastFilled = cells.findLastIndex((cell) => cell.painted !== '');
  const trimmed =
    lastFilled < 0
      ? stage.trimEnd()
      : `${stage}${' '.repeat(stageGap)}${cells
          .slice(0, lastFilled + 1)
          .map((cell, i) => cell.painted + (i === lastFilled ? '' : cell.fill))
          .join(gap)}`;
  const width =
    displayWidth(stage) + stageGap + block.reduce((sum, column) => sum + column.width + sampleGap, -sampleGap);
  return { painted, trimmed, width };
}
