import type { Excuse } from './history';

/** A fault that can be made and mended. */
export interface Nemesis {
  readonly name: string;
  /** What it excuses while it lasts. */
  readonly allows: readonly Excuse[];
  /** The one gateway that it hits: connections of others have no excuse to end. Undefined: it may hit all. */
  readonly gateway?: string;
  /** Begins the fault; resolves to the proof that it is felt, rejects when it cannot be made. */
  start(): Promise<string>;
  /** Ends the fault; resolves when what was broken can be reached again. */
  stop(): Promise<void>;
  /** Puts everything right, in whatever state it is; always called at the end. */
  heal(): Promise<void>;
}
