import { type Actor, isMember } from '../authorize/actor.ts';
import { attestErrors } from '../errors.ts';
import { isCode, type NodeAtHil } from './node-at-hil.ts';
import type { FoundNode, NewPassage } from './passages.ts';
import type { AirlockSettings } from './settings.ts';

/**
 * What hil says of a node that somebody wants to bring into a project, and whether they may: one that is free, waits in the
 * airlock or is a project's of theirs. Out of the rejected pool an administrator alone gets it, by asking.
 * @throws NotThere, Forbidden; what hil's client throws
 */
export async function askedNode(
	hil: NodeAtHil,
	settings: AirlockSettings,
	{ node, project, networks }: NewPassage,
	actor: Actor,
): Promise<FoundNode> {
	if (project === settings.project || project === settings.rejected)
		throw attestErrors.Forbidden(`Project ${project} is the airlock's own: nodes pass into others.`);
	const found = await hil.look(node).catch((fault: unknown) => {
		// This service's account is no member of the project that has it.
		if (!isCode(fault, 'AuthorizationError')) throw fault;
	});
	const origin = found?.project ?? null;
	const isWaiting = origin === null || origin === settings.project;
	if (!found || (!isWaiting && origin !== settings.rejected && !isMember(actor, origin)))
		throw attestErrors.NotThere(`There is no node ${node} that is free, or yours.`);
	if (origin === settings.rejected && !actor.isAdmin)
		throw attestErrors.Forbidden(`Node ${node} was refused: an administrator looks at it first.`);
	const absent = [settings.nic, ...networks.map(({ nic }) => nic)].find(
		nic => nic !== undefined && !found.nics.includes(nic),
	);
	const nic = settings.nic ?? networks[0]?.nic ?? found.nics[0];
	if (absent !== undefined || nic === undefined)
		throw attestErrors.NotThere(
			`Node ${node} has no NIC${absent === undefined ? '' : ` ${absent}`} that hil knows.`,
		);
	for (const { network } of networks) {
		if (!settings.networks.includes(network) && (await hil.admits(project, network))) continue;
		throw attestErrors.Forbidden(`Project ${project} has no use of network ${network}.`);
	}
	const leaseEnd = origin === null ? null : await hil.leaseOf(origin, node);
	return { origin, leaseEnd, nic, room: await hil.roomOf(project) };
}
