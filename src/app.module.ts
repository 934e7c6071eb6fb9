import 'reflect-metadata';

import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';

import { type DynamicModule, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import {
  APP_FILTER,
  APP_GUARD,
  DiscoveryModule,
  DiscoveryService,
  NestFactory,
  Reflector,
} from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyListenOptions } from 'fastify';

import { discoverHandlers } from './application/handlers/handler-discovery';
import { HandlerRegistry } from './application/handlers/handler-registry';
import { HandlerRunner } from './application/handlers/handler-runner';
import { FollowedLog, HandlerLog } from './application/log/followed-log';
import { LogFollower } from './application/log/log-follower';
import { logProviders } from './application/log/log-providers';
import { LogProbe } from './application/log/log-probe';
import { ClockWatch } from './application/observation/clock-watch';
import { LiveFigures } from './application/observation/live-figures';
import { Broker } from './application/ports/broker';
import { FrameEncoder } from './application/ports/client-channel';
import { Clock } from './application/ports/clock';
import { Metrics, MetricsPage } from './application/ports/metrics';
import { ServiceKeys } from './application/ports/service-keys';
import { Nodes } from './application/ports/nodes';
import { TokenService } from './application/ports/token-service';
import { HandlerQueues } from './application/ports/upstream';
import { provide } from './application/provide';
import { useCaseProviders } from './application/use-case-providers';
import { Receipts } from './application/receipts/receipts';
import { TraceMessage } from './application/receipts/trace-message';
import { AdmitClient } from './application/session/admit-client';
import { EndedSessions } from './application/session/ended-sessions';
import { AcceptClientMessage } from './application/upstream/accept-client-message';
import { type ReadLog, WirepostNode } from './application/wirepost-node';
import { ChargingStatusModule } from './business/charging-status/charging-status.module';
import { DisplayShowModule } from './business/display-show/display-show.module';
import { PaymentResultModule } from './business/payment-result/payment-result.module';
import { QrcodeRefreshModule } from './business/qrcode-refresh/qrcode-refresh.module';
import { ReportBuildModule } from './business/report-build/report-build.module';
import { Partitions } from './domain/routing/partitions';
import { consoleLog } from './infrastructure/observability/console-log';
import { PrometheusMetrics } from './infrastructure/observability/prometheus-metrics';
import { SystemClock } from './infrastructure/observability/system-clock';
import { type Line, WorkersPage } from './infrastructure/observability/workers-page';
import { Names } from './infrastructure/rabbitmq/topology';
import { HashedServiceKeys } from './infrastructure/security/hashed-service-keys';
import { JwtTokenService } from './infrastructure/security/jwt-token-service';
import { BodyValidator } from './interface/body-validator';
import { serveApiDocs } from './interface/http/api-docs';
import { bundleProviders } from './interface/http/bundle-providers';
import { ClientController } from './interface/http/client.controller';
import { ConnectionsController } from './interface/http/connections.controller';
import { ConsoleController } from './interface/http/console.controller';
import { DtoPipe } from './interface/http/dto-pipe';
import { HealthController, Willingness } from './interface/http/health.controller';
import { MessagesController } from './interface/http/messages.controller';
import { PushController } from './interface/http/push.controller';
import { RefusalFilter } from './interface/http/refusal.filter';
import { SampleOrdersController } from './interface/http/sample-orders.controller';
import {
  limitBodies,
  readBody,
  refuseUndecodable,
  renewCertificate,
  serverOptions,
} from './interface/http/http-server';
import { refuseUnknownBodies, ServiceKeyGuard } from './interface/http/service-key.guard';
import { SocketUrls, TokenController } from './interface/http/token.controller';
import { AddressLimits } from './interface/websocket/address-limits';
import { SessionContext } from './interface/websocket/session-context';
import { TextFrameEncoder } from './interface/websocket/text-frame';
import { Upgrade } from './interface/websocket/upgrade';
import { WirepostWsAdapter } from './interface/websocket/wirepost-ws.adapter';
import { WirepostGateway } from './interface/websocket/websocket.gateway';
import { brokerProviders } from './infrastructure/broker-providers';
import { listens } from './listens';
import type { Settings } from './settings';
import { isOwnWorker } from './workers';

/** The package's root, from src as from dist. */
const ROOT = resolve(__dirname, '..');
/** Bytes of a REST request: a batch of a thousand. */
const BODY_LIMIT = 16 * 1024 * 1024;
/** Characters of a path's parameter: a uniqueId of signs that take twelve each in a URL. */
const MAX_PARAM = 128 * 12;

type BusinessModules = Readonly<NonNullable<ModuleMetadata['imports']>>;

/** What developers add: one Nest module per business type. */
const BUSINESS_MODULES = [
  QrcodeRefreshModule,
  PaymentResultModule,
  DisplayShowModule,
  ChargingStatusModule,
  ReportBuildModule,
];

/** A worker's page is that of all workers; every other node's is its own. */
function metricsProviders(workers: number): Provider[] {
  return [
    { provide: PrometheusMetrics, useClass: PrometheusMetrics },
    { provide: Metrics, useExisting: PrometheusMetrics },
    provide(MetricsPage, [PrometheusMetrics], (own) =>
      // The primary of another program, such as pm2, answers no questions.
      isOwnWorker() ? new WorkersPage(own, lineToPrimary(), workers) : own,
    ),
  ];
}

function lineToPrimary(): Line {
  return {
    send: (message) => process.send?.(message),
    onMessage: (listener) => process.on('message', listener),
  };
}

function nodeProvider({ window, websocket }: Settings): Provider {
  return provide(
    WirepostNode,
    [
      ...([Broker, FollowedLog, HandlerLog, EndedSessions, Nodes, Receipts, TraceMessage] as const),
      ...([HandlerRunner, HandlerQueues, WirepostGateway, Upgrade] as const),
    ],
    (broker, log, handlerLog, ended, nodes, receipts, trace, handlers, queues, gateway, upgrade) =>
      new WirepostNode(
        broker,
        new Set([ended, log, handlerLog, joining(nodes, gateway, trace), giving(receipts)]),
        handlers,
        queues,
        {
          drain: () => {
            upgrade.stop();
            return gateway.drain();
          },
        },
        { windowMaxAge: window.maxAge, drainTimeout: websocket.drainTimeout },
      ),
  );
}

/** Nodes are joined, and left, as logs are read. */
function joining(nodes: Nodes, gateway: WirepostGateway, trace: TraceMessage): ReadLog {
  return {
    start: () =>
      nodes.start({
        connections: (query) => gateway.find(query),
        message: (query) => trace.look(query),
      }),
    beat: () => {
      nodes.beat();
    },
    stop: () => nodes.stop(),
  };
}

function giving(receipts: Receipts): ReadLog {
  return {
    start: () => Promise.resolve(),
    beat: () => {
      receipts.beat();
    },
    stop: () => receipts.stop(),
  };
}

function interfaceProviders(settings: Settings): Provider[] {
  const { websocket } = settings;
  return [
    provide(BodyValidator, [], () => new BodyValidator()),
    provide(AddressLimits, [Clock], (clock) => new AddressLimits(websocket.addresses, clock)),
    provide(
      Upgrade,
      [AddressLimits, AdmitClient, LogProbe, EndedSessions, LogFollower, Metrics],
      (addresses, admit, probe, ended, { delivery }, metrics) =>
        new Upgrade(websocket, addresses, admit, probe, ended, delivery, metrics),
    ),
    provide(
      SessionContext,
      [
        ...([LogFollower, HandlerLog, Receipts, AdmitClient, AcceptClientMessage] as const),
        ...([BodyValidator, Clock, Metrics] as const),
      ],
      (follower, { claims }, receipts, admit, accept, validator, clock, metrics) => ({
        settings: websocket,
        delivery: follower.delivery,
        window: follower.window,
        receipts,
        admit,
        accept,
        validator,
        clock,
        metrics,
        memory: (now) => Math.min(follower.window.memory(now), claims.memory(now)),
      }),
    ),
    // Nest looks for gateways among providers that are classes.
    WirepostGateway,
    { provide: SocketUrls, useValue: { bases: websocket.publicUrls } satisfies SocketUrls },
    provide(LiveFigures, [Metrics, Clock], (metrics, clock) => new LiveFigures(metrics, clock)),
    provide(ClockWatch, [LogFollower, Clock], (follower, clock) => new ClockWatch(follower, clock)),
    { provide: Willingness, useExisting: WirepostNode },
    {
      provide: APP_GUARD,
      inject: [Reflector, ServiceKeys],
      useFactory: (reflector: Reflector, keys: ServiceKeys) => new ServiceKeyGuard(reflector, keys),
    },
    { provide: APP_FILTER, useClass: RefusalFilter },
  ];
}

/** Puts the layers together; the only module that sees them all. */
@Module({})
export class AppModule {
  static with(settings: Settings, business: BusinessModules = BUSINESS_MODULES): DynamicModule {
    const partitions = new Partitions(settings.partitions.count, settings.partitions.own);
    return {
      module: AppModule,
      imports: [DiscoveryModule, ...business],
      controllers: [
        TokenController,
        PushController,
        HealthController,
        ClientController,
        ConnectionsController,
        MessagesController,
        ...(settings.console ? [ConsoleController, SampleOrdersController] : []),
      ],
      providers: [
        { provide: Clock, useClass: SystemClock },
        ...metricsProviders(settings.workers),
        { provide: ServiceKeys, useValue: new HashedServiceKeys(settings.serviceKeys) },
        ...brokerProviders(settings.rabbitmq, { maxBytes: settings.log.maxBytes }, partitions),
        { provide: FrameEncoder, useClass: TextFrameEncoder },
        provide(
          TokenService,
          [Clock],
          (clock) => new JwtTokenService(settings.tokens.secrets, clock),
        ),
        ...logProviders({
          window: settings.window,
          maxBuffered: settings.websocket.maxBuffered,
          partitions,
        }),
        ...useCaseProviders({
          tokens: settings.tokens,
          retryDelays: settings.retryDelays,
          maxBytes: settings.websocket.maxPayload,
        }),
        nodeProvider(settings),
        ...interfaceProviders(settings),
        ...bundleProviders(ROOT, settings.websocket.publicUrls),
      ],
    };
  }
}

/** A node of the service: HTTP, WebSocket, and what lies behind them. */
export class WirepostApp {
  constructor(
    readonly nest: NestFastifyApplication,
    private readonly settings: Settings,
  ) {}

  /**
   * Connects, reads the log, listens; with `reusePort` other processes may listen on the port besides. Rejects with a
   * sentence when it cannot.
   */
  async start({ reusePort = false } = {}): Promise<void> {
    const { host, port } = this.settings.http;
    await this.nest.init();
    discoverHandlers(
      this.nest.get(DiscoveryService),
      this.nest.get(Reflector),
      this.nest.get(HandlerRegistry),
    );
    this.observe();
    await this.nest.get(WirepostNode).start();
    // `reusePort` is an option of net.Server that Fastify's types do not know and Node.js 20 does not read.
    const how: FastifyListenOptions & { readonly reusePort: boolean } = {
      port,
      host,
      backlog: 4096,
      reusePort,
    };
    // Not by Nest, which would log what goes wrong before the sentence that says it.
    await listens(this.nest.getHttpAdapter().getInstance().listen(how));
  }

  /** Drains and stops; clients are told to reconnect elsewhere. */
  async stop(): Promise<void> {
    await this.nest.get(WirepostNode).stop();
    await this.nest.close();
  }

  /**
   * Serves new connections with what the files of the certificate hold now; open ones stay as they are. When that is
   * nothing to serve with, an error is logged and the former certificate stays.
   */
  renewCertificate(): void {
    renewCertificate(this.nest.getHttpServer(), this.settings.http.tls);
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.nest.getHttpServer().address() as AddressInfo).port;
  }

  private observe(): void {
    const follower = this.nest.get(LogFollower);
    const gateway = this.nest.get(WirepostGateway);
    const probe = this.nest.get(LogProbe);
    const handlerLog = this.nest.get(HandlerLog);
    const ended = this.nest.get(EndedSessions);
    const gauges = {
      connections: () => gateway.connections,
      logOffset: () => follower.applied?.offset ?? -1,
      windowEntries: () => follower.window.count,
      windowBytes: () => follower.window.bytes,
    };
    const { connections, logOffset, ...window } = gauges;
    const page = this.nest.get(MetricsPage);
    page.observe({ connections });
    page.observe({ logOffset, ready: () => (probe.ready ? 1 : 0) }, 'min');
    page.observe(
      {
        ...window,
        logLagSeconds: () => probe.lag / 1000,
        logBlocked: () => (probe.blocked ? 1 : 0),
        clockBehindSeconds: () => this.nest.get(ClockWatch).behind / 1000,
        revocationsLagSeconds: () => ended.lag / 1000,
        claims: () => handlerLog.claims.size,
        windowMaxBytes: () => this.settings.window.maxBytes,
      },
      'max',
    );
    this.nest.get(LiveFigures).observe({
      ...gauges,
      logLag: () => probe.lag,
      memory: () => process.memoryUsage.rss(),
    });
  }
}

/** Makes a node; `business` replaces the sample modules. Nothing listens until `start`. Rejects with a TlsFilesError. */
export async function createApp(
  settings: Settings,
  business?: BusinessModules,
): Promise<WirepostApp> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    ...serverOptions(settings.http.tls),
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM },
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(settings, business),
    adapter,
    {
      bodyParser: false,
      abortOnError: false,
      logger: consoleLog(settings.production, settings.logLevel),
    },
  );
  adapter.getInstance().removeAllContentTypeParsers();
  refuseUnknownBodies(adapter.getInstance(), app.get(ServiceKeys));
  refuseUndecodable(adapter.getInstance());
  limitBodies(adapter.getInstance(), settings.websocket.maxPayload);
  app.useBodyParser('application/json', { bodyLimit: BODY_LIMIT }, readBody);
  app.setGlobalPrefix(settings.http.globalPrefix, {
    exclude: ['health/live', 'health/ready', 'metrics'],
  });
  app.useGlobalPipes(new DtoPipe());
  app.useWebSocketAdapter(new WirepostWsAdapter(app, app.get(Upgrade), settings.websocket));
  serveApiDocs(app, settings.websocket.publicUrls, new Names(settings.amqpPrefix));
  return new WirepostApp(app, settings);
}
