import { Controller, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';

import { Refusal } from '../../domain/errors';
import { type Answer, success } from './answer';
import { RequireScope } from './service-key.guard';

interface Order {
  readonly orderId: string;
  readonly status: 'OPEN' | 'PAID';
}

/** Orders that are kept; the oldest one is forgotten. */
const KEPT = 100;

/**
 * A shop with orders that can be polled, so that the console's payment scenario compares pushing with polling of
 * something real. In memory of this node; there when the console is.
 */
@ApiExcludeController()
@Controller('console/orders')
@RequireScope('push')
export class SampleOrdersController {
  private readonly orders = new Map<string, Order>();
  private count = 0;

  @Post()
  open(): Answer<Order> {
    this.count += 1;
    for (const oldest of this.orders.keys()) {
      if (this.orders.size < KEPT) break;
      this.orders.delete(oldest);
    }
    return success(this.keep({ orderId: `A-${String(this.count)}`, status: 'OPEN' }));
  }

  @Get(':orderId')
  @Header('Cache-Control', 'no-store')
  read(@Param('orderId') orderId: string): Answer<Order> {
    return success(this.find(orderId));
  }

  /** What the payment platform's callback does. */
  @Post(':orderId/payment')
  @HttpCode(200)
  pay(@Param('orderId') orderId: string): Answer<Order> {
    return success(this.keep({ ...this.find(orderId), status: 'PAID' }));
  }

  private find(orderId: string): Order {
    const order = this.orders.get(orderId);
    if (order === undefined) throw new Refusal('NOT_FOUND', `there is no order ${orderId}`);
    return order;
  }

  private keep(order: Order): Order {
    this.orders.set(order.orderId, order);
    return order;
  }
}
