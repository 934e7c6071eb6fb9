import type { Bench } from '../bench';
import type { Measurement } from '../measurement';
import type { Peer } from '../peers/peer';

/** A row's name and what was measured. */
export type Row = Omit<Measurement, 'section' | 'peer'>;

/** Something that is measured at several peers. */
export interface Scenario<P extends Peer = Peer> {
  /** Of its table. */
  readonly section: string;
  readonly title: string;
  /** Heading of the rate. */
  readonly unit: string;
  /** The peer that ratios are taken to; empty = no ratios. */
  readonly base: string;
  readonly peers: readonly P[];
  /** Measures one peer once. */
  run(bench: Bench, peer: P): Promise<readonly Row[]>;
}
