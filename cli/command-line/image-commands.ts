import { Argument, type Command, Option } from 'commander';
import type { AllowlistOptions } from '../commands/image-allowlist.ts';
import type { BuildImageOptions, Recipe } from '../commands/image-build.ts';
import type { EncryptImageOptions } from '../commands/image-encrypt.ts';
import type { ImportOptions } from '../commands/image-import.ts';
import type { PcrsOptions } from '../commands/image-pcrs.ts';
import type { ExportOptions, ShareOptions } from '../commands/images.ts';
import { commandName } from '../context.ts';
import type { ProvisionerOptions } from '../provisioner/provisioner-connection.ts';
import { collect, group, withExamples, withJson } from './options.ts';
import { type Of, withProvisioner } from './provisioner-options.ts';
import type { Registration } from './registration.ts';

const onlyProject = 'only those of this project';
const forProject = 'for this project (your only one, when absent)';

/** Images and disks, and what the provisioner is doing with them. */
export function addImageCommands(program: Command, registration: Registration): void {
	addImages(program, registration);
	addDisks(program, registration);
	addOperations(program, registration);
}

const format = () => new Option('--format <format>', 'of the file').choices(['raw', 'qcow2']);

function addImages(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/images.ts');
	const image = group(program, 'image', 'Import, build, share and export what disks are cloned from');
	const list = image
		.command('list')
		.description('List images: those of your projects, shared ones, public ones')
		.option('--project <name>', onlyProject)
		.action(run(async (options: Of<{ project?: string }>) => (await load()).listImages(context, options)));
	withExamples(withProvisioner(list), [`${bimetal} image list --project red`]);

	const show = image
		.command('show')
		.description('Show an image: size, origin, checksum, who sees it')
		.argument('<image>', '[PROJECT/]NAME[@VERSION], or its id')
		.action(run(async (name: string, o: ProvisionerOptions) => (await load()).showImage(context, name, o)));
	withExamples(withProvisioner(show), [`${bimetal} image show debian@2`]);

	const take = image
		.command('import')
		.summary('Make an image of a file or of what a URL names')
		.description(
			'Uploads a file, or has the provisioner fetch a URL, as the next version of a name. After Ctrl-C or a cut the same ' +
				'command goes on with the upload where it was, for a day.',
		)
		.argument('<source>', 'a file, or an http(s) URL')
		.option('--name <name>', "the image's name (the file's, when absent)")
		.option('--project <name>', forProject)
		.addOption(format())
		.option('--sha256 <hex>', 'of a URL: what its content must be')
		.option('--description <text>', 'what it is')
		.action(
			run(async (source: string, options: ImportOptions) =>
				(await import('../commands/image-import.ts')).importImage(context, source, options),
			),
		);
	withExamples(withProvisioner(take), [
		`${bimetal} image import debian.qcow2`,
		`${bimetal} image import https://cloud.example/debian-13.qcow2 --sha256 HEX --name debian --project red`,
	]);

	const build = image
		.command('build')
		.summary("Build a bootable image of Debian's packages, and upload it")
		.description(
			"Makes a small system of Debian's packages on this machine, and uploads it. It boots from a disk and over iSCSI, by " +
				'BIOS and by UEFI, and counts its boots. It takes host name, keys and user data from provisioning networks that ' +
				"it trusts: those of the provisioner that it is uploaded to, or --trust's. Built once, it is taken again until " +
				'packages or bimetal are newer; the same packages make the same bytes. airlock is what a node proves in, with its ' +
				'TPM, what it is and what it has booted: it asks the registrar and the verifier alone, and nobody can log in.',
		)
		.addArgument(new Argument('<recipe>', 'what to build').choices(['debian', 'airlock']))
		.option('--name <name>', "the image's name (the recipe's, when absent)")
		.option('--project <name>', forProject)
		.option('-o, --out <file>', 'write it to a file instead of uploading it')
		.option('--full', 'Debian with systemd, cloud-init and SSH; built by root, in minutes')
		.option('--package <name>', 'with --full: one more of Debian (repeatable)', collect)
		.option('--attested', 'of debian: can be encrypted, is started by an airlock, and proves what runs')
		.option(
			'--trust <file>',
			"an authority that it trusts: a provisioning network's, registrar's (PEM; repeatable)",
			collect,
		)
		.option('--registrar <url>', 'of airlock: where nodes show their TPM, as https://ADDRESS:PORT')
		.option('--verifier <url>', "of airlock: where they show what has booted (the registrar's, when absent)")
		.option(
			'--tpm2-tools',
			"of airlock: Debian's tools speak to the TPM, in place of bimetal's script; slower",
		)
		.option('--sign-key <file>', 'of airlock: the RSA key that signs it for Secure Boot (PEM)')
		.option(
			'--sign-certificate <file>',
			'of airlock: its certificate, which the firmware of nodes trusts (PEM)',
		)
		.action(
			run(async (recipe: Recipe, options: BuildImageOptions) =>
				(await import('../commands/image-build.ts')).buildImage(context, recipe, options),
			),
		);
	withExamples(withProvisioner(build), [
		`${bimetal} image build debian --project red`,
		`${bimetal} image build debian --full --package nginx-light --name web`,
		`${bimetal} image build debian --out debian.qcow2 --trust authority.crt.pem`,
		`${bimetal} image build airlock --registrar https://10.9.0.1:5002 --trust site-ca.pem`,
	]);

	const encrypt = image
		.command('encrypt')
		.summary('Encrypt an image, so that attested nodes alone can open it')
		.description(
			'Makes a disk on this machine that holds nothing but a LUKS2 container with the largest ext file system of an image: ' +
				'whoever keeps it or serves it sees no byte of that. Beside it stands what an airlock must be told to start the ' +
				'system in there, for attest payload. No root is needed.',
		)
		.argument('<file>', 'raw or qcow2, of image build debian --attested')
		.option('--key <file>', 'what is to open it: 32 bytes of chance or more')
		.option('-o, --out <file>', 'the disk, qcow2; a file that is not there yet')
		.option('--boot <file>', 'what starts it (the disk’s name with .boot.json, when absent)')
		.action(
			run(async (file: string, o: EncryptImageOptions) =>
				(await import('../commands/image-encrypt.ts')).encryptImageFile(context, file, o),
			),
		);
	withExamples(withJson(encrypt), [
		'head -c 64 /dev/urandom > luks.key',
		`${bimetal} image encrypt debian.qcow2 --key luks.key --out web.qcow2`,
	]);

	const allowlist = image
		.command('allowlist')
		.summary("Write the digests of an image's files, for a policy of attestation")
		.description(
			'Reads the largest ext file system of an image on this machine, without mounting it, and writes what stands under ' +
				'ima in a policy. What runs before that file system is there (the initramfs) is not in it: attest learn shows that.',
		)
		.argument('<file>', 'raw or qcow2, without a backing file')
		.option('--under <folder>', 'only files below this folder (repeatable)', collect)
		.option('-o, --out <file>', 'write it to a file that is not there yet')
		.action(
			run(async (file: string, o: AllowlistOptions) =>
				(await import('../commands/image-allowlist.ts')).imageAllowlist(context, file, o),
			),
		);
	withExamples(withJson(allowlist), [
		`${bimetal} image allowlist debian.qcow2 --under /usr --out files.yaml`,
	]);

	const pcrs = image
		.command('pcrs')
		.summary('Work out what UEFI measures of an EFI program, for a policy of attestation')
		.description(
			'Computes PCRs 4, 9 and 11 of a boot from a program of kernel, initrd and command line, as image build airlock ' +
				'--out FILE.efi makes one, without booting it. They are the same on any firmware that boots it from a boot option ' +
				'and starts nothing else before (PCR 4: with Secure Boot and without); the other PCRs are the firmware’s own: attest learn shows those.',
		)
		.argument('<file>', 'the EFI program')
		.option('--rules', 'the digest of each event instead, for the rules of a policy')
		.action(
			run(async (file: string, o: PcrsOptions) =>
				(await import('../commands/image-pcrs.ts')).imagePcrs(context, file, o),
			),
		);
	withExamples(withJson(pcrs), [
		`${bimetal} image pcrs airlock.efi`,
		`${bimetal} image pcrs airlock.efi --rules`,
	]);

	const give = image
		.command('export')
		.description('Write what an image holds to a file, and see that it came whole')
		.argument('<image>', 'the image')
		.addOption(format().default('qcow2'))
		.option('-o, --out <file>', 'the file (NAME-VERSION.qcow2 here, when absent)')
		.action(
			run(async (name: string, options: ExportOptions) => (await load()).exportImage(context, name, options)),
		);
	withExamples(withProvisioner(give), [`${bimetal} image export debian@2 --format raw --out debian.img`]);

	const share = image
		.command('share')
		.description('Say who sees an image, and may clone it')
		.argument('<image>', 'the image')
		.option('--with <project>', 'these projects and its own (repeatable)', collect)
		.option('--public', 'everybody')
		.option('--private', 'its project alone')
		.action(run(async (name: string, o: ShareOptions) => (await load()).shareImage(context, name, o)));
	withExamples(withProvisioner(share), [
		`${bimetal} image share debian --with blue --with green`,
		`${bimetal} image share debian --public`,
	]);

	const protect = image
		.command('protect')
		.description('Keep an image from being deleted or hidden')
		.argument('<image>', 'the image')
		.option('--off', 'protect it no more')
		.action(
			run(async (name: string, o: Of<{ off?: boolean }>) => (await load()).protectImage(context, name, o)),
		);
	withExamples(withProvisioner(protect), [`${bimetal} image protect debian@2`]);

	const remove = image
		.command('delete')
		.description('Delete an image; refused while it is protected or disks are made of it')
		.argument('<image>', 'the image')
		.action(run(async (name: string, o: ProvisionerOptions) => (await load()).deleteImage(context, name, o)));
	withExamples(withProvisioner(remove), [`${bimetal} image delete debian@1`]);
}

function addDisks(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/disks.ts');
	const disk = group(program, 'disk', 'Clone images to disks, snapshot them, delete them');
	const list = disk
		.command('list')
		.description('List the disks of your projects')
		.option('--project <name>', onlyProject)
		.action(run(async (options: Of<{ project?: string }>) => (await load()).listDisks(context, options)));
	withExamples(withProvisioner(list), [`${bimetal} disk list`]);
	const show = disk
		.command('show')
		.description('Show a disk: what it is made of, and which node has it')
		.argument('<disk>', '[PROJECT/]NAME, or its id')
		.action(run(async (name: string, o: ProvisionerOptions) => (await load()).showDisk(context, name, o)));
	withExamples(withProvisioner(show), [`${bimetal} disk show web`]);
	const create = disk
		.command('create')
		.description('Make a disk: a clone of an image, which copies nothing')
		.argument('<new-disk>', 'its name')
		.argument('<image>', 'what it is a clone of')
		.option('--project <name>', forProject)
		.action(
			run(async (name: string, of: string, o: Of<{ project?: string }>) =>
				(await load()).createDisk(context, [name, of], o),
			),
		);
	withExamples(withProvisioner(create), [`${bimetal} disk create web debian@2`]);
	const remove = disk
		.command('delete')
		.description('Delete a disk; refused while a node has it')
		.argument('<disk>', 'the disk')
		.action(run(async (name: string, o: ProvisionerOptions) => (await load()).deleteDisk(context, name, o)));
	withExamples(withProvisioner(remove), [`${bimetal} disk delete web`]);
	const snapshot = disk
		.command('snapshot')
		.summary('Make an image of what a disk holds now')
		.description(
			'Makes an image of what a disk holds at one moment, also while a node writes to it: what a power cut would leave.',
		)
		.argument('<disk>', 'the disk')
		.argument('<new-image>', "the image's name: its next version")
		.option('--description <text>', 'what it is')
		.action(
			run(async (name: string, as: string, o: Of<{ description?: string }>) =>
				(await load()).snapshotDisk(context, [name, as], o),
			),
		);
	withExamples(withProvisioner(snapshot), [`${bimetal} disk snapshot web web-configured`]);

	const usage = program
		.command('usage')
		.summary('Show what images and disks really take, and share')
		.description(
			'Shows what images and disks really take: an image once for all disks that are made of it, a disk what was written to ' +
				'it. Administrators also see what is free, and volumes that no record knows; --collect removes those.',
		)
		.option('--collect', 'remove what no record knows (administrators)')
		.action(
			run(async (options: Of<{ collect?: boolean }>) =>
				(await import('../commands/usage.ts')).showUsage(context, options),
			),
		);
	withExamples(withProvisioner(usage), [`${bimetal} usage`, `${bimetal} usage --collect --as admin`]);
}

function addOperations(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/operations.ts');
	const operation = group(program, 'operation', 'See what the provisioner is doing, and end it');
	const list = operation
		.command('list')
		.description('List what is under way in your projects')
		.option('--all', 'and what has ended')
		.action(run(async (options: Of<{ all?: boolean }>) => (await load()).listOperations(context, options)));
	withExamples(withProvisioner(list), [`${bimetal} operation list --all`]);
	const show = operation
		.command('show')
		.description('Show an operation: its stages and their times, and what went wrong')
		.argument('<operation>', 'its id')
		.action(run(async (id: string, o: ProvisionerOptions) => (await load()).showOperation(context, id, o)));
	withExamples(withProvisioner(show), [`${bimetal} operation show ID`]);
	const follow = operation
		.command('follow')
		.summary('Show how an operation gets on, until it has ended')
		.description(
			'Shows how an operation gets on, stage by stage, until it has ended. Ctrl-C ends the showing, not the operation. With ' +
				'--json it prints a line of JSON for each state that it comes to.',
		)
		.argument('<operation>', 'its id')
		.action(run(async (id: string, o: ProvisionerOptions) => (await load()).followOperation(context, id, o)));
	withExamples(withProvisioner(follow), [
		`${bimetal} operation follow ID`,
		`${bimetal} operation follow ID --json | jq -c .stages`,
	]);
	const cancel = operation
		.command('cancel')
		.description('End an operation: what it did is undone')
		.argument('<operation>', 'its id')
		.action(run(async (id: string, o: ProvisionerOptions) => (await load()).cancelOperation(context, id, o)));
	withExamples(withProvisioner(cancel), [`${bimetal} operation cancel ID`]);
}
