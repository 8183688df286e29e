import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Answer } from '../answer/answer.ts';
import { renderRedfishError } from '../answer/redfish-error.ts';
import type { TaskService } from '../approve/task-service.ts';
import type { SessionService } from '../authenticate/session-service.ts';
import type { Call } from '../call.ts';
import { canonicaliseBody, canonicaliseHead, type RequestHead } from '../canonicalise/canonicalise.ts';
import { readHeaderFields } from '../canonicalise/header-fields.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import { refusedAfterLogIn } from '../canonicalise/refusals.ts';
import { proxyErrors } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { withoutPrefix } from '../forward/links.ts';
import { performOpen } from '../forward/perform.ts';
import type { Admit } from '../limits/admission.ts';
import { nobody, type ShareBmc } from '../limits/share-bmc.ts';
import type { HoldUnread } from '../limits/unread.ts';
import type { Mediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import { HandOver } from '../processes/hand-over.ts';
import type { UploadService } from '../upload/upload-service.ts';
import { type Lingering, shortLingering } from './linger.ts';
import { inviteBody, readBody } from './read-body.ts';
import { writeAnswer } from './write-answer.ts';

export interface RedfishHandlerDeps {
	/** Throws Unauthenticated (or a throttle's refusal). Synchronous where it can be: it is on every request's way. */
	readonly authenticate: (
		head: Pick<RequestHead, 'fields'>,
		request: IncomingMessage,
	) => Operator | Promise<Operator>;
	readonly sessions: SessionService;
	readonly tasks: TaskService;
	readonly mediator: Mediator;
	readonly events: Pick<Events, 'isStream' | 'follow'>;
	readonly uploads: UploadService;
	readonly clock: Clock;
	readonly logger: Logger;
	/** In a process that leaves requests to another: called for those that throw HandOver. */
	readonly handOver?: (request: IncomingMessage, response: ServerResponse) => void;
	/** Lets an operator's request in, see limits/admission.ts. */
	readonly admit?: Admit | undefined;
	/** A BMC's connections as a party may use them. */
	readonly share: ShareBmc;
	readonly holdUnread: HoldUnread;
	readonly observe: (observed: { method: string; route: string; status: string; ms: number }) => void;
}

/** Where a Redfish request was addressed: to a BMC (by port, host name or prefix), or to none on the main port. */
export interface Address {
	readonly bmc: BmcConnection | undefined;
	readonly prefix: string;
	/** The target as received, without the prefix. */
	readonly url: string;
}

export type RedfishHandler = (request: IncomingMessage, response: ServerResponse, address: Address) => void;

/** A Redfish call's way through the stages, from raw HTTP to the last byte of its answer. Never throws. */
export function createRedfishHandler(deps: RedfishHandlerDeps): RedfishHandler {
	const answer = async (
		request: IncomingMessage,
		response: ServerResponse,
		address: Address,
		asker: Asker,
	): Promise<Answer | 'passed'> => {
		let head: RequestHead;
		try {
			head = canonicaliseHead(
				{ method: request.method, url: address.url, rawHeaders: request.rawHeaders },
				{ opaqueUploads: isUpload, uploadLimit: deps.uploads.bodyLimit },
			);
		} catch (fault) {
			await requireKnown(fault, request, address);
			throw fault;
		}
		const invite = () => inviteBody(request, response);
		if (deps.sessions.isLogin(head)) {
			const bodyLimit = Math.min(head.bodyLimit, loginBodyLimit);
			const body = canonicaliseBody({ ...head, bodyLimit }, await readBody(request, bodyLimit, invite));
			const from = { socket: request.socket as TLSSocket, remoteAddress: request.socket.remoteAddress };
			return deps.sessions.logIn(body, from, address.prefix);
		}
		const { bmc, prefix } = address;
		if (isOpen(head) && bmc && !hasCredential(head))
			return performOpen(plainRequest(head.method, head.path), deps.share(bmc, nobody), prefix);
		const pending = deps.authenticate(head, request);
		const operator = pending instanceof Promise ? await pending : pending;
		asker.party = operator.party;
		if (deps.admit) {
			asker.leave = deps.admit(operator);
			response.once('close', asker.leave);
		}
		if (head.bodyKind === 'opaque') {
			if (!bmc) throw noBmc();
			asker.lingering = patience;
			return deps.uploads.take(
				head,
				{ operator, bmc: deps.share(bmc, operator.party), prefix },
				{ request, response, invite },
			);
		}
		const hasBody = head.bodyKind !== 'none' || request.headers['transfer-encoding'] !== undefined;
		const raw = hasBody ? await readBody(request, head.bodyLimit, invite) : undefined;
		const canonical = withoutPrefix(canonicaliseBody(head, raw), prefix);
		const session = deps.sessions.answer(canonical, operator, prefix);
		if (session) return session;
		if (!bmc) throw noBmc();
		if (canonical.segments[2] === 'TaskService' && canonical.segments.length > 3) {
			const own = await deps.tasks.answer(canonical, operator, bmc.target.name, prefix);
			if (own) return own;
		}
		const call: Call = { request: canonical, operator, bmc: deps.share(bmc, operator.party), prefix };
		if (deps.events.isStream(call)) {
			const identify = () => deps.authenticate(head, request);
			const lastEventId = request.headers['last-event-id']?.toString();
			return deps.events.follow(call, { response, identify, lastEventId });
		}
		const isRead = canonical.method === 'GET' || canonical.method === 'HEAD';
		if (canonical.path === '/redfish/v1/TaskService/Tasks' && isRead)
			return deps.tasks.list(call, deps.mediator.answer);
		return deps.mediator.mediate(call, response);
	};

	/** Who is nobody learns that first, not what else is wrong with the request. */
	const requireKnown = async (fault: unknown, request: IncomingMessage, address: Address): Promise<void> => {
		if (!(fault instanceof BimetalError && refusedAfterLogIn.has(fault.code))) return;
		if (deps.sessions.isLogin({ method: request.method, path: address.url })) return;
		const fields = readHeaderFields(request.rawHeaders);
		await deps.authenticate({ fields }, request);
	};

	/** Operators' clients that send an image without asking first are heard out, as far as it is one that could be taken. */
	const patience: Lingering = { bytes: deps.uploads.bodyLimit, time: 10_000 };
	const finish = (
		request: IncomingMessage,
		response: ServerResponse,
		result: Answer | 'passed',
		{ party, lingering }: Readonly<Asker>,
	): void => {
		if (result === 'passed') return;
		try {
			deps.holdUnread(party, result.body?.length ?? 0, response);
		} catch (fault) {
			writeAnswer(request, response, renderRedfishError(fault), lingering);
			return;
		}
		writeAnswer(request, response, result, lingering);
	};
	return (request, response, address) => {
		const began = deps.clock.now();
		let isHandedOver = false;
		response.once('close', () => {
			if (isHandedOver) return;
			// An early answer was written whole; its client may well go before it has sent all of its body.
			const isAnswered = response.writableFinished || (response.headersSent && !request.complete);
			const status = isAnswered ? String(response.statusCode) : 'aborted';
			const route = address.bmc ? 'redfish' : 'no-bmc';
			deps.observe({ method: request.method ?? '', route, status, ms: deps.clock.now() - began });
		});
		const asker: Asker = { party: nobody, lingering: shortLingering };
		answer(request, response, address, asker)
			.catch((fault: unknown): Answer | 'passed' => {
				if (fault instanceof HandOver && deps.handOver) {
					isHandedOver = true;
					asker.leave?.('undone');
					deps.handOver(request, response);
					return 'passed';
				}
				const rendered = renderRedfishError(fault);
				// 501 is about what the client asked for.
				if (rendered.status >= 500 && rendered.status !== 501 && !response.destroyed) {
					deps.logger.error(
						{ err: fault, method: request.method, target: request.url, bmc: address.bmc?.target.name },
						'the request failed',
					);
				}
				return rendered;
			})
			.then(result => finish(request, response, result, asker))
			.catch((fault: unknown) => {
				deps.logger.error({ err: fault }, 'the answer could not be written');
				response.destroy();
			});
	};
}

/** What becomes known of who asks, and decides on how the answer is given. */
interface Asker {
	party: string;
	lingering: Lingering;
	/** Says that the request is over: see limits/admission.ts. */
	leave?: ReturnType<Admit>;
}

const noBmc = () =>
	proxyErrors.UnknownBmc(
		'the address names no BMC: use its own port, or /bmc/<name>/redfish/v1 on this one; GET /p2c/v1/bmcs lists them',
	);

/** bmcweb's limit before log-in: nobody unknown makes the proxy hold more than this. */
const loginBodyLimit = 4096;

const isUpload = (path: string): boolean =>
	path === '/redfish/v1/UpdateService/update' || path === '/redfish/v1/UpdateService/update-multipart';

/** What DSP0266 §13.3.1 has open to everybody; a client that shows a credential is treated as an operator instead. */
const openPaths = new Set(['/redfish', '/redfish/v1', '/redfish/v1/$metadata', '/redfish/v1/odata']);
const isOpen = (head: RequestHead): boolean =>
	openPaths.has(head.path) && (head.method === 'GET' || head.method === 'HEAD') && head.query.length === 0;
const hasCredential = ({ fields }: RequestHead): boolean =>
	fields.authorization !== undefined || fields.authToken !== undefined;
