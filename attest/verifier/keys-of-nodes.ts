import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { attestErrors } from '../errors.ts';
import type { RegistrationView } from '../registrar/registrations.ts';

/** Where the verifier gets to know which keys are a node's. */
export interface KeysOfNodes {
	/** A registration by its id. @throws NotThere; RegistrarAway */
	registration(id: string): Promise<RegistrationView>;
}

/** Whether a registration counts for this node now. @throws KeysDiffer */
export async function activeKeys(
	keys: KeysOfNodes,
	{ node, registration }: { readonly node: string; readonly registration: string },
): Promise<RegistrationView> {
	const differ = (why: string) =>
		attestErrors.KeysDiffer(`Registration ${registration} ${why}: register again.`);
	const found = await keys.registration(registration).catch((fault: unknown) => {
		if (fault instanceof BimetalError && fault.status === 404) throw differ('is not known');
		throw fault;
	});
	if (found.node !== node) throw differ(`is not of node ${node}`);
	if (found.state !== 'active') throw differ(`is ${found.state}`);
	return found;
}
