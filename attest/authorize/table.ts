/** Who may do what. A rule names what decides; decide.ts finds it out. Administrators may do everything. */
export type Rule =
	/** Without a log-in as well: agents prove themselves by their TPM. */
	| 'anybody'
	/** Whoever is logged in. */
	| 'any'
	| 'admin'
	/** Members of the project that the call names. */
	| 'project'
	/** Members of the admission's project. */
	| 'admission'
	/** Members of the subscription's project. */
	| 'subscription'
	/** Members of the project that the node passes into. */
	| 'passage';

/** Every action of the interfaces. A route names one of them, or it does not compile. */
export const rules = {
	'me.show': 'any',
	'api.describe': 'any',
	'enrolment.list': 'admin',
	'enrolment.create': 'admin',
	'enrolment.delete': 'admin',
	// Public keys and certificates: who judges a node must see whose they are.
	'registration.find': 'any',
	'registration.show': 'any',
	'registration.begin': 'anybody',
	'registration.activate': 'anybody',
	'policy.list': 'project',
	'policy.show': 'project',
	'policy.set': 'project',
	'policy.delete': 'project',
	// What is listed is what one may see.
	'admission.list': 'any',
	'admission.ask': 'project',
	'admission.show': 'admission',
	'admission.end': 'admission',
	'admission.withdraw': 'admission',
	'evidence.export': 'admission',
	'payload.show': 'admission',
	'payload.release': 'admission',
	'subscription.list': 'project',
	'subscription.add': 'project',
	'subscription.delete': 'subscription',
	// Whoever is refused by more than this answers for it: so everybody may read it.
	'standard.show': 'any',
	'passage.list': 'any',
	// Of which project the node is by now, hil says: passage/asked-node.ts.
	'passage.ask': 'project',
	'passage.show': 'passage',
	'passage.cancel': 'passage',
	'verifier.key': 'anybody',
	'round.ask': 'anybody',
	'round.take': 'anybody',
} as const satisfies Readonly<Record<string, Rule>>;

export type ActionName = keyof typeof rules;
