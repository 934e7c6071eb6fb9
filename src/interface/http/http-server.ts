import { type RequestListener, type Server, type ServerOptions } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

import { Logger } from '@nestjs/common';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';

import { readJson } from '../../application/json';
import { Refusal } from '../../domain/errors';
import { errorRow } from '../../protocol/codes';
import { refused } from './answer';
import { IncomingRequest } from './incoming-request';
import { hasBody } from './service-key.guard';
import { readTlsFiles, type TlsFiles, validityWarning } from './tls-files';

/** ms that a caller may take to send a request, and its headers: Node.js swaps the two when the second is longer. */
const REQUEST_TIMEOUT = 30_000;
const HEADERS_TIMEOUT = 10_000;
/** ms between two looks for requests that have taken too long. */
const TIMEOUT_CHECK = 5000;
/** Bytes of a request's line and headers together: twice the longest token, which is in a URL. */
const MAX_HEADER = 16 * 1024;
/** Bytes of a request that is no push. */
const SMALL_BODY = 64 * 1024;
/** Times that a body may be longer than it is in the log: \u0041 takes six bytes for one, and there may be white space. */
const ESCAPED = 8;
/** The content coding that is none (RFC 9110). */
const IDENTITY = 'identity';
/** For a year, as docker/proxy has it (RFC 6797). */
const HSTS = 'max-age=31536000';

const HTTP = {
  IncomingMessage: IncomingRequest,
  maxHeaderSize: MAX_HEADER,
  headersTimeout: HEADERS_TIMEOUT,
  connectionsCheckingInterval: TIMEOUT_CHECK,
} satisfies ServerOptions<typeof IncomingRequest>;

const logger = new Logger('HttpServer');

/** A server of HTTPS whose closeAllConnections ends handshakes, too: Node.js counts no connection before that is done. */
class HandshakeServer extends TlsServer<typeof IncomingRequest> {
  /** Connections whose handshake is under way, by both their ends. */
  private readonly handshakes = new Map<string, Socket>();

  constructor(
    options: ConstructorParameters<typeof TlsServer<typeof IncomingRequest>>[0],
    listener: RequestListener<typeof IncomingRequest>,
  ) {
    super(options, listener);
    this.on('connection', (socket: Socket) => {
      const ends = endsOf(socket);
      this.handshakes.set(ends, socket);
      socket.once('close', () => {
        if (this.handshakes.get(ends) === socket) this.handshakes.delete(ends);
      });
    });
    // Of another socket, that of what is encrypted.
    this.on('secureConnection', (socket) => {
      this.handshakes.delete(endsOf(socket));
    });
  }

  override closeAllConnections(): void {
    super.closeAllConnections();
    for (const socket of this.handshakes.values()) socket.destroy();
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}

/** What Fastify makes the node's server of, one of HTTPS when there are files of a certificate; throws a TlsFilesError. */
export function serverOptions(
  tls: TlsFiles | undefined,
): FastifyServerOptions & { readonly http?: ServerOptions } {
  const common = { requestTimeout: REQUEST_TIMEOUT, frameworkErrors: answerMalformed };
  if (tls === undefined) return { ...common, http: HTTP };
  const context = readWarily(tls);
  return {
    ...common,
    // Not Fastify's own: for a HOST of several addresses it makes several, and nobody could give the others a new certificate.
    serverFactory: (listener, { keepAliveTimeout }) =>
      new HandshakeServer(
        {
          ...HTTP,
          ...context,
          requestTimeout: REQUEST_TIMEOUT,
          keepAliveTimeout: Number(keepAliveTimeout),
          handshakeTimeout: HEADERS_TIMEOUT,
        },
        strict(listener),
      ),
  };
}

/** What the router itself finds wrong with a path: it is not decoded, or a part of it is too long. No route or filter sees it. */
function answerMalformed(
  _error: FastifyError,
  _request: FastifyRequest,
  reply: FastifyReply,
): void {
  const refusal = new Refusal('BAD_REQUEST', 'the path is malformed or a part of it too long');
  void reply
    .status(errorRow(refusal.code).http)
    .header('Cache-Control', 'no-store')
    .send(refused(refusal));
}

/**
 * Refuses a query that cannot be decoded, whose text would be taken for a name as it stands otherwise, and a body that is
 * compressed, which nobody here decodes.
 */
export function refuseUndecodable(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    const [, query = ''] = /\?(.*)/s.exec(request.raw.url ?? '') ?? [];
    if (!isDecodable(query)) done(new Refusal('BAD_REQUEST', 'the query is malformed'));
    else if (hasBody(request) && isEncoded(request)) {
      reply.header('Accept-Encoding', IDENTITY);
      done(new Refusal('MEDIA_TYPE', 'the body must not be compressed (Content-Encoding)'));
    } else done();
  });
}

/**
 * Has the service's own routes take no more than they need, in bytes: what is parsed holds up everybody else. A batch, and the
 * routes of business modules, keep the limit of all.
 */
export function limitBodies(server: FastifyInstance, maxPayload: number): void {
  server.addHook('onRoute', (route) => {
    if (route.url.endsWith('/websocket/push')) route.bodyLimit = ESCAPED * maxPayload;
    else if (route.url.includes('/websocket/') && !route.url.endsWith('/batch'))
      route.bodyLimit = SMALL_BODY;
  });
}

/** Reads a body of JSON. A DELETE needs none, but many clients send a Content-Type with every request. */
export function readBody(
  { method }: FastifyRequest,
  body: Buffer,
  done: (error: Error | null, value?: unknown) => void,
): void {
  try {
    done(null, method === 'DELETE' && body.length === 0 ? undefined : readJson(body));
  } catch (error) {
    done(error as Error, undefined);
  }
}

function isDecodable(query: string): boolean {
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}

function isEncoded({ headers }: FastifyRequest): boolean {
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  return coding !== '' && coding !== IDENTITY;
}

/** Says as well when the certificate is out of date: clients refuse it, and no other sign of that comes here. */
function readWarily(tls: TlsFiles): ReturnType<typeof readTlsFiles> {
  const context = readTlsFiles(tls);
  const warning = validityWarning(context.cert, Date.now());
  if (warning !== undefined) logger.warn(warning);
  return context;
}

/** Has every answer, be it of a route or not, tell browsers to come by HTTPS only. */
function strict(listener: RequestListener): RequestListener<typeof IncomingRequest> {
  return (request, response) => {
    response.setHeader('Strict-Transport-Security', HSTS);
    listener(request, response);
  };
}

/**
 * Has a server of HTTPS take new connections with what the files hold now; open ones go on. When that is nothing to serve
 * with, an error is logged and the former certificate stays.
 */
export function renewCertificate(server: Server, tls: TlsFiles | undefined): void {
  if (tls === undefined || !(server instanceof TlsServer)) return;
  try {
    server.setSecureContext(readWarily(tls));
    logger.log('the certificate was read again');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(`the former certificate stays: ${reason}`);
  }
}
