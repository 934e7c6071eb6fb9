import { checkBody } from '../../../src/domain/message/body-rules';
import { bodyBytes } from '../../../src/infrastructure/rabbitmq/foreign-body';
import { Random } from '../../faults/random';

const ADDRESS = '"sendType":"BROADCAST","messageType":"SERVER_TO_CLIENT","businessType":"a.b"';

/** What clients get of a body, but for what is added at its end. */
function bytesOf(text: string): string {
  const value = JSON.parse(text) as object;
  return Buffer.from(bodyBytes(value, checkBody(value), Buffer.from(text))).toString();
}

describe('the bytes of a body that another program has published', () => {
  it.each([
    ['first', `{"messageId":"m1",${ADDRESS},"content":1.0}`, `{${ADDRESS},"content":1.0}`],
    ['last', `{${ADDRESS},"content":1.0,"messageId":"m1"} \n`, `{${ADDRESS},"content":1.0}`],
    ['between', `{${ADDRESS},"messageId":"m1", "content":1e2}`, `{${ADDRESS}, "content":1e2}`],
  ])('lose their messageId where it stands %s, and nothing else', (_where, text, expected) => {
    expect(bytesOf(text)).toBe(expected);
  });

  it.each([
    ['a space in it', `{${ADDRESS},"messageId": "m1"}`],
    ['another way to write it', `{${ADDRESS},"message\\u0049d":"m1"}`],
    ['two of them', `{"messageId":"m0",${ADDRESS},"messageId":"m1"}`],
    ['two that are written differently', `{"message\\u0049d":"m0",${ADDRESS},"messageId":"m1"}`],
    ['one that is none', `{${ADDRESS},"messageId":null}`],
    ['its name in the content', `{"content":{"messageId":"m1"},${ADDRESS},"messageId":"m1"}`],
    ['its name as text', `{"content":"messageId",${ADDRESS},"messageId":"m1"}`],
    ['its name at the end of a text', `{"content":"\\"messageId",${ADDRESS},"messageId":"m1"}`],
    ['an id that is escaped', `{${ADDRESS},"messageId":"\\u006d1"}`],
  ])('say the same without their messageId with %s', (_what, text) => {
    const { messageId: _, ...rest } = JSON.parse(text) as { messageId?: unknown };
    expect(JSON.parse(bytesOf(text))).toEqual(rest);
    expect(bytesOf(text)).not.toContain('"messageId":"m0"');
  });

  it('say the same without their messageId and without a time that is none, however they are written', () => {
    const random = new Random(11);
    const texts = [
      '"messageId"',
      '"\\"messageId\\""',
      '"messageId\\\\"',
      '{"messageId":"m1"}',
      '"二"',
    ];
    for (let round = 0; round < 3000; round += 1) {
      const gap = random.pick(['', '', ' ', '\n\t']);
      const members = [
        ...ADDRESS.split(','),
        `"content":${gap}[${random.pick(texts)},${gap}${random.pick(texts)}]`,
        `"tags":${gap}[${random.pick(['"messageId"', '"a"'])}]`,
        ...(random.next() < 0.7
          ? [`${random.pick(['"messageId"', '"m\\u0065ssageId"'])}:${random.pick(['', gap])}"m1"`]
          : []),
        ...(random.next() < 0.5 ? [`"timestamp":${random.pick(['null', '0', '17'])}`] : []),
      ].sort(() => random.next() - 0.5);
      const text = `${gap}{${members.join(`${random.pick(['', gap])},${gap}`)}}${gap}`;
      const value = JSON.parse(text) as { messageId?: string; timestamp?: unknown };
      const { messageId: _, timestamp, ...rest } = value;
      const stamped = timestamp === 17 ? { timestamp } : {};
      const bytes = bytesOf(text);
      expect(JSON.parse(bytes)).toEqual({ ...rest, ...stamped });
      expect(bytes.endsWith('}')).toBe(true);
    }
  });
});
