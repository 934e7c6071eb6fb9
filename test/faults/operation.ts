import type { Json, UnifiedBody } from '../../src/protocol/unified-body';
import type { Channel } from './history';

/** One message that is to be sent, decided by the generator before anything happens. */
export interface Operation {
  readonly op: string;
  readonly channel: Channel;
  /** A service (`s1`) or the name of a client. */
  readonly sender: string;
  readonly seq: number;
  readonly audience: readonly string[];
  readonly from?: string;
  readonly ordered: boolean;
  readonly body: Partial<UnifiedBody> & { readonly content: Json };
  /** Another client of the same user, which sends the same message at the same time. */
  readonly twin?: string;
  /** False: the first answer counts, as for a caller that gives up. */
  readonly repeats: boolean;
}

/** What became of one attempt. `refused`: certainly not taken, come again; `failed`: certainly not, and for good. */
export type Attempt =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string; readonly silent?: boolean };

/** Sends one operation once. Never rejects. */
export type Send = (operation: Operation) => Promise<Attempt>;
