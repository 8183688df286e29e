/** What to do next about a refusal of the provisioner's, by its code: see provisioner/errors.ts. */
export const provisionerHints: Readonly<Record<string, (bimetal: string) => string>> = {
	ProvisionerUnreachable: bimetal => `is it running? '${bimetal} provisioner -c provisioner.yaml' starts it`,
	ProvisionerNotTrusted: () => "give the site CA's certificate with --ca FILE",
	Forbidden: bimetal => `${bimetal} hil whoami — which projects you are in; --as NAME acts as somebody else`,
	NotThere: bimetal =>
		`${bimetal} provisioned, ${bimetal} image list, ${bimetal} disk list — show what there is for you`,
	NameTaken: () => 'another name',
	InUse: bimetal =>
		`${bimetal} provisioned, ${bimetal} disk list, ${bimetal} operation list — what is in the way`,
	Protected: bimetal => `${bimetal} image protect IMAGE --off`,
	Ambiguous: () => 'one of these',
	NotReady: bimetal => `${bimetal} operation list — how it gets on`,
	ChecksumWrong: () => 'the file again, and the SHA-256 from whoever publishes it',
	ImageTooLarge: () => 'a smaller one, or have import.largest of provisioner.yaml raised',
	SourceRefused: () => 'the URL as its publisher gives it; import.allowHosts for mirrors of the site',
	StorageFull: bimetal => `${bimetal} usage — what takes the room`,
};
