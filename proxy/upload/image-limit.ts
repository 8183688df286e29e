import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';

/** Bytes of the largest image that the BMC says it takes (UpdateService.MaxImageSizeBytes); undefined: it says nothing. */
export async function readImageLimit(bmc: Pick<BmcConnection, 'read'>): Promise<number | undefined> {
	const service = await bmc.read('/redfish/v1/UpdateService');
	const isObject = typeof service === 'object' && service !== null && !Array.isArray(service);
	const limit = isObject ? (service as { MaxImageSizeBytes?: unknown }).MaxImageSizeBytes : undefined;
	return typeof limit === 'number' && limit > 0 ? limit : undefined;
}

export const tooLargeForBmc = ({ target }: Pick<BmcConnection, 'target'>, limit: number) =>
	proxyErrors.ImageTooLargeForBmc(`the BMC of ${target.name} takes images of up to ${limit} bytes`);
