import { provisionerErrors } from '../errors.ts';
import type { BootEntry } from './boot-network.ts';

/** LUN of the disk; 0 is the target's controller. */
const unit = 1;
/** Seconds until a node that cannot reach its disk, or may not yet, tries again. */
export const waitSeconds = 5;

/** What iPXE does until it may have its script: it asks for the same address again. There is no secret in it. */
export const waitScript = (name: string): string =>
	[
		'#!ipxe',
		`echo Nobody says now whose this node is: again in ${waitSeconds} seconds`,
		':again',
		`sleep ${waitSeconds}`,
		`chain --replace ${name} || goto again`,
		'',
	].join('\n');

/**
 * What iPXE does to boot a node from its disk, by whichever portal answers (https://ipxe.org/cmd/sanboot): the secret goes on
 * to the operating system by the firmware's table (iBFT). @throws NameRefused for what iPXE would take for something else
 */
export function bootScript({ target, hostname }: Pick<BootEntry, 'target' | 'hostname'>): string {
	const { portals, iqn, initiator, chap } = target;
	const disks = portals.map(portal => {
		const [host, port] = portal.split(':');
		return `iscsi:${plain(`${host}`)}::${plain(`${port}`)}:${unit}:${plain(iqn)}`;
	});
	return [
		'#!ipxe',
		`set hostname ${plain(hostname)}`,
		`set initiator-iqn ${plain(initiator)}`,
		`set username ${plain(chap.username)}`,
		`set password ${plain(chap.password)}`,
		'set keep-san 1',
		':boot',
		`sanboot ${disks.join(' ')} || echo No disk yet: again in ${waitSeconds} seconds`,
		`sleep ${waitSeconds}`,
		'goto boot',
		'',
	].join('\n');
}

/** Nothing that separates, comments or expands there. */
function plain(text: string): string {
	if (/^[A-Za-z0-9.:_-]{1,255}$/.test(text)) return text;
	throw provisionerErrors.NameRefused('A name or secret of the node cannot stand in a boot script.');
}
