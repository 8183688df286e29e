// The agents that one can copy, each a process of its own with a file of settings, on a market and a hil that run.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../common/log/logger.ts';
import { startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { createMarketClient } from '../../market/client.ts';
import { openMarket } from '../../market/open-market.ts';
import { readMarketSite } from '../../market/site.ts';
import { until } from '../visitor.ts';

const program = fileURLToPath(new URL('../../examples/market-agents/run-agent.ts', import.meta.url));
/** Seconds; processes start slowly where many run. */
const patience = 100;

/** Whose servers there are, and what they are. */
const owned = {
	pool: ['xl1', 'xl2', 'xl3', 'xl4', 'tpm1', 'tpm2', 'tpm3', 'tpm4'],
	cluster: ['h1'],
	cloud: ['c1'],
	lab: ['l1'],
	science: ['xl5'],
	clinic: ['tpm5'],
};
type Project = keyof typeof owned;
const projects = Object.keys(owned) as Project[];

interface RunningAgent {
	/** What it has said until now. */
	said(): { readonly out: string; readonly err: string };
	/** Its exit code, once it has one. */
	readonly gone: Promise<number | null>;
	/** SIGTERM; its exit code. */
	end(): Promise<number | null>;
}

function startAgent(t: ExecutionContext, settings: string): RunningAgent {
	const child: ChildProcess = spawn(
		process.execPath,
		['--disable-warning=ExperimentalWarning', program, settings],
		{
			stdio: ['ignore', 'pipe', 'pipe'],
		},
	);
	const gone = new Promise<number | null>(resolve => child.once('exit', resolve));
	t.teardown(async () => {
		if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
		await gone;
	});
	let [out, err] = ['', ''];
	child.stdout?.on('data', (part: Buffer) => {
		out += part;
	});
	child.stderr?.on('data', (part: Buffer) => {
		err += part;
	});
	return {
		said: () => ({ out, err }),
		gone,
		end() {
			child.kill('SIGTERM');
			return gone;
		},
	};
}

test('six agents lend and lease servers of a market, an emergency gets all of its own back, and a new start goes on', async t => {
	t.timeout(240_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-agents-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const write = async (name: string, text: string): Promise<string> => {
		await writeFile(path.join(folder, name), text, { mode: 0o600 });
		return path.join(folder, name);
	};

	const hil = await startHil(t, { obm: createMemoryObm() });
	for (const project of projects) {
		await hil.ok('PUT', `/v0/project/${project}`);
		await hil.ok('PUT', `/v0/auth/basic/user/${project}`, { password: project });
		await hil.ok('POST', `/v0/auth/basic/user/${project}/add_project`, { project });
		await write(`${project}.password`, `${project}\n`);
		for (const node of owned[project])
			await hil.ok('PUT', `/v0/node/${node}`, {
				obmd: { uri: `https://proxy/bmc/${node}`, admin_token: '' },
			});
	}
	await write('hil.password', 'root\n');
	const site = await write(
		'market.yaml',
		`store: { file: market.db }
listen: { port: 0 }
hil: { url: "${hil.url}", username: root, password: hil.password }
`,
	);
	const market = await openMarket(readMarketSite(site), { logger: silentLogger });
	t.teardown(() => market.close());
	const root = createMarketClient({ url: market.url, username: 'root', password: 'root' });
	t.teardown(() => root.close());
	for (const project of projects) {
		await root.moveCredits(project, 'grant', { amount: '1000000000', key: 'start', note: '' });
		for (const name of owned[project])
			await root.recordServer(name, {
				owner: project,
				properties: { model: name.startsWith('xl') ? 'xl170' : 'r640' },
				attestations: name.startsWith('tpm') ? ['measured-boot'] : [],
			});
	}

	const now = Math.floor(Date.now() / 1000);
	const jobs = (id: string, servers: number, length: number): string =>
		JSON.stringify([{ id, servers, length, earliest: now, latest: now + 3600 }]);
	await write('cloud.demand', '2\n');
	await write('pool.jobs', '[]');
	await write('lab.jobs', jobs('campaign', 2, 4));
	await write('science.jobs', jobs('experiment', 2, 3600));
	await write('clinic.jobs', jobs('case', 2, 3600));
	const settingsOf = (project: Project, more: string): Promise<string> =>
		write(
			`${project}.yaml`,
			`market: "${market.url}"
username: ${project}
password: ${project}.password
project: ${project}
servers: [${owned[project].join(', ')}]
shortest: 1
opening: 20
floor: 20
worth: 60
notice: 0
every: 1
${more}`,
		);
	const files: Record<Project, string> = {
		pool: await settingsOf('pool', 'agent: emergency\njobs: pool.jobs\nreserve: 0\n'),
		cluster: await settingsOf('cluster', 'agent: hpc\nmost: 2\n'),
		cloud: await settingsOf('cloud', 'agent: openstack\ndemand: cloud.demand\nheadroom: 0\n'),
		lab: await settingsOf('lab', 'agent: lab\njobs: lab.jobs\n'),
		science: await settingsOf('science', 'agent: researchers\njobs: science.jobs\nmodel: xl170\n'),
		clinic: await settingsOf(
			'clinic',
			'agent: compliance\njobs: clinic.jobs\nattestations: [measured-boot]\n',
		),
	};
	const agents = Object.fromEntries(projects.map(each => [each, startAgent(t, files[each])])) as Record<
		Project,
		RunningAgent
	>;
	const says = (who: Project, what: RegExp): Promise<unknown> =>
		until(
			async () => agents[who].said(),
			({ out }) => what.test(out),
			patience,
		);
	const leasesOf = (project: string) => root.leases({ project, all: true });
	const holders = async (): Promise<(string | null)[]> =>
		Promise.all(
			owned.pool.map(
				async node => ((await hil.ok('GET', `/v0/node/${node}`)) as { project: string | null }).project,
			),
		);

	// Everybody gets what it is after, and nothing else; hil has handed it over.
	await says('cluster', /2 servers at work/);
	await says('cloud', /2 servers at work/);
	await says('lab', /begin campaign/);
	await says('science', /begin experiment/);
	await says('clinic', /begin case/);
	const serversOf = async (project: Project): Promise<string[]> =>
		(await leasesOf(project)).flatMap(({ servers }) => servers.map(({ server }) => server));
	t.regex((await serversOf('science')).join(), /^xl[1-4]$/);
	t.regex((await serversOf('clinic')).join(), /^tpm[1-4]$/);
	await until(
		holders,
		all => all.filter(each => each === 'science' || each === 'clinic').length === 2,
		patience,
	);
	// A campaign ends, and its servers go back.
	await until(
		() => leasesOf('lab'),
		all => all.some(({ state, deliveredAt }) => state === 'over' && deliveredAt !== null),
		patience,
	);

	// The pool needs all that it has: it recalls what others have, and hil takes it back.
	await write('pool.jobs', jobs('disaster', 8, 3));
	await says('pool', /begin disaster/);
	await until(
		() => leasesOf('science'),
		all => all.every(({ state }) => state === 'over'),
		patience,
	);
	t.true((await root.statement('science')).some(({ kind }) => kind === 'compensation'));

	// Once it is over it offers them again. It ends at once when it is told to, and a new start takes its offers over.
	const open = async (): Promise<string[]> =>
		(await root.offers({ project: 'pool' })).filter(({ state }) => state === 'open').map(({ id }) => id);
	await until(open, ids => ids.length === owned.pool.length, patience);
	t.is(await agents.pool.end(), 0, JSON.stringify(agents.pool.said()));
	const before = await open();
	await write('pool.jobs', '[]');
	agents.pool = startAgent(t, files.pool);
	await says('pool', /servers at work/);
	t.is(agents.pool.said().err, '');
	t.deepEqual(await open(), before);
	for (const each of projects) t.is(await agents[each].end(), 0, JSON.stringify(agents[each].said()));
});

test('settings that cannot be are said with their line', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-agents-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const file = path.join(folder, 'settings.yaml');
	await writeFile(file, 'agent: hpc\nmarket: "http://market.example:5003"\n');
	const agent = startAgent(t, file);
	t.is(await agent.gone, 2);
	t.regex(agent.said().err, /settings\.yaml:2:/);
	t.regex(agent.said().err, /passwords would cross the network/);
});
