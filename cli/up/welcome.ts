import type { UpLine } from './demo-site.ts';

/**
 * What a person sees once everything runs: where it is, who may log in, and what to try.
 * @param profiles the folder of the operators' profiles, where commands do not find it by themselves
 */
export function welcome(
	line: UpLine,
	bimetal: string,
	paint: (style: 'bold' | 'dim', text: string) => string,
	profiles?: string,
): string {
	const people = [
		...line.operators.map(({ name, party, password }) => [party, name, password] as const),
		...(line.hil?.users ?? []).map(
			({ name, project, password }) => [project ?? 'hil', name, password] as const,
		),
	];
	const logIns = people.map(([of, name, password]) => `    ${of.padEnd(4)} ${name.padEnd(14)} ${password}`);
	const first = line.bmcs[0]?.name ?? 'node1';
	const second = line.bmcs[1]?.name ?? first;
	const server = line.bmcs[3]?.name ?? first;
	const spare = line.bmcs.slice(-3).map(({ name }) => name);
	const reset = 'Systems/system/Actions/ComputerSystem.Reset';
	const post = (bmc: string, path: string, body: string, as: string) =>
		`${bimetal} post ${path} --bmc ${bmc} --as ${as} -d '${body}'`;
	return `
${paint('bold', 'Bimetal runs')}: ${line.bmcs.length} emulated BMCs and their PDU, with the P²C proxy in front

${placesOf(line).join('\n')}

${logIns.join('\n')}

${paint('bold', 'Try')} (in another terminal, in this folder)${fewServers(line.bmcs.length)}${profiles === undefined ? '' : `\n\nexport BIMETAL_HOME=${shellWord(profiles)}`}

 1  HSO restarts a server at once: CP's policy holds, COUNT(External.Servers.State=="Up")>=6

${post(first, reset, '{"ResetType":"ForceRestart"}', 'hso')}

 2  Project red takes a server from hil and restarts it: hil asks the proxy, as one of HSO's operators

${bimetal} node take red ${server} --as red && ${bimetal} node power ${server} cycle --as red; ${bimetal} node list --as red

 3  HSO switches three servers off; with five up the same restart waits for CP, and so does a factory reset.
    It prints the line with which CP's operator approves; HSO's policy is then checked, and it runs once.

for n in ${spare.join(' ')}; do ${post('$n', reset, '{"ResetType":"ForceOff"}', 'hso')}; done; ${post(first, reset, '{"ResetType":"ForceRestart"}', 'hso')}; ${post(second, 'Managers/bmc/Actions/Manager.ResetToDefaults', '{"ResetType":"ResetAll"}', 'hso')}

 4  The same log and chassis as each party sees them: HSO only critical entries, CP all of them without their
    Oem fields (look without -t); Certificates for HSO, null for CP

for p in hso cp; do ${bimetal} get Systems/system/LogServices/EventLog/Entries --bmc ${first} --as $p -t; ${bimetal} get Chassis/chassis --bmc ${first} --as $p | grep -A2 Certificates; done

${imageLine(line, bimetal)}${marketLine(line, bimetal)}${paint('dim', 'Ctrl-C ends it; the next start finds the same state in')} ${line.state}
`;
}

/** Where everything is. */
function placesOf({ proxy, bmcs, hil, provisioner, attest, market, ca }: UpLine): string[] {
	const { missing = [], missingForBoot = [] } = provisioner ?? {};
	// What brings the one to work is best installed with what the other one takes.
	const install = `apt-get install ${[...new Set([...missing, ...missingForBoot])].join(' ')}`;
	const images =
		missing.length > 0
			? `images and disks need: ${install}`
			: `keeps images, clones disks from them${missingForBoot.length > 0 ? `; booting from those needs: ${install}` : ''}`;
	const places = [
		['proxy', proxy.url, `(one BMC: ${bmcs[0]?.url}/redfish/v1)`],
		...(hil ? [['hil', hil.url, '(gives servers to projects, connects their networks)']] : []),
		...(provisioner ? [['provisioner', provisioner.url, `(${images})`]] : []),
		...(attest
			? [
					[
						'attest',
						attest.url,
						`(which machine a node is, and what it has booted${attest.forNodes === undefined ? '; these servers have no TPM' : `; servers reach it at ${attest.forNodes}`})`,
					],
				]
			: []),
		...(market ? [['market', market.url, '(projects lease servers from each other, for credits)']] : []),
		['CA', ca, ''],
	];
	return places.map(([name = '', url = '', what = '']) =>
		`    ${name.padEnd(11)} ${url}   ${what}`.trimEnd(),
	);
}

/** What can be tried without an image at hand: an empty one. */
const imageLine = ({ provisioner, bmcs }: UpLine, bimetal: string): string =>
	!provisioner || provisioner.missing.length > 0
		? ''
		: provisioner.boots
			? ` 5  A server without a disk boots from a clone of an image of Debian's packages. Its power-on waits for CP, as fewer than
    six are up: '${bimetal} requests --as cp' in another terminal, and '${bimetal} approve ID --as cp'

${bimetal} image build debian --as red && ${bimetal} node take red ${bmcs[0]?.name} --as red && ${bimetal} node provision ${bmcs[0]?.name} debian --as red

`
			: ` 5  An image (here an empty one) is uploaded, and a disk is cloned from it, which copies nothing

truncate -s 64M /tmp/blank.img; ${bimetal} image import /tmp/blank.img --as red && ${bimetal} disk create scratch blank --as red && ${bimetal} usage --as red

`;

/** A server that no other line takes, if there is one. */
const marketLine = ({ market, provisioner, bmcs }: UpLine, bimetal: string): string => {
	const server = (bmcs[4] ?? bmcs[1] ?? bmcs[0])?.name ?? 'node1';
	const number = !provisioner || provisioner.missing.length > 0 ? 5 : 6;
	return market
		? ` ${number}  Red offers one of its servers for a credit an hour and may recall it; blue leases it for two hours, and hil hands it over

${bimetal} offer make --server ${server} --until +1d --price 278 --recall 5m --as red && ${bimetal} bid place --server ${server} --length 2h --price 300 --as blue; ${bimetal} credits show --as blue

`
		: '';
};

/** The policies that ship count servers that are up: at least six of them. */
const fewServers = (count: number): string =>
	count >= 8 ? '' : `\n\n    The lines are for eight servers; with ${count}, calls wait for CP more often.`;

const shellWord = (text: string): string =>
	/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
