import { type Command, Option } from 'commander';
import type { AttestOptions } from '../attest/attest-connection.ts';
import type { OutOptions, ProjectOptions } from '../commands/attest-admissions.ts';
import type { EnrolOptions } from '../commands/attest-enrolments.ts';
import type { PayloadOptions } from '../commands/attest-payload.ts';
import type { AdmitPayloadOptions, ReleaseOptions } from '../commands/attest-release.ts';
import type { VerifyEvidenceOptions } from '../commands/attest-verify.ts';
import { commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { collect, positiveInteger, withExamples, withHilConnection, withJson } from './options.ts';
import { addPassages } from './passage-commands.ts';
import type { Registration } from './registration.ts';

/** The registrar and the verifier themselves, and what people do with them. */
export function addAttestCommands(program: Command, registration: Registration): void {
	const { context, run } = registration;
	const bimetal = commandName(context);
	const attest = program
		.command('attest')
		.summary('Start attestation alone: which machine a node is, and what it has booted')
		.description(
			'Starts the registrar, the verifier or both, as the site file says. The commands below talk to one that runs; ' +
				'verify needs none.',
		)
		.option('-c, --config <file>', 'site file of attestation')
		.helpCommand(false)
		.action(
			run(async ({ config }: { config?: string }) => {
				if (config === undefined)
					throw usageError('which site?', `${bimetal} attest -c attest.yaml, or ${bimetal} attest --help`);
				const service = await import('../../attest/main.ts');
				await service.main({ config });
				return 0;
			}),
		);
	withExamples(attest, [
		`${bimetal} attest -c attest.yaml`,
		`${bimetal} attest verify n1.evidence --roots roots.pem`,
	]);
	addEnrolments(attest, registration);
	addAdmissions(attest, registration);
	addPassages(attest, registration, { withAttest, withExpectations });
	addEvidence(attest, registration);
}

/** Which registrar and verifier, and as which user: of hil, or of its own. */
const withAttest = (command: Command): Command =>
	withHilConnection(command).addOption(
		new Option('--attest <url>', 'the registrar and verifier (or BIMETAL_ATTEST_URL)').helpGroup(
			'hil and user:',
		),
	);

/** What a node must be for the tenant to release anything to it. */
const withExpectations = (command: Command): Command =>
	command
		.option(
			'--roots <file>',
			'PEM: roots of endorsement keys’ certificates, and what is in between (repeatable)',
			collect,
		)
		.option('--fingerprint <sha256>', 'release to the node with this endorsement key only')
		.option('--policy-digest <sha256>', 'release only by this policy, as set-policy has said')
		.option('--verifier-key <file>', 'the public key (PEM) that the verifier must sign evidence with');
const forProject = 'for this project (your only one, when absent)';

function addEnrolments(attest: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/attest-enrolments.ts');
	const enrol = attest
		.command('enrol')
		.summary('Put on record which TPM is a node’s')
		.description(
			'Puts on record which TPM is a node’s, by its endorsement key. Another TPM under that name is refused from then on.',
		)
		.argument('<node>', 'the node')
		.option('--ek-certificate <file>', 'the endorsement key’s certificate, PEM or DER, as the TPM has it')
		.option('--fingerprint <sha256>', 'or the SHA-256 of its public key (SubjectPublicKeyInfo)')
		.action(run(async (node: string, o: EnrolOptions) => (await load()).enrolNode(context, node, o)));
	withExamples(withAttest(enrol), [`${bimetal} attest enrol n1 --ek-certificate n1-ek.der --as admin`]);
	const forget = attest
		.command('forget')
		.description('Forget a node’s TPM: it was replaced, or the node has left')
		.argument('<node>', 'the node')
		.action(run(async (node: string, o: AttestOptions) => (await load()).forgetNode(context, node, o)));
	withExamples(withAttest(forget), [`${bimetal} attest forget n1 --as admin`]);
	const list = attest
		.command('enrolments')
		.description('List which TPM is which node’s')
		.action(run(async (o: AttestOptions) => (await load()).listEnrolments(context, o)));
	withExamples(withAttest(list), [`${bimetal} attest enrolments --as admin`]);
}

function addAdmissions(attest: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/attest-admissions.ts');
	const learn = attest
		.command('learn')
		.summary('Make a policy of a reference boot')
		.description(
			'Waits for a node to boot in the airlock, takes that boot for good, and writes the policy that it, and nothing ' +
				'else, satisfies. The node is admitted to nothing by that.',
		)
		.argument('<node>', 'the node')
		.option('--project <name>', forProject)
		.option('-o, --out <file>', 'write it to a file that is not there yet')
		.action(run(async (node: string, o: OutOptions) => (await load()).learnNode(context, node, o)));
	withExamples(withAttest(learn), [`${bimetal} attest learn n1 --out n1-policy.yaml`]);
	const set = attest
		.command('set-policy')
		.summary('Set a policy from a file')
		.description(
			'Sets a policy of a project. The one called default judges nodes that have none of their own name. Admissions that ' +
				'are open go on by what they began with.',
		)
		.argument('<policy>', 'its name: of a node, default, or any other')
		.argument('<file>', 'YAML or JSON')
		.option('--project <name>', forProject)
		.action(
			run(async (name: string, file: string, o: ProjectOptions) =>
				(await load()).setPolicy(context, [name, file], o),
			),
		);
	withExamples(withAttest(set), [`${bimetal} attest set-policy default n1-policy.yaml --project red`]);
	const policies = attest
		.command('policies')
		.summary('List policies, or show one')
		.description('Lists the policies of your projects; with a name, shows that one as set-policy takes it.')
		.argument('[policy]', 'show this one')
		.option('--project <name>', 'of this project alone')
		.action(
			run(async (name: string | undefined, o: ProjectOptions) => {
				const { listPolicies, showPolicy } = await import('../commands/attest-policies.ts');
				return name === undefined ? listPolicies(context, o) : showPolicy(context, name, o);
			}),
		);
	withExamples(withAttest(policies), [
		`${bimetal} attest policies --project red`,
		`${bimetal} attest policies default --project red > default.yaml`,
	]);
	const standard = attest
		.command('standard')
		.summary("Show the site's own policy for a node")
		.description(
			"Shows the site's own policy for a node: that of the airlock's project. Whoever comes through the airlock is held against " +
				'it too. What it accepts and a policy of yours refuses is not the node’s fault.',
		)
		.argument('<node>', 'the node')
		.action(run(async (node: string, o: AttestOptions) => (await load()).showStandard(context, node, o)));
	withExamples(withAttest(standard), [
		`${bimetal} attest standard n1`,
		`${bimetal} attest set-policy default airlock.yaml --project airlock --as admin`,
	]);
	const admit = attest
		.command('admit')
		.summary('Ask for a node to be admitted to a project, by a policy')
		.description(
			'Asks for a node to be admitted to a project, by a policy. With --payload it waits for the first good evidence, ' +
				'verifies that here, and only then releases the payload to that node: whoever runs the verifier cannot read it.',
		)
		.argument('<node>', 'the node')
		.option('--policy <name>', "by this policy (the node's own or default, when absent)")
		.option('--project <name>', forProject)
		.option('--interval <seconds>', 'between its quotes (10, when absent)', positiveInteger)
		.option(
			'--lease <seconds>',
			'for how long one good quote counts (three intervals, when absent); time for a system to start',
			positiveInteger,
		)
		.option(
			'--payload <file>',
			'what the node is to have once it is attested: keys, at most 64 KiB; takes --roots',
		)
		.action(
			run(async (node: string, o: AdmitPayloadOptions) =>
				(await import('../commands/attest-release.ts')).admitNodeWithPayload(context, node, o),
			),
		);
	withExamples(withAttest(withExpectations(admit)), [
		`${bimetal} attest admit n1 --project red`,
		`${bimetal} attest admit n1 --payload luks.key --roots manufacturers.pem`,
	]);
	const payload = attest
		.command('payload')
		.summary('Make a payload that an airlock starts an encrypted disk with')
		.description(
			'Puts together what an airlock takes when its node is attested: the key of an encrypted disk, and what is to be ' +
				'started from there, with digests, so that nothing else is. It goes to a file that its owner alone can read.',
		)
		.option('--luks-key <file>', 'the key that image encrypt was given')
		.option('--boot <file>', 'what image encrypt has written beside the disk')
		.option(
			'--ipsec-key <file>',
			'the secret of a network of yours, which stays here: keys for pairs are made of it',
		)
		.option('--node <name=address>', 'with --ipsec-key: this node, and its IPv4 address there')
		.option('--peer <name=address>', 'with --ipsec-key: another of your nodes (repeatable)', collect)
		.option('-o, --out <file>', 'a file that is not there yet')
		.action(
			run(async (o: PayloadOptions) =>
				(await import('../commands/attest-payload.ts')).writePayload(context, o),
			),
		);
	withExamples(withJson(payload), [
		`${bimetal} attest payload --luks-key luks.key --boot web.qcow2.boot.json --out n1.payload`,
		`${bimetal} attest payload --luks-key luks.key --boot web.qcow2.boot.json --ipsec-key net.key --node n1=10.1.0.1 --peer n2=10.1.0.2 --out n1.payload`,
	]);
	const release = attest
		.command('release')
		.summary('Verify a node’s evidence here, and release a payload to it')
		.description(
			'Waits until a node is attested, judges its evidence here, without relying on the verifier, seals the payload for ' +
				'that node alone, and waits until the node has been given it. Once for an admission. Exit 10 when the evidence does not hold.',
		)
		.argument('<admission>', 'its id')
		.argument('<payload>', 'the file: at most 64 KiB')
		.action(
			run(async (id: string, file: string, o: ReleaseOptions) =>
				(await import('../commands/attest-release.ts')).releaseToNode(context, [id, file], o),
			),
		);
	withExamples(withAttest(withExpectations(release)), [
		`${bimetal} attest release ID luks.key --roots manufacturers.pem`,
	]);
	const list = attest
		.command('list')
		.description('List admissions that are open')
		.option('--all', 'and those that are over')
		.action(run(async (o: AttestOptions & { all?: boolean }) => (await load()).listAdmissions(context, o)));
	withExamples(withAttest(list), [`${bimetal} attest list --all`]);
	const show = attest
		.command('show')
		.description('Show how an admission stands, and why')
		.argument('<admission>', 'its id')
		.action(run(async (id: string, o: AttestOptions) => (await load()).showAdmission(context, id, o)));
	withExamples(withAttest(show), [`${bimetal} attest show ID`]);
	const watch = attest
		.command('watch')
		.summary('Wait until a node is attested no longer')
		.description(
			'Ends, with exit code 10, as soon as a node is attested no longer: the verifier says so, or says nothing until what ' +
				'it said last has run out. For whatever cuts the node off.',
		)
		.argument('<admission>', 'its id')
		.action(run(async (id: string, o: AttestOptions) => (await load()).watchNode(context, id, o)));
	withExamples(withAttest(watch), [`${bimetal} attest watch ID; ./cut-off n1`]);
	const end = attest
		.command('end')
		.description('End an admission: you are done with the node')
		.argument('<admission>', 'its id')
		.action(run(async (id: string, o: AttestOptions) => (await load()).endAdmission(context, id, o)));
	withExamples(withAttest(end), [`${bimetal} attest end ID`]);
	const withdraw = attest
		.command('withdraw')
		.description('Trust a node no longer, and tell everybody who listens')
		.argument('<admission>', 'its id')
		.argument('<reason>', 'why: everybody is told')
		.action(
			run(async (id: string, reason: string, o: AttestOptions) =>
				(await load()).withdrawAdmission(context, [id, reason], o),
			),
		);
	withExamples(withAttest(withdraw), [`${bimetal} attest withdraw ID "stolen"`]);
}

function addEvidence(attest: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const evidence = attest
		.command('evidence')
		.description('Write everything that is kept of an admission to a file, for others to verify')
		.argument('<admission>', 'its id')
		.option('-o, --out <file>', 'the file (NODE.evidence here, when absent)')
		.action(
			run(async (id: string, o: OutOptions) =>
				(await import('../commands/attest-admissions.ts')).exportEvidence(context, id, o),
			),
		);
	withExamples(withAttest(evidence), [`${bimetal} attest evidence ID --out n1.evidence`]);
	const verify = attest
		.command('verify')
		.summary('Judge evidence again, without asking anybody')
		.description(
			'Judges every quote, log and list of a file of evidence again, offline, and says where a verdict was another. Exit ' +
				'10 when something does not hold.',
		)
		.argument('<file>', 'what attest evidence wrote')
		.option('--key <file>', 'the public key (PEM) that the verifier must have signed with')
		.option(
			'--roots <file>',
			'PEM: roots of endorsement keys’ certificates, and what is in between (repeatable)',
			collect,
		)
		.action(
			run(async (file: string, o: VerifyEvidenceOptions) =>
				(await import('../commands/attest-verify.ts')).verifyEvidenceFile(context, file, o),
			),
		);
	withExamples(withJson(verify), [
		`${bimetal} attest verify n1.evidence`,
		`${bimetal} attest verify n1.evidence --key verifier.pub --roots manufacturers.pem`,
	]);
}
