import { BimetalError } from '../errors/bimetal-error.ts';

/** The store was closed, or is closing; nothing was written. */
export function storeClosed(): BimetalError {
	return new BimetalError('StoreClosed', 'The store is closed', { status: 503, expose: false });
}

/** An insert found its id taken. */
export function storeConflict(collection: string, id: string): BimetalError {
	return new BimetalError('StoreConflict', `${collection} already has a document with the id ${id}`, {
		status: 409,
		expose: false,
	});
}

/** What is on disk is not what this program wrote. It is left as it is, for a person to look at. */
export function storeCorrupt(where: string, reason: string, cause?: unknown): BimetalError {
	return new BimetalError('StoreCorrupt', `${where}: ${reason}`, { cause });
}

/** Another process (or this one) has the file open. */
export function storeLocked(file: string, holder: string): BimetalError {
	return new BimetalError('StoreLocked', `${file} is in use by ${holder}`, { status: 503, expose: false });
}

/** A document, id, index or option that the store does not take: a fault of the caller. Nothing was written. */
export function storeInvalid(where: string, reason: string, cause?: unknown): BimetalError {
	return new BimetalError('StoreInvalid', `${where}: ${reason}`, { cause });
}

/** The file was written by a newer version, or this Node has no such engine. */
export function storeUnsupported(file: string, reason: string, cause?: unknown): BimetalError {
	return new BimetalError('StoreUnsupported', `${file}: ${reason}`, { cause });
}

/**
 * The disk refused a write. `uncertain`: the write may be there after a crash all the same, so the store takes no
 * further calls until it is opened again and has read what is really there.
 */
export function storeFailed(file: string, uncertain: boolean, cause: unknown): BimetalError {
	const reason = cause instanceof Error ? cause.message : String(cause);
	const after = uncertain ? '; the store must be opened again' : '';
	return new BimetalError('StoreFailed', `${file}: ${reason}${after}`, { status: 503, expose: false, cause });
}

/** The connection broke while the database was committing, and could not be had again to look. */
export function storeUncertain(database: string, cause: unknown): BimetalError {
	return new BimetalError(
		'StoreUncertain',
		`${database}: the connection was lost during a commit. Whether it was written is not known: look, or ask again with the same key.`,
		{ status: 503, expose: false, cause },
	);
}

/** Another process leads by now: what this one was about to do is that one's to do. Nothing was written. */
export function notLeading(role: string): BimetalError {
	return new BimetalError('NotLeading', `another process leads in ${role} by now`, {
		status: 503,
		expose: false,
	});
}
