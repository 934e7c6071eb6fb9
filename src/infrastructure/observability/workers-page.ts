import { AggregatorRegistry, Counter, Gauge } from 'prom-client';

import type { Gauges, MetricsPage, Together } from '../../application/ports/metrics';
import type { MetricsJson, PrometheusMetrics } from './prometheus-metrics';

/** What a worker tells the primary: a wish for the pages of the others, or its own for one that asked. */
export type ToPrimary =
  | { readonly kind: 'ask'; readonly request: number }
  | {
      readonly kind: 'answer';
      readonly asker: number;
      readonly request: number;
      readonly page: MetricsJson;
    };

/** What the primary tells a worker; `asking` says how many pages will come, and how often a worker was replaced. */
export type ToWorker =
  | { readonly kind: 'asked'; readonly asker: number; readonly request: number }
  | {
      readonly kind: 'asking';
      readonly request: number;
      readonly others: number;
      readonly restarts: number;
    }
  | { readonly kind: 'answered'; readonly request: number; readonly page: MetricsJson };

/** The way to the primary process. */
export interface Line {
  send(message: ToPrimary): void;
  onMessage(listener: (message: ToWorker) => void): void;
}

interface Question {
  readonly pages: MetricsJson[];
  others: number;
  restarts: number;
  readonly answer: () => void;
}

/** ms that the other workers have; the page is without those that do not answer. */
const PATIENCE = 2000;

/** One page for all workers of a port, whichever of them is asked. */
export class WorkersPage implements MetricsPage {
  private readonly questions = new Map<number, Question>();
  private last = 0;

  /** `wanted`: how many workers there ought to be. */
  constructor(
    private readonly own: PrometheusMetrics,
    private readonly line: Line,
    private readonly wanted: number,
  ) {
    line.onMessage((message) => {
      if (message.kind === 'asked') void this.answer(message);
      else this.hear(message);
    });
  }

  observe(gauges: Gauges, together?: Together): void {
    this.own.observe(gauges, together);
  }

  get contentType(): string {
    return this.own.contentType;
  }

  async text(): Promise<string> {
    const { pages, restarts } = await this.ask();
    const all = [await this.own.json(), ...pages];
    const registry = AggregatorRegistry.aggregate(all);
    new Gauge({
      name: 'wirepost_workers',
      help: 'workers that this page is of',
      registers: [registry],
    }).set(all.length);
    new Gauge({
      name: 'wirepost_workers_wanted',
      help: 'workers that there ought to be',
      registers: [registry],
    }).set(this.wanted);
    new Counter({
      name: 'wirepost_worker_restarts_total',
      help: 'workers that ended and were replaced',
      registers: [registry],
    }).inc(restarts);
    return registry.metrics();
  }

  private ask(): Promise<Question> {
    this.last += 1;
    const request = this.last;
    return new Promise((resolve) => {
      const answer = (): void => {
        clearTimeout(timer);
        this.questions.delete(request);
        resolve(question);
      };
      const question: Question = { pages: [], others: Infinity, restarts: 0, answer };
      const timer = setTimeout(answer, PATIENCE);
      this.questions.set(request, question);
      this.line.send({ kind: 'ask', request });
    });
  }

  private async answer({ asker, request }: ToWorker & { kind: 'asked' }): Promise<void> {
    this.line.send({ kind: 'answer', asker, request, page: await this.own.json() });
  }

  private hear(message: Exclude<ToWorker, { kind: 'asked' }>): void {
    const question = this.questions.get(message.request);
    if (question === undefined) return;
    if (message.kind === 'asking') {
      question.others = message.others;
      question.restarts = message.restarts;
    } else {
      question.pages.push(message.page);
    }
    if (question.pages.length >= question.others) question.answer();
  }
}
