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
      const parts = [Buffer.from(text.slice(0, 100)), Buffer.from(text.slice(100))];
      expect(read(textFrame(text))).toEqual([text]);
      const frame = Buffer.concat(new TextFrameEncoder().encode(parts));
      expect(read(frame)).toEqual([text]);
      expect(new TextFrameEncoder().text(frame)).toBe(text);
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
