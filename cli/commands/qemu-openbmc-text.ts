import type { EnrolOutcome } from '../../proxy/enrol/enrol.ts';
import type { Openbmc } from '../../qemu/openbmc/start-openbmc.ts';
import type { UpLine } from '../up/demo-site.ts';
import { visible } from '../visible.ts';

type Paint = (style: 'bold' | 'dim', text: string) => string;

/** What `bimetal qemu openbmc --json` prints of the board. */
export function boardDocument(openbmc: Openbmc, enrolled: EnrolOutcome | undefined) {
	const { board, image, redfish, login, consoleFile, bootTime } = openbmc;
	return {
		machine: board.machine,
		pid: board.pid,
		url: board.url,
		redfishVersion: redfish.version,
		fingerprint: redfish.fingerprint,
		ports: board.forwards,
		console: consoleFile,
		bootSeconds: Math.round(bootTime / 100) / 10,
		image: { sha256: image.sha256, verified: image.verifiedBy !== undefined },
		// Public, and no longer its log-in once it is enrolled.
		login: enrolled ? null : login,
		...(enrolled && { shut: enrolled.shut, left: enrolled.left }),
	};
}

/** Where the board is, for people. */
export function boardText(openbmc: Openbmc, paint: Paint, isEnrolled: boolean): string {
	const { board, login, consoleFile, known, redfish } = openbmc;
	const others = board.forwards
		.slice(1)
		.map(({ protocol, here, board: port }) => `    port ${port}/${protocol}  127.0.0.1:${here}\n`);
	const publicly = `${login.username} / ${login.password}, which everybody knows: --proxy changes it`;
	return `
${paint('bold', 'OpenBMC runs')}: ${board.machine} (process ${board.pid})

    Redfish   ${board.url}/redfish/v1   (version ${visible(redfish.version)})
    its certificate's SHA-256 is ${redfish.fingerprint}
${others.join('')}    console   ${consoleFile}${known ? ` (${known.console} of the board)` : ''}
    log-in    ${isEnrolled ? 'known to the proxy only' : publicly}
${isEnrolled ? '' : `\n${paint('dim', 'Ctrl-C ends it; what the board wrote to its flash is gone then.')}\n`}`;
}

/** The proxy in front of it, and three lines to try. */
export function siteText(
	line: UpLine,
	enrolled: EnrolOutcome,
	bimetal: string,
	profiles: string,
	paint: Paint,
): string {
	const operators = line.operators.map(
		({ name, party, password }) => `    ${party.padEnd(4)} ${name.padEnd(14)} ${password}`,
	);
	const bmc = line.bmcs[0]?.name ?? '';
	const reset = 'Systems/system/Actions/ComputerSystem.Reset';
	return `
${paint('bold', 'The proxy is in front of it')}: ${enrolled.shut.length} doors were shut${enrolled.left.length ? `, and these would not shut: ${visible(enrolled.left.join(', '))}` : ''}

    proxy ${line.proxy.url}   (the board alone: ${line.bmcs[0]?.url}/redfish/v1)
    CA    ${line.ca}

${operators.join('\n')}

${paint('bold', 'Try')} (in another terminal)

export BIMETAL_HOME=${profiles}

 1  The ways into the board beside the proxy

${bimetal} bmcs --as hso

 2  HSO restarts the host: with one server the site's policy asks CP as well. It prints the line with which CP approves.

${bimetal} post ${reset} --bmc ${bmc} --as hso -d '{"ResetType":"ForceRestart"}'

 3  The event log as each party sees it

for p in hso cp; do ${bimetal} get Systems/system/LogServices/EventLog/Entries --bmc ${bmc} --as $p -t; done

The power that policies read is of an emulated outlet, which is always on.
${paint('dim', 'Ctrl-C ends it all; the site and what the board wrote to its flash are gone then.')}
`;
}
