import { proxyErrors } from './errors.ts';

/**
 * Resolves once the record is on disk. What cannot be recorded is not done: throws AuditUnavailable, whatever
 * it was that kept the record from the disk.
 */
export async function durably({ durable }: { readonly durable: Promise<void> }): Promise<void> {
	try {
		await durable;
	} catch (cause) {
		throw proxyErrors.AuditUnavailable('the decision could not be recorded, so nothing was done', { cause });
	}
}
