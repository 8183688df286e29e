import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import type { Endings } from '../common/endings.ts';
import type { Authenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import type { Actor } from './authorize/actor.ts';
import type { BootNetwork } from './boot/boot-network.ts';
import type { World } from './core/world.ts';
import type { Uploads } from './image/uploads.ts';
import type { NodeAtHil } from './node/node-at-hil.ts';
import type { Kind } from './operation/kind.ts';
import type { Runner } from './operation/runner.ts';
import type { Storage } from './storage/storage.ts';

/** What the provisioner's interface is made of. */
export interface ProvisionerDeps {
	readonly store: Store;
	readonly storage: Storage;
	readonly authenticator: Authenticator<Actor>;
	readonly uploads: Uploads;
	/** Bytes that one upload may have. */
	readonly largestUpload: number;
	readonly kinds: Readonly<Record<string, Kind>>;
	readonly runner: Runner;
	/** What hil is asked to do to nodes. */
	readonly nodes: Pick<NodeAtHil, 'look' | 'propertiesOf' | 'admits'>;
	/** Provisioning networks, by hil's names. */
	readonly networks: ReadonlyMap<string, BootNetwork>;
	readonly seal: (text: string) => string;
	readonly endings: Pick<Endings, 'wait'>;
	/** What a verb needs to know, for one who asks now. */
	world(actor: Actor): World;
	readonly version: string;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry?: Registry | undefined;
}
