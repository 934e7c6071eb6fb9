import type { Type } from '@nestjs/common';

import { createApp, type WirepostApp } from '../../src/app.module';
import { readSettings } from '../../src/settings';
import { eventually } from './eventually';
import { tokenOf } from './token-of';

export const SERVICE_KEY = 'test-key-0123456789';
export const TOKEN_ONLY_KEY = 'token-key-0123456789';
export const JWT_SECRET = 'a-test-signing-key-of-enough-length-000';

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly result: number;
  readonly description: string;
  readonly data: T;
}

interface Refused {
  readonly code: string;
  readonly field?: string;
}

/** A node in this process, reached through real HTTP and real sockets. */
export class TestNode {
  private constructor(readonly app: WirepostApp) {}

  static async start(
    env: Readonly<Record<string, string>> = {},
    business?: readonly Type<object>[],
  ): Promise<TestNode> {
    const settings = readSettings({
      NODE_ENV: 'test',
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'error',
      SERVICE_KEYS: `all:token+push+admin:${SERVICE_KEY},tokens:token:${TOKEN_ONLY_KEY}`,
      JWT_SECRET,
      DRAIN_TIMEOUT: '1s',
      ...env,
    });
    const node = new TestNode(await createApp(settings, business));
    await node.app.start();
    await eventually(
      async () => {
        expect((await node.get('/health/ready')).status).toBe(200);
      },
      { within: 20_000 },
    );
    return node;
  }

  get base(): string {
    return `http://127.0.0.1:${String(this.app.port)}`;
  }

  stop(): Promise<void> {
    return this.app.stop();
  }

  async get<T = unknown>(path: string, key: string | undefined = SERVICE_KEY): Promise<Answer<T>> {
    return answerOf<T>(await fetch(this.base + path, { headers: authorization(key) }));
  }

  async delete<T = unknown>(
    path: string,
    key: string | undefined = SERVICE_KEY,
  ): Promise<Answer<T>> {
    const how = { method: 'DELETE', headers: authorization(key) };
    return answerOf<T>(await fetch(this.base + path, how));
  }

  async post<T = unknown>(
    path: string,
    body: unknown,
    key: string | undefined = SERVICE_KEY,
  ): Promise<Answer<T>> {
    const response = await fetch(this.base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization(key) },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return answerOf<T>(response);
  }

  push(body: unknown): Promise<Answer<{ messageId: string } & Refused>> {
    return this.post('/websocket/push', body);
  }

  /** A socket URL at this node for a user. */
  async url(uniqueId: string, grants: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await this.post<string>('/websocket/token', {
      uniqueId,
      clientType: 'H5',
      ...grants,
    });
    expect(answer.result).toBe(0);
    return this.socketUrl(tokenOf(answer.data));
  }

  socketUrl(token: string): string {
    return `ws://127.0.0.1:${String(this.app.port)}/socket/${token}`;
  }
}

function authorization(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

async function answerOf<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text();
  const json = (
    text.startsWith('{') ? JSON.parse(text) : { result: -1, description: text, data: undefined }
  ) as {
    result: number;
    description: string;
    data: T;
  };
  return { status: response.status, headers: response.headers, ...json };
}
