import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { BmcConnection, ForwardRequest } from './bmc-connection.ts';
import type { BmcAnswer } from './exchange.ts';
import { passWhole } from './exchange.ts';

/** One exchange that several reads share. */
type Flight = Promise<BmcAnswer>;

interface Lane {
	/** Under way; who arrives now must not share it: what it brings may be older. */
	readonly flying: Flight;
	/** Begins when that one has ended, for all who arrived meanwhile. */
	next: Flight | undefined;
}

/**
 * Lets identical concurrent reads of one resource share an exchange with the BMC: at most one is under way and one
 * waits for it. Every read shares an exchange only that was sent after the read arrived, so that nobody is shown
 * anything older than one's own question; a change that was answered before is in it.
 *
 * What is shared is the BMC's raw answer. Each read has been decided on and recorded by itself, and filters the
 * answer for its own party. A fault is everybody's who shares the exchange, and nobody's beyond it.
 */
export function coalesceReads(bmc: BmcConnection): BmcConnection {
	const lanes = new Map<string, Lane>();

	const fly = (key: string, request: ForwardRequest): Flight => {
		const flying = bmc.send(request);
		const lane: Lane = { flying, next: undefined };
		lanes.set(key, lane);
		const landed = (): void => {
			if (lane.next === undefined) lanes.delete(key);
		};
		flying.then(landed, landed);
		return flying;
	};
	const share = (key: string, request: ForwardRequest): Flight => {
		const lane = lanes.get(key);
		if (!lane) return fly(key, request);
		const start = () => fly(key, request);
		lane.next ??= lane.flying.then(start, start);
		return lane.next;
	};

	return {
		...bmc,
		send: request => (isShared(request) ? share(keyOf(request), request) : bmc.send(request)),
		async pass(request, to, headers) {
			// Alone, an answer is passed on as it comes.
			if (!isShared(request)) return bmc.pass(request, to, headers);
			const answer = await share(keyOf(request), request).catch(fault => {
				// More than is kept of an answer, perhaps: alone it is passed on as it comes, and reading twice does no harm.
				if (fault instanceof BimetalError && fault.code === 'BmcGarbage') return undefined;
				throw fault;
			});
			return answer ? passWhole(answer, to, headers) : bmc.pass(request, to, headers);
		},
	};
}

/** All that the BMC is told: two that differ in anything are not the same read. */
const keyOf = ({ target, headers }: ForwardRequest): string => `${target}\n${JSON.stringify(headers)}`;

/**
 * Resources that describe hardware, whole: reading them changes nothing and ends. Not tasks (a monitor gives its
 * result once), sessions, event streams, updates, Oem resources, nor what may be a stream of bytes.
 */
const shared =
	/^\/redfish\/v1\/(?:Systems|Chassis|Managers|Fabrics|CompositionService|TelemetryService|Registries)(?:\/[^/?%.][^/?%]*)*$/;
const stateful = /\/(?:Oem|Actions|Attachment|attachment|Entries\/[^/]+)(?:\/|$)/;

const isShared = ({ method, target }: ForwardRequest): boolean =>
	method === 'GET' && shared.test(target) && !stateful.test(target);
