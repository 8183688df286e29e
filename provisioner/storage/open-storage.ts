import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { ProvisionerSite } from '../site.ts';
import { openQcow2Storage } from './qcow2/qcow2-storage.ts';
import { openRbdStorage } from './rbd/rbd-storage.ts';
import type { Storage } from './storage.ts';

/** The storage that a site has. Throws StorageFault, and StorageAway where it is elsewhere and does not answer. */
export function openStorage(
	{ storage: { rbd }, storageFolder: folder }: Pick<ProvisionerSite, 'storage' | 'storageFolder'>,
	how: { readonly run: string; readonly clock: Clock; readonly logger: Logger },
): Promise<Storage> {
	return rbd ? openRbdStorage({ ...rbd, ...how, folder }) : openQcow2Storage({ ...how, folder });
}
