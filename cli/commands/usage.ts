import type { ProvisionerClient, UsageView } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { painter, printJson, printLine, printTable } from '../output.ts';
import { bytesText } from '../provisioner/progress-bar.ts';
import { type ProvisionerOptions, withProvisioner } from '../provisioner/provisioner-connection.ts';
import { visible } from '../visible.ts';

/** `bimetal usage`: each image with what is made of it; with `collect` what no record knows is removed. */
export const showUsage = (
	context: CliContext,
	options: ProvisionerOptions & { readonly collect?: boolean },
): Promise<number> =>
	withProvisioner(context, options, async ({ client, suffix }) => {
		if (options.collect) return collect(context, client, options);
		const usage = await client.usage();
		if (options.json) {
			printJson(context, usage);
			return 0;
		}
		const { strays, free } = usage;
		await printVolumes(context, usage);
		printLine(context, totalText(usage));
		if (free !== null) printLine(context, `${bytesText(free)} free.`);
		const next = `${commandName(context)} usage --collect${suffix}`;
		if (strays.length > 0)
			printLine(context, painter(context)('yellow', `'${next}' removes what no record knows.`));
		return 0;
	});

async function printVolumes(context: CliContext, { images, disks, strays }: UsageView): Promise<void> {
	if (images.length + disks.length + strays.length === 0) return printLine(context, 'Nothing is stored.');
	const row = (name: string, size: number | null, own: number, what = ''): string[] => [
		visible(name),
		size === null ? '' : bytesText(size).padStart(6),
		bytesText(own).padStart(6),
		visible(what),
	];
	const clonesOf = (image: string): string[][] =>
		disks.filter(disk => disk.image === image).map(({ name, size, own }) => row(`  ${name}`, size, own));
	const known = new Set(images.map(({ reference }) => reference));
	// Of images that are not, or no more, to be seen.
	const others = [...new Set(disks.map(({ image }) => image))].filter(image => !known.has(image));
	await printTable(
		context,
		['IMAGE, AND DISKS OF IT', '  SIZE', ' TAKES', ''],
		[
			...images.flatMap(({ reference, size, own, disks: count }) => [
				row(reference, size, own, sharedText(count)),
				...clonesOf(reference),
			]),
			...others.flatMap(image => [[visible(image), '', '', 'not yours to see'], ...clonesOf(image)]),
			...strays.map(({ id, own }) => row(id, null, own, 'no record knows it')),
		],
	);
	printLine(context);
}

function sharedText(disks: number): string {
	if (disks === 0) return 'no disk of yours is made of it';
	return disks === 1 ? 'one disk is made of it' : `shared by ${disks} disks`;
}

/** What is taken, and what it would be if each disk were a copy of its image. */
function totalText({ images, disks, strays }: UsageView): string {
	const sum = (of: readonly { readonly own: number }[]): number => of.reduce((all, { own }) => all + own, 0);
	const taken = sum(images) + sum(disks) + sum(strays);
	const copied = images.reduce((all, { own, disks: count }) => all + own * count, taken);
	return copied > taken
		? `${bytesText(taken)} taken; ${bytesText(copied)} if each disk were a copy.`
		: `${bytesText(taken)} taken.`;
}

async function collect(
	context: CliContext,
	client: ProvisionerClient,
	{ json }: ProvisionerOptions,
): Promise<number> {
	const collected = await client.collect();
	if (json) {
		printJson(context, collected);
		return 0;
	}
	const { removed, bytes, kept } = collected;
	for (const id of removed) printLine(context, `${visible(id)} is removed.`);
	for (const id of kept) printLine(context, `${visible(id)} is kept: it is in use.`);
	printLine(context, removed.length === 0 ? 'Nothing was removed.' : `${bytesText(bytes)} are free again.`);
	return 0;
}
