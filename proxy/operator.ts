/** A person (or program) that acts for a party, as the authenticate stage found it. */
export interface Operator {
	/** Unique within the site, for instance `hso-operator`. */
	readonly name: string;
	/** The party's name as the authorization table writes it in capitals, for instance `HSO`. */
	readonly party: string;
}
