import { FrameReader } from '../../bench/generator/frame-reader';

const TEXT = 1;
const PING = 9;
const SIZES = [0, 1, 125, 126, 300, 65_535, 65_536, 70_000];

/** A frame as a server sends it (RFC 6455, 5.2). */
function frameOf(payload: Buffer, opcode = TEXT): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** What a reader finds when the stream comes in chunks of this size, all in one buffer that is used again. */
function framesIn(stream: Buffer, chunkSize: number, wantsPayload = true) {
  const found: { opcode: number; text: string }[] = [];
  const reader = new FrameReader({
    wantsPayload,
    frame: (opcode, payload) => found.push({ opcode, text: payload.toString() }),
  });
  const buffer = Buffer.alloc(chunkSize);
  for (let at = 0; at < stream.length; at += chunkSize) {
    const length = stream.copy(buffer, 0, at, at + chunkSize);
    reader.read(buffer, 0, length);
  }
  return found;
}

describe('FrameReader of the bench', () => {
  const payloads = SIZES.map((size, i) => String(i).repeat(size));
  const stream = Buffer.concat(payloads.map((text) => frameOf(Buffer.from(text))));

  it.each([1, 2, 3, 7, 11, 1000, 65_536, 1_000_000])(
    'finds every frame and its payload in chunks of %i bytes',
    (chunkSize) => {
      expect(framesIn(stream, chunkSize)).toEqual(payloads.map((text) => ({ opcode: TEXT, text })));
    },
  );

  it('counts the same frames without their payloads', () => {
    expect(framesIn(stream, 997, false)).toEqual(payloads.map(() => ({ opcode: TEXT, text: '' })));
  });

  it('tells control frames from text', () => {
    const mixed = Buffer.concat([frameOf(Buffer.alloc(0), PING), frameOf(Buffer.from('a'))]);
    expect(framesIn(mixed, 3).map(({ opcode }) => opcode)).toEqual([PING, TEXT]);
  });
});
