/** The panel's page: a frame for the bundled script. It never holds data; that comes as messages, as text. */

export interface PageParts {
  /** URIs as the webview sees them. */
  readonly script: string;
  readonly style: string;
  readonly cspSource: string;
  /** Fresh for every page. */
  readonly nonce: string;
  readonly language: string;
  readonly title: string;
}

/**
 * `style-src` has no `'unsafe-inline'` and `script-src` nothing but the nonce: a name out of a hostile model that
 * slipped into markup could neither run nor style anything.
 */
export function panelPage(parts: PageParts): string {
  const policy = [
    `default-src 'none'`,
    `script-src 'nonce-${parts.nonce}'`,
    `style-src ${parts.cspSource}`,
    `font-src ${parts.cspSource}`,
    `img-src ${parts.cspSource}`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="${attribute(parts.language)}">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${attribute(policy)}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${attribute(parts.title)}</title>
    <link rel="stylesheet" href="${attribute(parts.style)}" />
  </head>
  <body>
    <script type="module" nonce="${attribute(parts.nonce)}" src="${attribute(parts.script)}"></script>
  </body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function attribute(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
