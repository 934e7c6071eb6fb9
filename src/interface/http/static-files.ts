import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { Refusal } from '../../domain/errors';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};
/** What shrinks by gzip. */
const TEXT = /^text\/|svg/;
const TAKES_GZIP = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/;

/** How long a copy may be used. */
export const CACHE = {
  /** The name changes with the content. */
  forever: 'public, max-age=31536000, immutable',
  /** Asks each time whether it is still the same. */
  revalidate: 'no-cache',
} as const;

interface StaticFile {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
  readonly zipped: Buffer | undefined;
}

/** A few files of the build, held in memory; the names are the only paths there are. */
export class StaticFiles {
  private constructor(private readonly files: ReadonlyMap<string, StaticFile>) {}

  /** Reads the files of a folder, all or those of the given names; a folder that was not built has none. */
  static read(folder: string, names?: readonly string[]): StaticFiles {
    const present = existsSync(folder) ? readdirSync(folder) : [];
    const files = new Map<string, StaticFile>();
    for (const name of present) {
      const type = TYPES[extname(name)];
      if (type === undefined || names?.includes(name) === false) continue;
      const body = readFileSync(join(folder, name));
      const etag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
      files.set(name, { type, etag, body, zipped: TEXT.test(type) ? gzipSync(body) : undefined });
    }
    return new StaticFiles(files);
  }

  /** Answers with a file, or 304 when the caller has it; throws NOT_FOUND. */
  send(request: FastifyRequest, reply: FastifyReply, name: string, cacheControl: string): void {
    const file = this.files.get(name);
    if (file === undefined) throw new Refusal('NOT_FOUND');
    const { type, body, zipped } = file;
    const zip = zipped !== undefined && TAKES_GZIP.test(request.headers['accept-encoding'] ?? '');
    const etag = `"${file.etag}${zip ? '.gz' : ''}"`;
    void reply.headers({
      'Cache-Control': cacheControl,
      ETag: etag,
      Vary: 'Accept-Encoding',
      'X-Content-Type-Options': 'nosniff',
    });
    if (request.headers['if-none-match']?.includes(etag) === true) {
      void reply.status(304).send();
      return;
    }
    if (zip) void reply.header('Content-Encoding', 'gzip');
    void reply.type(type).send(zip ? zipped : body);
  }
}
