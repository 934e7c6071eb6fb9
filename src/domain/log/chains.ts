import { Heads } from './heads';
import type { Segment } from './segment';
import type { Segments } from './segments';

/**
 * The unicasts of each recipient, linked from newer to older ones. Which is the newest is found by hash and proved by the
 * name in its frame.
 */
export class Chains {
  private readonly heads: Heads;

  constructor(
    private readonly segments: Segments,
    slots: number,
  ) {
    this.heads = new Heads(slots);
  }

  get bytes(): number {
    return this.heads.bytes;
  }

  /** Sequence numbers of the unicasts to a recipient with offsets above `after`, newest first. */
  of(hash: number, recipient: string, after: number): number[] {
    const seqs: number[] = [];
    let seq = this.find(hash, recipient).head;
    for (;;) {
      const segment = this.segments.withSeq(seq);
      if (segment === undefined) return seqs;
      const i = seq - segment.firstSeq;
      if (!segment.isAfter(after) && segment.offset(i) <= after) return seqs;
      seqs.push(seq);
      const back = segment.back(i);
      if (back === 0) return seqs;
      seq -= back;
    }
  }

  /** The newest entry of a recipient, taken out of its bucket, since a newer one is about to come; -1 when there is none. */
  takeHead(hash: number, recipient: string): number {
    const { head, before } = this.find(hash, recipient);
    const segment = this.segments.withSeq(head);
    if (segment === undefined) return -1;
    const i = head - segment.firstSeq;
    segment.setHead(i, false);
    const link = segment.links.chains[i] ?? 0;
    const next = link === 0 ? -1 : head - link;
    const previous = this.segments.withSeq(before);
    if (previous === undefined) this.heads.set(hash, next);
    else previous.links.chains[before - previous.firstSeq] = this.segments.distance(before, next);
    return head;
  }

  /** The entry is the newest one of its recipient. */
  link(segment: Segment, i: number): void {
    segment.setHead(i, true);
    const hash = segment.links.chainHashes[i] ?? 0;
    const seq = segment.firstSeq + i;
    segment.links.chains[i] = this.segments.distance(seq, this.heads.get(hash));
    this.heads.set(hash, seq);
  }

  /** The newest entry of a recipient, and the entry before it in the bucket, which begins with the newest head. */
  private find(hash: number, recipient: string): { head: number; before: number } {
    let before = -1;
    let seq = this.heads.get(hash);
    for (;;) {
      const segment = this.segments.withSeq(seq);
      if (segment === undefined) return { head: -1, before };
      const i = seq - segment.firstSeq;
      if (segment.links.chainHashes[i] === hash && segment.isTo(i, recipient))
        return { head: seq, before };
      before = seq;
      const link = segment.links.chains[i] ?? 0;
      if (link === 0) return { head: -1, before };
      seq -= link;
    }
  }
}
