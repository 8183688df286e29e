import type { Logger } from '../../common/log/logger.ts';
import type { RequestDocument } from '../approve/request-document.ts';
import type { WaitingRequests } from '../approve/waiting-requests.ts';
import type { Spool } from './spool.ts';

/** Once a request has ended, however it did, nobody needs its image any more. */
export function removeImageOf(
	{ state, request: { image } }: Pick<RequestDocument, 'state' | 'request'>,
	spool: Pick<Spool, 'remove'>,
	logger: Pick<Logger, 'error'>,
): void {
	if (!image || state === 'waiting' || state === 'executing') return;
	// Left behind, it is removed at the next start.
	spool
		.remove(image.file)
		.catch(fault => logger.error({ err: fault }, 'an image could not be removed from the spool'));
}

/** After a start: removes every image that no waiting request names. Returns how many there were. */
export async function sweepSpool(
	spool: Pick<Spool, 'sweep'>,
	waiting: Pick<WaitingRequests, 'list'>,
): Promise<number> {
	const wanted = new Set<string>();
	for (let after: string | undefined; ; ) {
		const page = await waiting.list({ state: 'waiting', after, limit: 200 });
		for (const { request } of page) if (request.image) wanted.add(request.image.file);
		if (page.length < 200) break;
		after = page.at(-1)?.id;
	}
	return spool.sweep(wanted);
}
