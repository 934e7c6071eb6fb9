import type { Writable } from 'node:stream';

import * as ws from 'ws';

import { TextFrameEncoder, textFrame } from '../../../src/interface/websocket/text-frame';
import { welcomeText } from '../../../src/interface/websocket/welcome-text';
import type { WelcomeFrame } from '../../../src/protocol/frames';

/** The parser of `ws`, which its types do not know. */
const { Receiver } = ws as unknown as {
  readonly Receiver: new (options: { readonly isServer: boolean }) => Writable;
};

/** What the other side reads of a frame. */
function read(frame: Uint8Array): readonly string[] {
  const receiver = new Receiver({ isServer: false });
  const texts: string[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    texts.push(isBinary ? 'binary' : data.toString());
  });
  receiver.write(frame);
  return texts;
}

describe('a text frame', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
    'of %d bytes is read as it was written',
    (length) => {
      const text = 'x'.repeat(length);
      expect(read(textFrame(text))).toEqual([text]);
      expect(new TextFrameEncoder().text(textFrame(text))).toBe(text);
    },
  );

  it.each([20, 125, 126, 127, 65_535, 65_536, 70_000])(
    'of %d bytes is written as an object with another ending, at its place and nowhere else',
    (length) => {
      const encoder = new TextFrameEncoder();
      const ending = [',"b":"', 'y', '"}'];
      const start = '{"a":"二';
      const open = start.padEnd(length - 3 - ending.join('').length, 'x');
      const frame = encoder.encode(Buffer.from(`${open}"}`), ending);
      const memory = Buffer.alloc(frame.size + 20, 7);
      frame.write(memory, 10);
      const written = memory.subarray(10, -10);
      const text = `${open}"${ending.join('')}`;
      expect(Buffer.byteLength(text)).toBe(length);
      expect(read(written)).toEqual([text]);
      expect(encoder.text(written)).toBe(text);
      for (const around of [memory.subarray(0, 10), memory.subarray(-10)])
        expect(around).toEqual(Buffer.alloc(10, 7));
    },
  );

  it('counts bytes, not characters', () => {
    const text = '二维码'.repeat(30);
    expect(read(textFrame(text))).toEqual([text]);
  });
});

describe('the text of a welcome', () => {
  const welcome: WelcomeFrame = {
    op: 'welcome',
    connectionId: '01980e4c-aaaa-7000-8000-000000000000',
    uniqueId: 'user-1',
    clientType: 'H5',
    cursor: '12.001-1700000000000',
    resumed: true,
    heartbeat: 30_000,
    limits: { maxPayload: 65_536, maxDepth: 32, repeatWithin: 300_000 },
    reconnectToken: 'a.b-c_d.e',
    sessionEnds: 1_790_000_000_000,
  };

  it('is the frame as JSON, in the same order', () => {
    expect(welcomeText(welcome)).toBe(JSON.stringify(welcome));
  });

  it('escapes the names that clients have', () => {
    const names = { uniqueId: '"},"op":"bye\\\n二', clientType: '\u2028"' };
    expect(JSON.parse(welcomeText({ ...welcome, ...names }))).toEqual({ ...welcome, ...names });
  });
});
