import type { ExecutionContext } from 'ava';
import { openConsole } from './open-console.ts';
import { startTestProxy, type TestProxy, type TestProxyOptions } from './start-proxy.ts';

export const start = async (t: ExecutionContext, options: TestProxyOptions = {}): Promise<TestProxy> => {
	const site = await startTestProxy(options);
	t.teardown(() => site.close());
	return site;
};

export const openAs = (
	t: ExecutionContext,
	site: TestProxy,
	who: Parameters<typeof openConsole>[2],
	console = '/console0',
	headers: Record<string, string> = {},
) => openConsole(t, site.ca, who, `${site.bmcUrls.node1}${console}`, headers);

export const watchAs = (t: ExecutionContext, site: TestProxy, who: string, id: string) =>
	openConsole(t, site.ca, who, `${site.url}/p2c/v1/consoles/${id}/watch`);

/** A console that CP's operator has asked for and HSO's has approved, open. */
export async function openAgreed(t: ExecutionContext, site: TestProxy, console = '/console0') {
	const asked = await openAs(t, site, 'cp-operator', console);
	if (asked.status !== 202) throw new Error(`it does not wait: ${asked.status}`);
	const { Id: requestId, Oem: oem } = asked.json;
	const approved = await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${requestId}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	if (approved.status !== 200) throw new Error(approved.whole);
	const opened = await openAs(t, site, 'cp-operator', console);
	const { consoles } = (await site.ask('cp-operator', 'GET', '/p2c/v1/consoles?state=open')).json;
	return { ...opened, socket: opened.socket, id: String(consoles.at(-1).id), requestId: String(requestId) };
}

/** Logs in to the emulated server behind it. */
export async function logIn({
	socket,
	until,
}: Pick<Awaited<ReturnType<typeof openAgreed>>, 'socket' | 'until'>): Promise<void> {
	for (const [typed, shown] of [
		['\r', 'login: '],
		['root\r', 'Password: '],
		['pw\r', '# '],
	] as const) {
		socket.send(typed);
		await until(shown);
	}
}

export const records = (site: TestProxy, action: string) =>
	site.records.filter(record => record.kind === 'console-session' && record.action === action);

/** Looks until it holds; ava ends what never does. */
export const eventually = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
	while (!(await holds())) await new Promise<void>(resolve => setTimeout(resolve, 5));
};

export const allEnded = (site: TestProxy) =>
	eventually(() => {
		const told = (wanted: string) => site.consoles.filter(({ state }) => state === wanted).length;
		return told('open') === told('ended');
	});
