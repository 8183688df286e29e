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
	NameRefused: () => 'another name: what the message allows',
	UploadMoved: bimetal => `${bimetal} image import FILE again: it goes on from where it was`,
	UploadTaken: bimetal => `${bimetal} image list — whether the other one has brought it in`,
	UploadVersion: () => 'a client that speaks tus 1.0.0: bimetal of the same version as the provisioner does',
	SourceAway: bimetal => `${bimetal} operation follow ID — it is tried again; or the URL of another mirror`,
	Cancelled: bimetal => `${bimetal} operation show ID — who ended it; the same command begins anew`,
	TooManyExports: () => 'the same when another one is done',
	StorageFault: bimetal => `${bimetal} operation list — it is tried again; else whoever runs the storage`,
	StorageAway: bimetal => `${bimetal} operation list — it goes on when the storage is back`,
	NetworkFault: bimetal =>
		`${bimetal} operation list — it is tried again; else whoever runs the provisioner: networks of its site file`,
};
