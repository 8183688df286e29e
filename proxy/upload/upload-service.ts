import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Answer } from '../answer/answer.ts';
import type { Call, KeptImage } from '../call.ts';
import { canonicaliseUpload, type RequestHead } from '../canonicalise/canonicalise.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import { withoutPrefix } from '../forward/links.ts';
import type { Mediator } from '../mediator.ts';
import { readImageLimit, tooLargeForBmc } from './image-limit.ts';
import { multipartOverhead, receiveUpload, tooLarge, type UploadLimits } from './receive-upload.ts';
import type { Spool } from './spool.ts';

export interface UploadServiceDeps {
	readonly spool: Spool;
	readonly mediator: Pick<Mediator, 'mediate' | 'admit'>;
	readonly limits: UploadLimits;
	/** Sockets whose request may take longer than the listener lets others. */
	readonly patient: Pick<WeakSet<Socket>, 'add' | 'delete'>;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** An image's way from its client into the spool, to a decision, and on. */
export interface UploadService {
	/** Bytes that a body may have which holds an image. */
	readonly bodyLimit: number;
	/**
	 * Refuses what will be denied in any case before it is received; `invite` is called once it may come. What does not
	 * wait for anybody in the end leaves nothing in the spool.
	 */
	take(
		head: RequestHead,
		caller: Pick<Call, 'operator' | 'bmc' | 'prefix'>,
		wire: { request: IncomingMessage; response: ServerResponse; invite: () => void },
	): Promise<Answer | 'passed'>;
}

export function createUploadService(deps: UploadServiceDeps): UploadService {
	const { spool, mediator, limits, logger } = deps;

	/** Everything that can be said before the first byte of the image. */
	const admit = async (head: RequestHead, caller: Pick<Call, 'operator' | 'bmc' | 'prefix'>) => {
		await mediator.admit({ ...caller, request: plainRequest(head.method, head.path) });
		const length = Number(head.fields.contentLength ?? 0);
		if (length > limits.image + multipartOverhead) throw tooLarge(limits.image);
		// A BMC that cannot be asked now may well answer once the request is approved.
		const limit = await readImageLimit(caller.bmc).catch(() => undefined);
		if (limit !== undefined && length > limit + multipartOverhead) throw tooLargeForBmc(caller.bmc, limit);
	};

	return {
		bodyLimit: limits.image + multipartOverhead,
		async take(head, caller, { request, response, invite }) {
			await admit(head, caller);
			invite();
			deps.patient.add(request.socket);
			const received = await receiveUpload(deps, head, request).finally(() =>
				deps.patient.delete(request.socket),
			);
			const { file } = received;
			let isKept = false;
			const kept: KeptImage = {
				read: () => spool.read(file.name),
				keep: () => {
					isKept = true;
				},
			};
			try {
				const canonical = withoutPrefix(canonicaliseUpload(head, received), caller.prefix);
				return await mediator.mediate({ ...caller, request: canonical, kept }, response);
			} finally {
				if (!isKept) {
					await file
						.discard()
						.catch(fault => logger.error({ err: fault }, 'an image could not be removed from the spool'));
				}
			}
		},
	};
}
