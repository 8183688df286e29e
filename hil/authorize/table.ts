/**
 * Who may do what. A rule names what decides; facts.ts finds it out, decide.ts decides. Administrators may do
 * everything.
 */
export type Rule =
	/** Whoever is logged in. */
	| 'any'
	| 'admin'
	/** Members of the project that the call names. */
	| 'project'
	/** The same; whoever is logged in when it names none: then they meet what is theirs. */
	| 'own-projects'
	/** Members of the node's project; of a free node, administrators. */
	| 'node'
	/** The same, but free nodes are everybody's to see. */
	| 'node-visible'
	/** Members of the project that is to own the network; for an `admin` network, administrators. */
	| 'network-new'
	/** Members of the owner. */
	| 'network-owner'
	/** Members of a project that has access; everybody, when it is public. */
	| 'network-visible'
	/** Members of the owner, and of the project that loses access. */
	| 'network-leave'
	/** Members of the owner; of the named project if it has access, and then its own attachments only. */
	| 'network-attachments'
	/** Members of the project that had the node when the action was asked for. */
	| 'action'
	/** Members of every project whose nodes the change is about. */
	| 'change'
	/** Members of the headnode's project. */
	| 'headnode';

/** Every action of the interface. A route names one of them, or it does not compile. */
export const rules = {
	'project.list': 'admin',
	'project.create': 'admin',
	'project.delete': 'admin',
	'project.connect-node': 'project',
	'project.detach-node': 'project',
	'project.list-nodes': 'project',
	'project.list-networks': 'project',
	'project.list-headnodes': 'project',
	'node.list': 'any',
	'node.show': 'node-visible',
	'node.register': 'admin',
	'node.delete': 'admin',
	'node.register-nic': 'admin',
	'node.delete-nic': 'admin',
	'node.set-metadata': 'admin',
	'node.delete-metadata': 'admin',
	'node.connect-network': 'node',
	'node.detach-network': 'node',
	'node.set-obm': 'node',
	'node.power': 'node',
	'node.power-status': 'node',
	'node.boot-device': 'node',
	'node.console': 'node',
	'network.list': 'any',
	'network.create': 'network-new',
	'network.delete': 'network-owner',
	'network.show': 'network-visible',
	'network.list-attachments': 'network-attachments',
	'network.grant': 'network-owner',
	'network.revoke': 'network-leave',
	'switch.list': 'admin',
	'switch.register': 'admin',
	'switch.change': 'admin',
	'switch.delete': 'admin',
	'switch.show': 'admin',
	'switch.list-ports': 'admin',
	'switch.inspect': 'admin',
	'switch.repair': 'admin',
	'port.register': 'admin',
	'port.delete': 'admin',
	'port.show': 'admin',
	'port.connect-nic': 'admin',
	'port.detach-nic': 'admin',
	'port.revert': 'admin',
	'action.show': 'action',
	'headnode.images': 'any',
	'headnode.create': 'project',
	'headnode.show': 'headnode',
	'headnode.delete': 'headnode',
	'headnode.start': 'headnode',
	'headnode.stop': 'headnode',
	'headnode.change': 'headnode',
	'extensions.list': 'admin',
	'user.list': 'admin',
	'user.create': 'admin',
	'user.delete': 'admin',
	'user.set-admin': 'admin',
	'user.change-projects': 'admin',
	'me.show': 'any',
	'topology.show': 'own-projects',
	// What is found is what one may look at.
	'node.search': 'any',
	// Each of its steps takes what it takes by itself.
	'change.make': 'any',
	'change.show': 'change',
	'node.release': 'project',
	'node.list-pending': 'node',
	'node.set-lease': 'admin',
	'project.show': 'project',
	'project.set-quota': 'admin',
	'api.describe': 'any',
} as const satisfies Readonly<Record<string, Rule>>;

export type ActionName = keyof typeof rules;
