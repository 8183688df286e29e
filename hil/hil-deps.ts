import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import type { Endings } from '../common/endings.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import type { Woken } from '../common/woken.ts';
import type { Authentication } from './authenticate/authentication.ts';
import type { Actor } from './authorize/actor.ts';
import type { Changes } from './change/changes.ts';
import type { World } from './core/world.ts';
import type { Departures } from './departure/departures.ts';
import type { Hypervisor } from './headnode/hypervisor.ts';
import type { Workers } from './network/workers.ts';
import type { Consoles } from './obm/consoles.ts';
import type { Obm } from './obm/obm.ts';

/** What hil's interfaces are made of. */
export interface HilDeps {
	readonly store: Store;
	readonly workers: Pick<Workers, 'wake' | 'renew' | 'forget' | 'inspect' | 'state'>;
	readonly authentication: Authentication;
	readonly obm: Obm;
	readonly hypervisor: Hypervisor;
	/** What a verb needs to know, for one who asks now. */
	world(actor: Actor): World;
	readonly endings: Pick<Endings, 'wait'>;
	readonly changes: Pick<Changes, 'begun'>;
	readonly departures: Pick<Departures, 'wake'>;
	readonly leases: Pick<Woken, 'wake'>;
	/** The readers of nodes' consoles. */
	readonly consoles: Consoles;
	/** Somebody was announced to the maintenance service. */
	readonly wakeMaintenance: () => void;
	/** What else is active, by HIL's names. */
	readonly extensions: readonly string[];
	readonly version: string;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry?: Registry | undefined;
}
