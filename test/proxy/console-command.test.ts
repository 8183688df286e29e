// `bimetal console` against the whole proxy: it waits for the other party, opens, shows, and says why it ended.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { createTerminal } from '../../cli/test-terminal.ts';
import { startTestProxy } from './start-proxy.ts';

test('a console from the command line, from asking to its end by the other party', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-console-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const as = async (name: string): Promise<string[]> => {
		await writeFile(path.join(folder, name), `pw-${name}\n`);
		await writeFile(path.join(folder, 'ca.pem'), site.ca);
		const files = ['--password-file', path.join(folder, name), '--ca', path.join(folder, 'ca.pem')];
		return ['--url', site.url, '--user', name, ...files];
	};
	const explained = await createTerminal().run(
		'explain',
		'WEBSOCKET',
		'/bmc/node1/console0',
		...(await as('cp-operator')),
	);
	t.regex(
		explained.out,
		/WEBSOCKET \/console0 at node1[\s\S]*would wait for HSO[\s\S]*Open the serial console/,
	);
	const reviews: string[] = [];
	const acts = new Set<string>();
	const once = (what: string, act: () => Promise<unknown>): void => {
		if (acts.has(what)) return;
		acts.add(what);
		act().catch(fault => t.fail(String(fault)));
	};
	const operator = createTerminal({
		onError(text) {
			const id = /Request (\w+) waits for HSO/.exec(text)?.[1];
			if (id) {
				once('approve', async () => {
					const at = ['request', id, ...(await as('hso-operator'))];
					reviews.push((await createTerminal().run(...at)).out);
					const { digest } = (await site.ask('hso-operator', 'GET', `/p2c/v1/requests/${id}`)).json;
					await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
				});
			}
			if (text.includes('Connected')) {
				once('type', async () => {
					operator.stdin.write('\r');
					const shown = async () =>
						(await site.ask('hso-operator', 'GET', '/p2c/v1/consoles')).json.consoles[0]?.bytesOut ?? 0;
					while ((await shown()) < 10) await new Promise<void>(resolve => setTimeout(resolve, 5));
					const { id: open } = (await site.ask('hso-operator', 'GET', '/p2c/v1/consoles')).json.consoles[0];
					const reason = 'maintenance';
					await site.ask('hso-operator', 'DELETE', `/p2c/v1/consoles/${open}`, { body: { reason } });
				});
			}
		},
	});
	const ran = await operator.run('console', 'node1', ...(await as('cp-operator')));
	t.is(ran.code, 3, ran.err);
	t.regex(reviews[0] ?? '', /opened within 300 s[\s\S]*lets cp-operator open it, once,/);
	t.regex(ran.out, /node1 login: /);
	t.regex(ran.err, /Console closed: maintenance/);

	const other = createTerminal();
	const listed = await other.run('console', '--list', '--all', '--json', ...(await as('hso-operator')));
	const [session] = JSON.parse(listed.out).consoles;
	t.like(session, { state: 'ended', ended: { reason: 'maintenance' } });
	const late = await other.run(
		'console',
		'--end',
		session.id,
		'--reason',
		'x',
		...(await as('hso-operator')),
	);
	t.is(late.code, 8);
	t.is((await other.run('console', '--watch', session.id, ...(await as('hso-operator')))).code, 8);
	t.is((await other.run('console', '--end', session.id, ...(await as('hso-operator')))).code, 2);
	t.is((await other.run('console', ...(await as('hso-operator')))).code, 2);
});
