import type { JsonClient } from '../../common/http/json-client.ts';

/** How the client makes its calls: over the network, or in a simulation without one. */
export type MarketTransport = Pick<JsonClient, 'call' | 'close'>;
