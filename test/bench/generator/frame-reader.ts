const HEAD = 2;
const MAX_HEAD = 10;
const LENGTH = 0x7f;
const OPCODE = 0x0f;
const NOTHING = Buffer.alloc(0);

/** What finds its frames. */
export interface FrameSink {
  /** False: payloads are skipped and every frame comes with an empty one. */
  readonly wantsPayload: boolean;
  frame(opcode: number, payload: Buffer): void;
}

/** Finds the frames in what a WebSocket server sends, and copies nothing that is only counted. */
export class FrameReader {
  private readonly head = Buffer.alloc(MAX_HEAD);
  private headLength = 0;
  private opcode = 0;
  /** Bytes of the payload that are still to come. */
  private missing = 0;
  private parts: Buffer[] = [];

  constructor(private readonly sink: FrameSink) {}

  /** The next `length` bytes of the stream; `chunk` may be used again by the caller afterwards. */
  read(chunk: Buffer, from: number, length: number): void {
    let at = from;
    if (this.missing > 0) at = this.goOn(chunk, at, length);
    else if (this.headLength > 0) at = this.splitHead(chunk, at, length);
    while (at < length) {
      const end = this.whole(chunk, at, length);
      if (end === -1) {
        this.begin(chunk, at, length);
        return;
      }
      at = end;
    }
  }

  /** Reads a frame that is in the chunk to its end; -1 when there is none. */
  private whole(chunk: Buffer, at: number, length: number): number {
    if (at + HEAD > length) return -1;
    const short = chunk.readUInt8(at + 1) & LENGTH;
    const start = at + HEAD + (short < 126 ? 0 : short === 126 ? 2 : 8);
    if (start > length) return -1;
    const end = start + sizeAt(chunk, at, short);
    if (end > length) return -1;
    const opcode = chunk.readUInt8(at) & OPCODE;
    this.sink.frame(opcode, this.sink.wantsPayload ? chunk.subarray(start, end) : NOTHING);
    return end;
  }

  /** The chunk ends within a frame. */
  private begin(chunk: Buffer, at: number, length: number): void {
    this.headLength = 0;
    this.splitHead(chunk, at, length);
  }

  private splitHead(chunk: Buffer, from: number, length: number): number {
    let at = from;
    while (at < length) {
      this.head[this.headLength] = chunk[at] ?? 0;
      this.headLength += 1;
      at += 1;
      const size = sizeIn(this.head, this.headLength);
      if (size === undefined) continue;
      this.opcode = (this.head[0] ?? 0) & OPCODE;
      this.headLength = 0;
      this.missing = size;
      if (size > 0) return this.goOn(chunk, at, length);
      this.sink.frame(this.opcode, NOTHING);
      return at;
    }
    return at;
  }

  private goOn(chunk: Buffer, at: number, length: number): number {
    const end = Math.min(at + this.missing, length);
    if (this.sink.wantsPayload) this.parts.push(Buffer.from(chunk.subarray(at, end)));
    this.missing -= end - at;
    if (this.missing === 0) {
      const payload = this.parts.length > 0 ? Buffer.concat(this.parts) : NOTHING;
      this.parts = [];
      this.sink.frame(this.opcode, payload);
    }
    return end;
  }
}

/** Size of the payload that a head announces; undefined while the head is not complete. */
function sizeIn(head: Buffer, length: number): number | undefined {
  if (length < HEAD) return undefined;
  const short = head.readUInt8(1) & LENGTH;
  const need = short < 126 ? HEAD : short === 126 ? 4 : MAX_HEAD;
  return length < need ? undefined : sizeAt(head, 0, short);
}

/** Size of the payload of the frame at `at`, whose head is complete; `short` is what its second byte says of it. */
function sizeAt(bytes: Buffer, at: number, short: number): number {
  if (short < 126) return short;
  // A frame of 4 GiB and more would be no use for counting.
  return short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
}
