import { PassThrough } from 'node:stream';

import { MAX_TOGETHER, UpgradeAnswers } from '../../../src/interface/websocket/upgrade-answers';

describe('answers to upgrade requests', () => {
  it('leave when a turn of the event loop brings no further one', async () => {
    const answers = new UpgradeAnswers();
    const first = answer(answers);
    await turn();
    expect(isHeld(first)).toBe(true);
    const second = answer(answers);
    await turn();
    expect([first, second].map(isHeld)).toEqual([true, true]);
    await turn();
    expect([first, second].map(isHeld)).toEqual([false, false]);
  });

  it('leave at once when enough of them wait', async () => {
    const answers = new UpgradeAnswers();
    const all = Array.from({ length: MAX_TOGETHER }, () => answer(answers));
    const next = answer(answers);
    expect(all.filter(isHeld)).toEqual([]);
    expect(isHeld(next)).toBe(true);
    await turn();
    await turn();
    expect(isHeld(next)).toBe(false);
  });

  it('leave when one comes after a burst', async () => {
    const answers = new UpgradeAnswers();
    for (let i = 0; i < MAX_TOGETHER; i += 1) answer(answers);
    await turn();
    await turn();
    const late = answer(answers);
    await turn();
    await turn();
    expect(isHeld(late)).toBe(false);
  });

  it('go on when a client has left meanwhile', async () => {
    const answers = new UpgradeAnswers();
    const [gone, there] = [answer(answers), answer(answers)];
    gone.destroy();
    await turn();
    await turn();
    expect(isHeld(there)).toBe(false);
  });
});

function answer(answers: UpgradeAnswers): PassThrough {
  const socket = new PassThrough();
  socket.cork();
  socket.write('101');
  answers.add(socket);
  return socket;
}

function isHeld(socket: PassThrough): boolean {
  return socket.writableCorked > 0;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
