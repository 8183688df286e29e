import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import { createLogger } from '../common/log/logger.ts';
import type { RackPlan } from '../qemu/rack/rack-plan.ts';
import { portNumber } from './command-line/options.ts';
import type { Registration } from './command-line/registration.ts';
import { type CliContext, commandName } from './context.ts';
import { hinted } from './failure.ts';
import { painter } from './output.ts';
import { profileHome } from './profile.ts';
import type { DemoSite } from './up/demo-site.ts';
import { profilesOf, saveHilProfiles, saveProfiles } from './up/profiles.ts';
import type { SiteOptions } from './up/start-site.ts';
import { welcome } from './up/welcome.ts';

interface Options extends Omit<SiteOptions, 'logger' | 'progress' | 'state'> {
	readonly state?: string;
	readonly servers: number;
	readonly rack?: string;
	readonly json?: boolean;
	readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const shippedPolicies = fileURLToPath(new URL('../policies', import.meta.url));

/** `bimetal up`: a whole site on this machine. */
export function upCommand(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	program
		.command('up')
		.description(
			'Start a whole site on this machine: a rack, its PDU, the proxy, hil, the provisioner, attestation, the market',
		)
		.option('--state <folder>', 'where the state is kept: .bimetal, or .bimetal-NAME of a rack file')
		.option('--host <address>', 'address to listen on', '127.0.0.1')
		.option('--port <n>', 'main port; the BMCs follow it; 0 takes free ones', portNumber, 8443)
		.option('--hil-port <n>', 'port of hil; a free one where it is taken, or --port is 0', portNumber, 5000)
		.option('--provisioner-port <n>', 'port of the provisioner, likewise', portNumber, 5001)
		.option('--attest-port <n>', 'port of registrar and verifier, likewise', portNumber, 5002)
		.option('--market-port <n>', 'port of the market, likewise', portNumber, 5003)
		.option('--ops-port <n>', 'port of health and metrics, on loopback; 0 takes a free one', portNumber, 0)
		.option('--policies <folder>', 'authorization table and policies', shippedPolicies)
		.option(
			'--signed',
			'copy the policies to the state, let both parties sign them, and take only signed ones',
		)
		.option('--servers <n>', 'emulated servers in the rack', serverCount, 8)
		.option('--rack <file>', 'virtual servers instead, as a rack file has them; its state is another folder')
		.option('--processes <n>', 'processes that serve clients; auto: one for each core', processCount, 1)
		.option('--log-level <level>', 'debug, info, warn or error', 'warn')
		.option('--json', 'print one JSON line with all URLs and log-ins')
		.addHelpText(
			'after',
			`\nExamples:\n  ${bimetal} up\n  ${bimetal} up --json --port 0 --state /tmp/trial\n`,
		)
		.action(run((options: Options) => up(context, options)));
}

async function up(context: CliContext, options: Options): Promise<number> {
	const [{ startSite }, { emulatedRack }, { virtualRackRoom }] = await Promise.all([
		import('./up/start-site.ts'),
		import('./up/emulated-rack.ts'),
		import('./up/virtual-rack-room.ts'),
	]);
	const interrupted = context.interruption();
	const paint = painter(context);
	const logger = createLogger({
		service: 'up',
		level: options.logLevel,
		destination: { write: line => void context.stderr.write(line) },
	});
	const plan = await planOf(context, options);
	const { state: given = plan ? `.bimetal-${plan.name}` : '.bimetal' } = options;
	const state = resolve(context.cwd, given);
	mkdirSync(state, { recursive: true, mode: 0o700 });
	const running = await startSite(
		{
			...options,
			state,
			policies: resolve(context.cwd, options.policies),
			logger,
			progress: step => void (options.json || context.stderr.write(`bimetal: starting: ${step}…\n`)),
		},
		plan ? virtualRackRoom(plan, state, context.env) : emulatedRack(state, options.servers),
	);
	try {
		await saveProfiles(running.site, running.line.proxy.url);
		const { line } = running;
		if (line.hil) await saveHilProfiles(running.site, line.hil, line);
		context.stdout.write(
			options.json
				? `${JSON.stringify(line)}\n`
				: welcome(line, lineCommand(context), paint, unfoundProfiles(context, running.site)),
		);
		if (!interrupted.aborted) {
			await new Promise<void>(done => interrupted.addEventListener('abort', () => done(), { once: true }));
		}
		if (!options.json) context.stderr.write('\nbimetal: ending…\n');
	} finally {
		await running.close();
	}
	return 0;
}

/** The rack of virtual servers that is asked for, if any. @throws what it lacks here, and how to get it */
async function planOf({ cwd }: CliContext, { rack }: Options): Promise<RackPlan | undefined> {
	if (rack === undefined) return undefined;
	const [{ readRackFile }, { planRack }, { checkSwitchRequirements }] = await Promise.all([
		import('../qemu/rack/rack-file.ts'),
		import('../qemu/rack/rack-plan.ts'),
		import('../qemu/switch/requirements.ts'),
	]);
	const plan = planRack(readRackFile(resolve(cwd, rack)));
	if (plan.hasSwitch)
		await checkSwitchRequirements().catch(fault => {
			throw hinted(fault, 'install what is missing, or say `switch: false` in the rack file');
		});
	return plan;
}

/** Where the state is elsewhere (`--state`), commands started here have to be told where the profiles are. */
const unfoundProfiles = (context: CliContext, site: DemoSite): string | undefined =>
	profileHome(context) === profilesOf(site) ? undefined : profilesOf(site);

/** `npm start` runs us without a name on the path: the lines to paste then go through npx. */
const lineCommand = (context: CliContext): string =>
	context.env.npm_lifecycle_event === undefined ? commandName(context) : 'npx bimetal';

function processCount(text: string): number | 'auto' {
	if (text === 'auto') return text;
	const count = Number(text);
	if (!/^\d{1,2}$/.test(text) || count < 1 || count > 64)
		throw new InvalidArgumentError('expected 1 to 64, or auto');
	return count;
}

function serverCount(text: string): number {
	const count = Number(text);
	if (!/^\d{1,3}$/.test(text) || count < 1 || count > 64) throw new InvalidArgumentError('expected 1 to 64');
	return count;
}
