/** *Scan for NaN…*: which stored arrays hold NaN; from the Explorer, of files and folders, or from the palette. */
import * as vscode from 'vscode';
import { markdownScan } from '../../app/render/scan/markdown';
import { NanoscopeError } from '../../core/errors';
import { storedFormats, type ScanResult } from '../../core/scan/types';
import { cancellable } from '../cancellable';
import { requireTrustFor } from '../log';
import { plainText } from '../plainText';
import type { Pages } from '../pages';
import type { Scans } from '../scans';

/** More than that is a search, not a choice. */
const offeredFiles = 200;

/**
 * @param resource a file or folder; asks when absent
 * @param selected everything that was selected in the Explorer
 * @returns what is shown; `undefined` when dismissed or cancelled
 */
export async function scanFiles(
  scans: Scans,
  pages: Pages,
  resource?: unknown,
  selected?: unknown,
): Promise<ScanResult | undefined> {
  requireTrustFor(
    vscode.l10n.t('NaNoscope scans no files in an untrusted workspace.'),
    vscode.l10n.t('Trust the workspace to scan its files.'),
  );
  const uris = given(resource, selected) ?? (await ask());
  const [first] = uris;
  if (first === undefined) return undefined;
  uris.forEach(requireDisk);
  const result = await cancellable(vscode.l10n.t('NaNoscope'), (onProgress, signal) =>
    scans.run(uris, onProgress, signal),
  );
  if (result !== undefined)
    await pages.show(markdownScan(result), vscode.l10n.t('Scan of {0}', titleOf(first, uris.length)));
  return result;
}

function given(resource: unknown, selected: unknown): readonly vscode.Uri[] | null {
  const uris = Array.isArray(selected) ? selected.filter((one) => one instanceof vscode.Uri) : [];
  // The menu of something that is not part of the selection is about that alone.
  const isSelected = uris.some((uri) => uri.toString() === String(resource));
  if (uris.length > 1 && isSelected) return uris;
  return resource instanceof vscode.Uri ? [resource] : null;
}

/** @throws NanoscopeError `usage` for a file that is on no disk */
function requireDisk(uri: vscode.Uri): void {
  if (uri.scheme !== 'file')
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('{0} is not on a disk that NaNoscope can read.', plainText(uri.toString(true), 200)),
      vscode.l10n.t('Save the files to a local folder and scan them there.'),
    );
}

const titleOf = (first: vscode.Uri, count: number): string => {
  const name = first.path.split('/').filter(Boolean).at(-1) ?? first.path;
  return count === 1 ? name : vscode.l10n.t('{0} and {1} more', name, String(count - 1));
};

async function ask(): Promise<readonly vscode.Uri[]> {
  const found = await vscode.workspace.findFiles(
    `**/*.{${storedFormats.join(',')}}`,
    '**/node_modules/**',
    offeredFiles,
  );
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri, name }) => ({
    label: `$(folder) ${plainText(name, 100)}`,
    description: vscode.l10n.t('everything in it'),
    choose: () => Promise.resolve([uri]),
  }));
  const files = found
    .map((uri) => ({ uri, path: vscode.workspace.asRelativePath(uri) }))
    .sort((a, b) => a.path.localeCompare(b.path))
    .map(({ uri, path }) => ({ label: plainText(path, 200), choose: () => Promise.resolve([uri]) }));
  const elsewhere = [
    { label: vscode.l10n.t('Browse…'), choose: () => browse('files') },
    { label: vscode.l10n.t('Browse for a folder…'), choose: () => browse('folder') },
  ];
  const chosen = await vscode.window.showQuickPick([...(files.length > 0 ? folders : []), ...files, ...elsewhere], {
    title: vscode.l10n.t('Scan for NaN'),
    placeHolder: vscode.l10n.t('Which stored arrays?'),
  });
  return (await chosen?.choose()) ?? [];
}

async function browse(what: 'files' | 'folder'): Promise<readonly vscode.Uri[]> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Scan for NaN'),
    openLabel: vscode.l10n.t('Scan'),
    canSelectMany: true,
    canSelectFiles: what === 'files',
    canSelectFolders: what === 'folder',
    ...(what === 'files' ? { filters: { [vscode.l10n.t('Stored arrays')]: [...storedFormats] } } : {}),
    ...(folder ? { defaultUri: folder } : {}),
  });
  return chosen ?? [];
}
