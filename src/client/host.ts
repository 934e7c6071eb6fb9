import type { SocketLike, StorageLike } from './types';

type Listen = (name: string, listener: (event: { readonly type: string }) => void) => void;

interface Globals {
  readonly addEventListener?: Listen;
  readonly removeEventListener?: Listen;
  readonly document?: {
    readonly visibilityState: string;
    readonly addEventListener: Listen;
    readonly removeEventListener: Listen;
  };
  readonly localStorage?: StorageLike;
  readonly sessionStorage?: StorageLike;
  readonly navigator?: {
    readonly locks?: {
      request(
        name: string,
        options: { signal: AbortSignal },
        hold: () => Promise<unknown> | undefined,
      ): Promise<unknown>;
    };
  };
  readonly WebSocket?: new (url: string, protocol: string) => SocketLike;
  readonly reportError?: (error: unknown) => void;
  readonly crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };
}

/** What the page, the webview or Node has, read when it is needed. */
export const globals = globalThis as unknown as Globals;

/** What the SDK uses of the page, the webview or Node, each where it is there. */
export const host = {
  /** 128 random bits as hex; `crypto.randomUUID` is not there on pages without TLS. */
  newId(): string {
    const bytes = globals.crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  },

  openSocket(url: string, protocol: string): SocketLike {
    if (globals.WebSocket === undefined)
      throw new Error('no global WebSocket: give connect() the option `socket`');
    return new globals.WebSocket(url, protocol);
  },

  /** For errors that nobody listens to: what the page does with uncaught ones. */
  report(error: unknown): void {
    if (globals.reportError !== undefined) globals.reportError(error);
    // eslint-disable-next-line no-console -- Node has no reportError, and throwing would end the process.
    else console.error(error);
  },

  /** Tells when the page comes back (network, visibility, back/forward cache) and when it may go for good. */
  watch(onReturn: (event: { readonly type: string }) => void, onLeave: () => void): () => void {
    const onVisibility = (event: { readonly type: string }): void => {
      if (globals.document?.visibilityState === 'visible') onReturn(event);
      else onLeave();
    };
    const { addEventListener, removeEventListener, document } = globals;
    const all = [
      ['online', onReturn],
      ['pageshow', onReturn],
      ['pagehide', onLeave],
    ] as const;
    for (const [name, listener] of all) addEventListener?.call(globalThis, name, listener);
    document?.addEventListener('visibilitychange', onVisibility);
    return () => {
      for (const [name, listener] of all) removeEventListener?.call(globalThis, name, listener);
      document?.removeEventListener('visibilitychange', onVisibility);
    };
  },
};
