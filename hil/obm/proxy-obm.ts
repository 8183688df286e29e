import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Answer, type OpenConsole, type ProxyClient, redfishMessages } from '../../proxy/client.ts';
import { hilErrors } from '../errors.ts';
import { consoleOutput } from './console-output.ts';
import type { BootDevice, NodeState, Obm, ObmOutcome, PowerChange, RequestState } from './obm.ts';
import { createProxySession, type ProxyAccount, type ProxySession } from './proxy-session.ts';

/** Systems of a BMC: DSP2046, ComputerSystemCollection. */
const systemCollection = z.looseObject({
	Members: z.array(z.looseObject({ '@odata.id': z.string() })).min(1),
});
const system = z.looseObject({
	PowerState: z.string().optional(),
	Boot: z
		.looseObject({
			BootSourceOverrideEnabled: z.string().optional(),
			BootSourceOverrideTarget: z.string().optional(),
		})
		.optional(),
});
/** A 202 of the proxy itself; a BMC's own task has none of this. */
const waitingTask = z.looseObject({
	Oem: z.looseObject({
		Bimetal: z.looseObject({ RequestId: z.string(), NeedsAuthorizationOf: z.array(z.array(z.string())) }),
	}),
});

/** ComputerSystem.v1_20: BootSourceOverrideTarget. */
const bootTargets: Readonly<Record<BootDevice, object>> = {
	pxe: { BootSourceOverrideEnabled: 'Continuous', BootSourceOverrideTarget: 'Pxe' },
	disk: { BootSourceOverrideEnabled: 'Continuous', BootSourceOverrideTarget: 'Hdd' },
	none: { BootSourceOverrideEnabled: 'Disabled', BootSourceOverrideTarget: 'None' },
};

/** Resource.PowerState: what is on its way counts as on when power is there. */
const powerStates: Readonly<Record<string, 'on' | 'off'>> = {
	On: 'on',
	PoweringOn: 'on',
	PoweringOff: 'on',
	Off: 'off',
};

function bootDeviceOf(boot: z.output<typeof system>['Boot']): NodeState['bootDevice'] {
	if (!boot) return 'unknown';
	const { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: target } = boot;
	if (enabled === 'Disabled' || target === 'None') return 'none';
	return target === 'Pxe' ? 'pxe' : target === 'Hdd' ? 'disk' : 'unknown';
}

/** Path of a BMC's first serial console, as bmcweb has it. */
const serialConsole = '/console0';

/** Where a node's management is: the proxy's origin and the BMC's name there. */
function placeOf(uri: string): { readonly origin: string; readonly bmc: string } {
	const { origin, pathname } = new URL(uri);
	const [, bmc] = /^\/bmc\/([^/]+)$/.exec(pathname) ?? [];
	if (bmc === undefined) throw hilErrors.OBMError(`${uri} is no address of a BMC at a proxy.`);
	return { origin, bmc: decodeURIComponent(bmc) };
}

/**
 * Nodes managed over Redfish through P²C proxies, each with hil's own account there: no BMC's credential is known here,
 * and what a BMC's owner must agree to waits at the proxy.
 */
export function createProxyObm(accounts: readonly ProxyAccount[]): Obm {
	const sessions = new Map<string, ProxySession>(
		accounts.map(account => [new URL(account.url).origin, createProxySession(account)]),
	);

	async function through<R extends object>(
		uri: string,
		call: (client: ProxyClient, bmc: string) => Promise<R>,
	): Promise<R> {
		const { origin, bmc } = placeOf(uri);
		const session = sessions.get(origin);
		if (!session) throw hilErrors.OBMError(`This site has no account at ${origin}.`);
		try {
			return await session.use(client => call(client, bmc));
		} catch (cause) {
			if (cause instanceof BimetalError && cause.code === 'OBMError') throw cause;
			throw hilErrors.OBMError(`${uri}: ${cause instanceof Error ? cause.message : String(cause)}`, {
				cause,
			});
		}
	}

	async function read<S extends z.ZodType>(uri: string, path: string, schema: S): Promise<z.output<S>> {
		const answer = await through(uri, (client, bmc) => client.redfish({ bmc, method: 'GET', path }));
		if (answer.status !== 200) throw refusal(uri, answer);
		const parsed = schema.safeParse(answer.body);
		if (parsed.success) return parsed.data;
		throw hilErrors.OBMError(`${uri}${path} is not as Redfish has it.`, { cause: parsed.error });
	}

	async function systemPath(uri: string): Promise<string> {
		const { Members } = await read(uri, '/redfish/v1/Systems', systemCollection);
		const path = Members[0]?.['@odata.id'] ?? '';
		// The proxy gives links as clients have to follow them: with the prefix of the BMC.
		const { bmc } = placeOf(uri);
		return path.replace(new RegExp(`^/bmc/${encodeURIComponent(bmc).replace(/\W/g, '\\$&')}(?=/)`), '');
	}

	async function state(uri: string): Promise<NodeState> {
		const { PowerState, Boot } = await read(uri, await systemPath(uri), system);
		return { power: powerStates[PowerState ?? ''] ?? 'unknown', bootDevice: bootDeviceOf(Boot) };
	}

	async function change(uri: string, method: string, path: string, body: object): Promise<ObmOutcome> {
		const answer = await through(uri, (client, bmc) =>
			client.redfish({ bmc, method, path, body: body as never }),
		);
		return outcomeOf(uri, answer);
	}

	async function resetType(uri: string, wanted: PowerChange): Promise<string> {
		if (wanted === 'on') return 'On';
		if (wanted === 'off') return 'ForceOff';
		if ((await state(uri)).power === 'off') return 'On';
		return wanted === 'cycle' ? 'GracefulRestart' : 'ForceRestart';
	}

	return {
		async power(uri, wanted) {
			const path = `${await systemPath(uri)}/Actions/ComputerSystem.Reset`;
			return change(uri, 'POST', path, { ResetType: await resetType(uri, wanted) });
		},
		state,
		setBootDevice: async (uri, device) =>
			change(uri, 'PATCH', await systemPath(uri), { Boot: bootTargets[device] }),
		async openConsole(uri, signal) {
			const opened: OpenConsole | Answer = await through(uri, (client, bmc) =>
				client.consoles.open(bmc, serialConsole),
			);
			if ('onData' in opened) return { kind: 'open', output: consoleOutput(opened, signal) };
			const outcome = outcomeOf(uri, opened);
			if (outcome.kind === 'waiting') return outcome;
			throw hilErrors.OBMError(`${uri}: the console did not open.`);
		},
		follow: async (uri, request): Promise<RequestState> =>
			requestStates[(await through(uri, client => client.request(request))).state],
		async withdraw(uri, request) {
			const { state } = await through(uri, client => client.request(request));
			// What is being executed cannot be taken back; what is over need not be.
			if (requestStates[state] !== 'waiting') return;
			await through(uri, client => client.withdraw(request, { reason: 'the node changes hands' }));
		},
		async close() {
			for (const session of sessions.values()) await session.close();
		},
	};
}

/** As docs/lifecycle.md has them. A console that was approved is opened by asking again. */
const requestStates = {
	waiting: 'waiting',
	executing: 'waiting',
	approved: 'done',
	executed: 'done',
	denied: 'failed',
	withdrawn: 'failed',
	expired: 'failed',
	failed: 'failed',
	unknown: 'failed',
} as const;

function outcomeOf(uri: string, answer: Answer): ObmOutcome {
	if (answer.status === 202) {
		const waiting = waitingTask.safeParse(answer.body);
		if (waiting.success) {
			const { RequestId: request, NeedsAuthorizationOf } = waiting.data.Oem.Bimetal;
			return {
				kind: 'waiting',
				request,
				needs: NeedsAuthorizationOf.map(all => all.join(' and ')).join(', or '),
			};
		}
	}
	if (answer.status >= 200 && answer.status < 300) return { kind: 'done' };
	throw refusal(uri, answer);
}

const refusal = (uri: string, answer: Answer): BimetalError => {
	const said = redfishMessages(answer.body)[0]?.message;
	return hilErrors.OBMError(
		answer.status === 202
			? `${uri}: reading it waits for another party.`
			: `${uri} answered ${answer.status}${said === undefined ? '' : `: ${said}`}`,
	);
};
