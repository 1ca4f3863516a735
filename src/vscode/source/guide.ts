/** The field guide as documents of the editor: where the link of a problem leads. */
import * as vscode from 'vscode';
import { renderGuideMarkdown } from '../../app/render/guide';
import { isMechanism, type Mechanism } from '../../core/guide';

const scheme = 'nanoscope-guide';

export const guideUri = (mechanism: Mechanism): vscode.Uri => vscode.Uri.from({ scheme, path: `/${mechanism}.md` });

export const registerGuide = (): vscode.Disposable =>
  vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: ({ path }) => {
      const mechanism = path.replace(/^\/|\.md$/g, '');
      return isMechanism(mechanism) ? renderGuideMarkdown(mechanism) : '';
    },
  });
