import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import type { Endings } from '../common/endings.ts';
import type { Authenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import type { Actor } from './authorize/actor.ts';
import type { World } from './core/world.ts';
import type { Deadlines } from './deadlines.ts';
import type { MarketIndex } from './index/market-index.ts';
import type { LeaseDriver } from './lease/driver.ts';

/** What the market's interface is made of. */
export interface MarketDeps {
	readonly store: Store;
	readonly index: MarketIndex;
	readonly authenticator: Authenticator<Actor>;
	/** It, what is offered and deadlines are told in vain where another process leads: that one follows the records. */
	readonly driver: Pick<LeaseDriver, 'wake'>;
	/** These servers can be had, or longer than before. */
	offered(servers: readonly string[]): void;
	readonly deadlines: Pick<Deadlines, 'offer' | 'bid'>;
	/** Those who wait for events are told under `events`. */
	readonly endings: Pick<Endings, 'wait' | 'tell'>;
	/** What a verb needs to know, for one who asks now. */
	world(actor: Actor): World;
	readonly version: string;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry?: Registry | undefined;
}
