/** The other side of the page: VS Code's message channel and the store that outlives the page. */

export interface Host<Message> {
  post(message: Message): void;
  /** What `keep` kept, in this page or in one before it; not validated. */
  kept(): unknown;
  keep(value: unknown): void;
}

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** May be called once per page: VS Code hands its channel out once. */
export function connectHost<Message>(): Host<Message> {
  const api = acquireVsCodeApi();
  return {
    post: (message) => {
      api.postMessage(message);
    },
    kept: () => api.getState(),
    keep: (value) => {
      api.setState(value);
    },
  };
}
